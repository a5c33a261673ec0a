"""RISE and RELAX: soft random masks, weighted by what the model says of what they keep."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.errors import unknown_name
from earwitness.frontends import blend
from earwitness.methods.evidence import Evidence, Progress
from earwitness.perturb.coalitions import soft_masks
from earwitness.perturb.estimate import MaskedMean, Normalisation
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fill import Context, fill_values
from earwitness.scores import Score
from earwitness.types import Features

PADDING = 3
GRIDS: dict[str, Callable[[int], tuple[int, int]]] = {
    "random": lambda cells: (cells, cells),
    "time": lambda cells: (1, cells),
    "frequency": lambda cells: (cells, 1),
}
FAMILIES = (*GRIDS, "time_frequency")
Grow = Callable[[int, int, Tensor], Tensor]


def relax(
    score: Score, features: Features, *, generator: torch.Generator, n_masks: int = 3000, masks: str = "random",
    cells: int = 7, keep: float = 0.5, fill: str = "silence", normalise: Normalisation = "mask_sum",
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean of soft random masks, weighted by the score of what they keep, with uncertainty.

    Args:
        score: what is explained; the similarity to the unmasked embedding as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        n_masks: number of masks.
        masks: "random" grids, "time" stripes, "frequency" stripes, or "time_frequency": a product of the two.
        cells: cells along each axis of the coarse grid.
        keep: probability that a cell is kept (the published argument is called a probability of dropping).
        fill: what is put in place of what is masked; "silence", or "zero" as in the published code.
        normalise: "mask_sum" or "count", see ``MaskedMean.result``.
        progress: called with the share done.

    Returns:
        Evidence with uncertainty, both (batch, freq, time).

    Source: Wickstrøm et al. 2023, eq. 4 and 5; Hammershøi et al. 2023 for the stripes.
    """
    importance: list[Tensor] = []
    spread: list[Tensor] = []
    for k in range(len(features)):
        item = features[k : k + 1]
        filling = fill_values(fill, Context(item.values, score.model.front_end, generator=generator))
        grow = draw_masks(n_masks, masks, cells=cells, keep=keep, generator=generator)
        sums = _scored_masks(score, item, grow, filling, n_masks, progress)
        for found, part in zip((importance, spread), sums.result(normalise=normalise), strict=True):
            found.append(part.to(item.values))
    return Evidence(torch.stack(importance), torch.stack(spread))


def rise(
    score: Score, features: Features, *, generator: torch.Generator, n_masks: int = 3000, masks: str = "random",
    cells: int = 7, keep: float = 0.5, fill: str = "silence", normalise: Normalisation = "mask_sum",
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean of soft random masks, weighted by the class probability of what they keep.

    The arguments are those of ``relax``; only the default score differs.

    Source: Petsiuk et al. 2018. Differs: uncertainty as in RELAX; silence is the fill.
    """
    return relax(score, features, generator=generator, n_masks=n_masks, masks=masks, cells=cells, keep=keep, fill=fill,
                 normalise=normalise, progress=progress)


def draw_masks(n_masks: int, family: str, *, cells: int, keep: float, generator: torch.Generator) -> Grow:
    """Draw the coarse grids of all masks; the masks themselves are grown when they are needed.

    Returns:
        A function (first, last, values (1, freq, time)) -> soft masks (last - first, freq, time), on the device
        and in the dtype of the values.
    """
    if family not in FAMILIES:
        raise unknown_name("masks", family, FAMILIES)
    kinds = ("time", "frequency") if family == "time_frequency" else (family,)
    drawn = [torch.rand(n_masks, *GRIDS[kind](cells), generator=generator) < keep for kind in kinds]
    shifts = torch.randint(2 * PADDING + 1, (n_masks, 2), generator=generator)

    def grow(first: int, last: int, values: Tensor) -> Tensor:
        shape = (values.shape[1], values.shape[2])
        masks = soft_masks(drawn[0][first:last].to(values), shifts[first:last], shape, padding=PADDING)
        for grid in drawn[1:]:
            masks = masks * soft_masks(grid[first:last].to(values), shifts[first:last], shape, padding=PADDING)
        return masks

    return grow


def _scored_masks(
    score: Score, item: Features, grow: Grow, filling: Tensor, n_masks: int, progress: Progress | None
) -> MaskedMean:
    sums = MaskedMean.zeros((item.values.shape[1], item.values.shape[2]))
    masks: Tensor = item.values

    def make(first: int, last: int) -> Features:
        nonlocal masks
        masks = grow(first, last, item.values)
        return item.with_values(blend(item.values, masks, fill=filling))

    evaluate(score, make, n_masks, on_batch=lambda first, last, scores: sums.add(masks, scores), progress=progress)
    return sums
