"""Many LIME explanations of one excerpt from the same remembered answers: any number of samples, both kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.perturb import coalitions
from earwitness.perturb.estimators import Distance, lime_weights, weighted_ridge
from earwitness.perturb.game import CoalitionGame

SAMPLES = (1000, 2000, 5000, 10000, 20000, 30000, 40000, 50000, 70000)
PUBLISHED_SAMPLES = 70000
KERNEL_WIDTH = 0.25


@dataclass(frozen=True, eq=False)
class Draws:
    """What one run of LIME drew, for several numbers of samples; a larger number contains the smaller ones.

    Attributes:
        rows: distinct coalitions, (u, n).
        counts: how often each was drawn among the first N_s, (numbers of samples, u).
    """

    rows: Tensor
    counts: Tensor


def draw_rows(n: int, samples: Sequence[int], *, generator: torch.Generator) -> Draws:
    """Draw coalitions as LIME does, each part on by chance ½ and the first coalition full.

    Args:
        n: number of parts.
        samples: numbers of samples N_s, rising.
        generator: source of randomness.
    """
    drawn = coalitions.bernoulli(max(samples), n, generator=generator)
    codes = coalitions.codes(drawn)
    distinct_codes, index = torch.unique(codes, return_inverse=True)
    counts = torch.stack([torch.bincount(index[:count], minlength=len(distinct_codes)) for count in samples])
    return Draws((distinct_codes[:, None] >> torch.arange(n)) % 2 == 1, counts)


def weights_of(
    rows: Tensor, scores: Tensor, counts: Tensor, *, distance: Distance, alpha: float = 1.0
) -> Tensor:
    """Return LIME's weights (n,) from distinct coalitions, their scores and how often they were drawn.

    The result is that of a regression on every drawn row, as rows that occur twice count twice.

    Source: Mishra et al. 2020 ("l2"), Mishra et al. 2017 ("cosine"); ridge penalty 1.
    """
    used = counts > 0
    closeness = lime_weights(rows[used], distance=distance, kernel_width=KERNEL_WIDTH)
    return weighted_ridge(rows[used], scores[used], closeness * counts[used], alpha=alpha)[0]


def limit_weights(game: CoalitionGame, *, distance: Distance) -> Tensor:
    """Return the weights (n,) that LIME approaches with ever more samples: every coalition once, no penalty.

    The penalty of 1 does not grow with the number of samples, so it is gone in the limit.
    """
    rows = coalitions.every(game.n)
    return weights_of(rows, game(rows), torch.ones(len(rows)), distance=distance, alpha=0.0)


def default_weights(game: CoalitionGame) -> Tensor:
    """Return the weights (n,) of this library's ``slime``: every coalition once, cosine, penalty 1."""
    rows = coalitions.every(game.n)
    return weights_of(rows, game(rows), torch.ones(len(rows)), distance="cosine")
