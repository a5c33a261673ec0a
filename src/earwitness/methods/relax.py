"""RISE and RELAX: soft random masks, weighted by what the model says of what they keep."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import DRAWS, PENALTY, method
from earwitness.perturb.estimators import Normalisation
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fills import FillContext, fill_values
from earwitness.perturb.masked_mean import MaskedMean, masked_mean
from earwitness.perturb.soft_masks import Grids, draw_grids
from earwitness.targets.scores import Score

MaskSampling = Literal["balanced", "independent"]
ROUND = 1024  # masks between two looks at the standard error
RANGES = {"n_masks": DRAWS, "cells": (1, 1000), "keep": (0.0, 1.0), "tolerance": PENALTY}


@method(score="similarity", series=True, ranges=RANGES, summary="what the embedding needs", part="a soft cell",
        cost="3,000 forward passes, or until sure", chance="yes, with uncertainty",
        source="Wickstrøm et al. 2023, for embeddings; balanced sampling")
def relax(
    score: Score, features: Features, *, generator: torch.Generator, n_masks: int = 3000, masks: str = "random",
    cells: int = 7, keep: float = 0.5, fill: str = "silence", normalise: Normalisation = "mask_sum",
    sampling: MaskSampling | None = None, tolerance: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean of soft random masks, weighted by the score of what they keep, with uncertainty.

    Args:
        score: what is explained; the similarity to the unmasked embedding as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        n_masks: number of masks, the most where a tolerance is given.
        masks: "random" grids, "time" stripes, "frequency" stripes, or "time_frequency": a product of the two.
        cells: cells along each axis of the coarse grid.
        keep: probability that a cell is kept (the published argument is called a probability of dropping).
        fill: what is put in place of what is masked; "silence", or "zero" as in the published code.
        normalise: "mask_sum" or "count", see ``MaskedMean.result``.
        sampling: "independent" masks as published; "balanced" ones with a stand-in for the model as control
            variate, which need about a third of the masks for the same error and are as unbiased; None takes
            balanced ones where ``keep`` is ½.
        tolerance: stop as soon as the largest standard error over the grid's cells is not above this.
        progress: called with the share done.

    Returns:
        Evidence with uncertainty, both (batch, freq, time); the facts ``n_masks_used`` and ``standard_error`` (the
        largest over the cells, in the score's unit), one number per item.

    Source: Wickstrøm et al. 2023, eq. 4 and 5; Hammershøi et al. 2023 for the stripes. Differs: balanced sampling.
    """
    sampling = sampling or ("balanced" if keep == 0.5 else "independent")
    estimates: list[MaskedMean] = []
    for k in range(len(features)):
        item = features[k : k + 1]
        filling = fill_values(fill, FillContext(item.values, score.model.front_end, generator=generator))
        grids = draw_grids(n_masks, masks, cells=cells, keep=keep, balanced=sampling == "balanced",
                           generator=generator)
        estimates.append(_score_grids(score, item, grids, filling, sampling, tolerance, progress))
    planes = [estimate.result(normalise=normalise) for estimate in estimates]
    return Evidence(
        torch.stack([importance for importance, _ in planes]).to(features.values),
        torch.stack([spread for _, spread in planes]).to(features.values),
        facts={"n_masks_used": [estimate.count for estimate in estimates],
               "standard_error": [estimate.error for estimate in estimates]},
    )


@method(score="probability", series=True, ranges=RANGES, summary="what kept masks have in common", part="a soft cell",
        cost="3,000 forward passes, or until sure", chance="yes, with uncertainty",
        source="Petsiuk et al. 2018, with uncertainty; balanced sampling")
def rise(
    score: Score, features: Features, *, generator: torch.Generator, n_masks: int = 3000, masks: str = "random",
    cells: int = 7, keep: float = 0.5, fill: str = "silence", normalise: Normalisation = "mask_sum",
    sampling: MaskSampling | None = None, tolerance: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean of soft random masks, weighted by the class probability of what they keep.

    The arguments are those of ``relax``; only the default score differs.

    Source: Petsiuk et al. 2018. Differs: uncertainty as in RELAX; silence is the fill; balanced sampling.
    """
    return relax(score, features, generator=generator, n_masks=n_masks, masks=masks, cells=cells, keep=keep, fill=fill,
                 normalise=normalise, sampling=sampling, tolerance=tolerance, progress=progress)


def _score_grids(
    score: Score, item: Features, grids: Grids, filling: Tensor, sampling: MaskSampling, tolerance: float | None,
    progress: Progress | None,
) -> MaskedMean:
    shape = (item.values.shape[1], item.values.shape[2])
    scores = torch.empty(0, dtype=torch.float64)
    while len(scores) < len(grids):
        done = len(scores)
        until = len(grids) if tolerance is None else min(len(grids), done + ROUND)

        def make(first: int, last: int, done: int = done) -> Features:
            masks = grids.masks(done + first, done + last, item.values)
            return score.model.front_end.blend(item, masks, fill=filling)

        def report(share: float, done: int = done, until: int = until) -> None:
            if progress is not None:
                progress((done + share * (until - done)) / len(grids))

        scores = torch.cat([scores, evaluate(score, make, until - done, progress=report)])
        if tolerance is not None:
            estimate = masked_mean(grids.first(until), scores, shape, balanced=sampling == "balanced")
            if estimate.error <= tolerance:
                return estimate
    return masked_mean(grids, scores, shape, balanced=sampling == "balanced")
