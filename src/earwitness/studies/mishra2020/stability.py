"""Does LIME say the same thing twice? U_n against the number of samples, the fill, the parts and the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from earwitness.core.errors import unknown_name
from earwitness.core.types import Features
from earwitness.models import AudioModel
from earwitness.perturb.coalitions import MOST_EXHAUSTIVE
from earwitness.perturb.components import Segments, grid, spectral, temporal
from earwitness.perturb.estimators import Distance
from earwitness.perturb.game import CoalitionGame
from earwitness.studies.mishra2020.excerpts import Excerpt, seeded
from earwitness.studies.mishra2020.surrogate import SAMPLES, draw_rows, limit_weights, weights_of
from earwitness.studies.mishra2020.top_component_overlap import common_components, unique_components

KERNELS: tuple[Distance, ...] = ("l2", "cosine")
KINDS = ("temporal", "spectral", "grid")


@dataclass(frozen=True)
class StabilityPlan:
    """How often and from how many samples an excerpt is explained.

    Attributes:
        samples: numbers of samples N_s, rising.
        runs: repeated explanations.
        seed: of every draw.
    """

    samples: tuple[int, ...] = SAMPLES
    runs: int = 5
    seed: int = 0


def parts_of(kind: str, features: Features, model: AudioModel) -> Segments:
    """Divide an item into "temporal" (10), "spectral" (10) or "grid" (6 × 4) parts."""
    if kind not in KINDS:
        raise unknown_name("components", kind, KINDS)
    front_end = model.front_end
    if kind == "grid":
        return grid(features, front_end)
    return (temporal if kind == "temporal" else spectral)(features, front_end)


def stability_rows(
    excerpt: Excerpt, number: int, games: Mapping[str, CoalitionGame], *, kind: str, plan: StabilityPlan
) -> list[dict[str, Any]]:
    """Explain one excerpt again and again.

    All fills are explained from the same draws, and the runs with more samples continue those with fewer.

    Args:
        excerpt: what is explained.
        number: of the excerpt, for its draws.
        games: one per fill.
        kind: of the parts, for the rows.
        plan: samples, runs, seed.

    Returns:
        One row per fill, kernel and number of samples with U_n, and N_ce between each run and the exact limit,
        averaged over the runs (NaN where there are more than 14 parts).
    """
    n = next(iter(games.values())).n
    draws = [draw_rows(n, plan.samples, generator=seeded(plan.seed, number, run)) for run in range(plan.runs)]
    rows = []
    for fill, game in games.items():
        answers = [game(each.rows) for each in draws]
        for kernel in KERNELS:
            limit = limit_weights(game, distance=kernel) if n <= MOST_EXHAUSTIVE else None
            for k, samples in enumerate(plan.samples):
                runs = [weights_of(d.rows, a, d.counts[k], distance=kernel)
                        for d, a in zip(draws, answers, strict=True)]
                near = [float(common_components(run, limit)) for run in runs if limit is not None]
                rows.append({
                    "song": excerpt.song, "start_s": round(excerpt.start_s, 3), "sung": excerpt.sung, "kind": kind,
                    "fill": fill, "kernel": kernel, "samples": samples, "U_n": unique_components(runs),
                    "N_ce_with_limit": sum(near) / len(near) if near else float("nan"), "asked": game.evaluations,
                })
    return rows
