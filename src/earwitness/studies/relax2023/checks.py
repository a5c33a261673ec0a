"""Is it true? Every check of every explanation of one clip, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from earwitness import metrics
from earwitness.checks import max_sensitivity, randomisation
from earwitness.core.types import Features
from earwitness.metrics.flipping import ORDERS
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.studies.relax2023.maps import Map, make_maps

LOCALISATION = {"mass": metrics.relevance_mass, "rank": metrics.relevance_rank, "pointing": metrics.pointing_game,
                "auc": metrics.localisation_auc, "iou": metrics.top_k_iou}


@dataclass(frozen=True)
class Budget:
    """How much is computed.

    Attributes:
        n_masks: masks of each explanation.
        n_masks_checks: masks where an explanation is made again and again: stability and randomisation.
        n_blocks: steps of pixel flipping.
        n_changes: changed inputs of the stability check; 0 leaves it out.
        radius_db: largest change of a bin in the stability check, in the front end's unit.
        cascade_steps: stages of the randomisation check; 0 leaves it out.
    """

    n_masks: int = 3000
    n_masks_checks: int = 500
    n_blocks: int = 100
    n_changes: int = 2
    radius_db: float = 1.0
    cascade_steps: int = 2


@dataclass(frozen=True, eq=False)
class CheckRows:
    """One clip, all explanations, all answers.

    Attributes:
        rows: one per method and family of masks, column -> value.
        curves: "method/family/order" -> scores while flipping, blocks + 1 numbers.
        maps: the explanations.
    """

    rows: list[dict[str, Any]]
    curves: dict[str, list[float]]
    maps: list[Map] = field(default_factory=list)


def run_checks(
    model: AudioModel, item: Features, target: int, *, effort: Budget, seed: int,
    evidence: Tensor | None = None, other_labels: AudioModel | None = None,
) -> CheckRows:
    """Explain one item in all ways and check each explanation.

    For localisation the smallest importance counts as none: all of them crowd around the mean score.

    Args:
        model: an encoder with a classifier behind it.
        item: features of one window.
        target: class that RISE explains.
        effort: how much is computed.
        seed: of masks, orders and changes.
        evidence: the true mask (freq, time), where it is known.
        other_labels: the same encoder with a classifier that was fitted to shuffled labels.
    """
    check_rows = CheckRows([], {})
    for made in make_maps(model, item, target, n_masks=effort.n_masks, seed=seed):
        row = {"method": made.method, "masks": made.family, "doubt": made.doubt}
        row |= _flipped(model, item, made, effort, seed, check_rows.curves)
        if evidence is not None:
            row |= {name: float(function(made.values - made.values.min(), evidence))
                    for name, function in LOCALISATION.items()}
        if made.method != "u_relax":
            row |= _rerun(model, item, made, effort, seed, other_labels)
        check_rows.rows.append(row)
        check_rows.maps.append(made)
    return check_rows


def _flipped(
    model: AudioModel, item: Features, made: Map, effort: Budget, seed: int, curves: dict[str, list[float]]
) -> Mapping[str, float]:
    """Areas under the flipping curves, and how far they lie apart in shares of the range of the scores on the way."""
    row: dict[str, float] = {}
    generator, seen = torch.Generator().manual_seed(seed), []
    with eval_mode(model.network):
        score = made.rerun.fast_score(model, item)
        for order in ORDERS:
            curve = metrics.flip(score, item, made.values, order=order, n_blocks=effort.n_blocks, generator=generator)
            row[order] = curve.auc
            seen.append(curve.scores)
            curves[f"{made.method}/{made.family}/{order}"] = [round(value, 5) for value in curve.scores.tolist()]
    span = float(torch.cat(seen).max() - torch.cat(seen).min())
    return row | {name: (row[other] - row["most"]) / span if span > 1e-6 else float("nan")
                  for name, other in (("contrast", "least"), ("lead", "random"))}


def _rerun(
    model: AudioModel, item: Features, made: Map, effort: Budget, seed: int, other_labels: AudioModel | None
) -> dict[str, float]:
    again = replace(made.rerun, settings={**made.rerun.settings, "n_masks": effort.n_masks_checks})
    first = again(model, item)

    def explain(other: AudioModel, changed: Features) -> Tensor:
        return first if other is model and changed is item else again(other, changed)

    generator, row = torch.Generator().manual_seed(seed), {}
    if effort.n_changes:
        row["sensitivity"] = max_sensitivity(lambda changed: _centred(explain(model, changed)), item,
                                             radius=effort.radius_db, n_samples=effort.n_changes, generator=generator)
    if effort.cascade_steps:
        stages = randomisation(explain, model, item, generator=generator, steps=effort.cascade_steps)
        row["random_weights"] = list(stages.values())[-1]
        row |= {f"random_weights_{k}": alike for k, alike in enumerate(stages.values(), 1)}
    if other_labels is not None and made.method == "rise":
        alike = float(metrics.rank_correlation(first, again(other_labels, item)).abs())
        row["random_labels"] = 0.0 if alike != alike else alike
    return row


def _centred(values: Tensor) -> Tensor:
    """A map without its mean: importances crowd around the mean score, which would hide every change."""
    return values - values.mean()
