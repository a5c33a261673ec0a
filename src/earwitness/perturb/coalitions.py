"""Coalitions: which components are on. Rows of zeros and ones, and soft masks grown from them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from earwitness.core.errors import ParameterError

MOST_EXHAUSTIVE = 14
MOST_CODED = 62  # bits of a signed 64-bit number, less two


def every(n: int) -> Tensor:
    """Return all 2ⁿ coalitions, the empty one first and the full one last.

    Args:
        n: number of components, at most 14.

    Returns:
        Booleans, (2ⁿ, n).

    >>> every(2).int().tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    if not 1 <= n <= MOST_EXHAUSTIVE:
        raise ParameterError(f"{n} components; expected 1 to {MOST_EXHAUSTIVE}: sample, 2^{n} coalitions are too many")
    return (torch.arange(2**n)[:, None] >> torch.arange(n)) % 2 == 1


def bernoulli(n_samples: int, n: int, *, generator: torch.Generator, keep: float = 0.5) -> Tensor:
    """Draw coalitions in which each component is on independently; the first one is full.

    Args:
        n_samples: number of rows.
        n: number of components.
        generator: source of randomness, on the CPU.
        keep: probability that a component is on.

    Returns:
        Booleans, (n_samples, n).

    Source: Ribeiro et al. 2016 (LIME for images).
    """
    rows = torch.rand(n_samples, n, generator=generator) < keep
    rows[:1] = True
    return rows


def balanced(n_samples: int, n: int, *, generator: torch.Generator) -> Tensor:
    """Draw coalitions with chance ½ per component that are balanced against each other, block by block.

    Every row by itself is as random as a Bernoulli row. Within a block of ``balanced_block(n)`` rows each component is
    on in exactly half of them, and so are all pairs and triples of components in all their combinations: effects of
    single components and of pairs cannot pass for each other. The columns of a Hadamard matrix and of its complement
    are assigned and flipped at random, afresh for each block.

    Args:
        n_samples: number of rows; the last block may be cut.
        n: number of components.
        generator: source of randomness, on the CPU.

    Returns:
        Booleans, (n_samples, n).

    Source: Owen 1992 and Tang 1993, randomised orthogonal arrays (strength 3).
    """
    # Sylvester's Hadamard matrix: entry (i, j) is the parity of the bits that i and j share. Any two of its columns are
    # orthogonal; with the complement of every row below it odd products cancel as well, which balances triples.
    half = balanced_block(n) // 2
    numbers = torch.arange(half)
    crossed = numbers[:, None] & numbers
    odd = torch.zeros_like(crossed)
    for bit in range(half.bit_length()):
        odd ^= (crossed >> bit) & 1
    blocks = []
    for _ in range(math.ceil(n_samples / (2 * half))):
        columns = torch.randperm(half, generator=generator)[:n]
        flipped = torch.rand(n, generator=generator) < 0.5  # keeps the balance, makes each row fair
        rows = (odd[:, columns] == 1) ^ flipped
        blocks.append(torch.cat([rows, ~rows])[torch.randperm(2 * half, generator=generator)])
    return torch.cat(blocks)[:n_samples] if blocks else torch.zeros(0, n, dtype=torch.bool)


def balanced_block(n: int) -> int:
    """Return the rows of one block of ``balanced``: twice the power of two that is not below n."""
    return 2 << (n - 1).bit_length()


def with_complements(rows: Tensor) -> Tensor:
    """Follow each coalition by its complement: (k, n) -> (2k, n).

    Source: Covert & Lee 2021 (paired sampling).
    """
    return torch.stack([rows, ~rows], 1).flatten(0, 1)


def shapley_kernel(n_samples: int, n: int, *, generator: torch.Generator) -> Tensor:
    """Draw paired coalitions with the size distribution of the Shapley kernel; empty and full do not occur.

    Args:
        n_samples: number of rows; an odd one is rounded up.
        n: number of components, at least 2.
        generator: source of randomness, on the CPU.

    Returns:
        Booleans, (n_samples, n); the k-th odd row is the complement of the one before it.

    Source: Lundberg & Lee 2017, theorem 2; sizes s with probability ∝ (n - 1) / (s·(n - s)).
    """
    if n < 2:
        raise ParameterError(f"{n} component; the Shapley kernel needs at least 2")
    sizes = torch.arange(1, n, dtype=torch.float64)
    chances = (n - 1) / (sizes * (n - sizes))
    drawn = torch.multinomial(chances, math.ceil(n_samples / 2), replacement=True, generator=generator) + 1
    ranks = torch.rand(len(drawn), n, generator=generator).argsort(1).argsort(1)
    return with_complements(ranks < drawn[:, None])


def distinct(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return distinct coalitions in the order of their first occurrence, their counts, and which each row is.

    Args:
        rows: (k, n).

    Returns:
        (distinct rows (u, n), counts (u,), index (k,)); the first draws ask for the first distinct rows only.
    """
    # one number per row sorts far faster than rows do, where it fits
    keys = codes(rows) if rows.shape[1] <= MOST_CODED else rows
    groups, index, counts = torch.unique(keys, dim=0, return_inverse=True, return_counts=True)
    numbers = torch.arange(len(rows))
    first = torch.full((len(groups),), len(rows)).scatter_reduce(0, index, numbers, "amin")
    order = first.argsort()
    return rows[first[order]], counts[order], order.argsort()[index]


def codes(rows: Tensor) -> Tensor:
    """Return each coalition (k, n), n <= 62, as a number whose lowest bit is the first component, (k,).

    >>> codes(torch.tensor([[1, 0, 1]])).tolist()
    [5]
    """
    return (rows.long() << torch.arange(rows.shape[1])).sum(1)


def soft_masks(cells: Tensor, shifts: Tensor, shape: tuple[int, int], *, padding: int = 3) -> Tensor:
    """Grow coarse grids into soft masks of the plane's size.

    Bilinear upsampling to the whole plane, reflection padding, then a crop at an integer shift.

    Args:
        cells: coarse grids, (k, rows, columns).
        shifts: where the crop begins, (k, 2), integers in 0..2·padding.
        shape: (freq, time).
        padding: border in bins and frames.

    Returns:
        (k, freq, time) in [0, 1], dtype of ``cells``.

    Source: Petsiuk et al. 2018; Wickstrøm et al. 2023, published code (upsamples straight to the plane).
    """
    n_bins, n_frames = shape
    grown = functional.interpolate(cells[:, None], size=shape, mode="bilinear", align_corners=False)
    border = [min(padding, n_frames - 1)] * 2 + [min(padding, n_bins - 1)] * 2
    padded = functional.pad(grown, border, mode="reflect")[:, 0]
    rows = (shifts[:, :1].clamp(max=2 * border[2]) + torch.arange(n_bins)).to(padded.device)
    columns = (shifts[:, 1:].clamp(max=2 * border[0]) + torch.arange(n_frames)).to(padded.device)
    picked = padded.gather(1, rows[:, :, None].expand(-1, -1, padded.shape[2]))
    return picked.gather(2, columns[:, None, :].expand(-1, n_bins, -1))
