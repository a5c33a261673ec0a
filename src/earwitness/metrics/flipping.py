"""Pixel flipping: what becomes of the score when the bins are silenced block by block, in order of relevance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fills import FillContext, fill_values
from earwitness.targets.scores import Score

Order = Literal["most", "least", "random"]
ORDERS: tuple[Order, ...] = ("most", "least", "random")
N_BLOCKS = 100


@dataclass(frozen=True, eq=False)
class Flipping:
    """Scores while more and more of the plane is replaced by the fill.

    Attributes:
        shares: share of the plane that is replaced, (blocks + 1,), from 0 to 1.
        scores: score at each share, (blocks + 1,); the first is that of the whole sound.
    """

    shares: Tensor
    scores: Tensor

    @property
    def auc(self) -> float:
        """Area under the scores over the shares: the mean score on the way, whatever the number of blocks."""
        return float(torch.trapezoid(self.scores, self.shares))


def flip(
    score: Score, features: Features, values: Tensor, *, order: Order = "most", n_blocks: int = N_BLOCKS,
    fill: str = "silence", generator: torch.Generator | None = None,
) -> Flipping:
    """Replace the plane block by block, all bins of equal relevance rank together, and score what is left.

    Args:
        score: what is explained.
        features: one item, (1, freq, time).
        values: explanation, (freq, time).
        order: "most" relevant first (a faithful map makes the score fall at once), "least" relevant first (it
            stays), or "random".
        n_blocks: steps from nothing to all; the network is asked ``n_blocks`` + 1 times.
        fill: what is put in the place of a bin; a name of ``perturb.fills.FILLS``.
        generator: source of the random order and of a random fill.

    Raises:
        ParameterError: values that do not fit the features, more blocks than bins, or an order without generator.

    Source: Samek et al. 2017. Differs: blocks of bins of neighbouring rank; the area is over 0..1, so that it does
    not grow with the number of steps.
    """
    plane = features.values.shape[1:]
    if len(features) != 1 or values.shape != plane:
        raise ParameterError(f"values has shape {tuple(values.shape)} and features {tuple(features.values.shape)}; "
                             "expected (freq, time) and one item")
    if not 1 <= n_blocks <= plane.numel():
        raise ParameterError(f"n_blocks is {n_blocks}; expected 1 to {plane.numel()}, the number of bins")
    blocks = _blocks(values, order, n_blocks, generator).to(features.values.device)
    filling = fill_values(fill, FillContext(features.values, score.model.front_end, generator=generator))

    def make(first: int, last: int) -> Features:
        steps = torch.arange(first, last, device=blocks.device)[:, None, None]
        return features.with_values(torch.where(blocks < steps, filling, features.values))

    scores = evaluate(score, make, n_blocks + 1)
    sizes = torch.bincount(blocks.flatten().cpu(), minlength=n_blocks)
    shares = torch.cat([torch.zeros(1, dtype=torch.float64), sizes.cumsum(0).double() / plane.numel()])
    return Flipping(shares, scores)


def _blocks(values: Tensor, order: Order, n_blocks: int, generator: torch.Generator | None) -> Tensor:
    """Step at which each bin is replaced, (freq, time), 0..n_blocks-1; ties go by position."""
    flat = values.detach().flatten().cpu()
    if order == "random":
        if generator is None:
            raise ParameterError("order 'random' needs a generator")
        bins = torch.randperm(flat.numel(), generator=generator)
    elif order in ORDERS:
        bins = flat.argsort(descending=order == "most", stable=True)
    else:
        raise unknown_name("order", order, ORDERS)
    steps = torch.empty_like(bins)
    steps[bins] = torch.arange(flat.numel()) * n_blocks // flat.numel()
    return steps.view(values.shape)
