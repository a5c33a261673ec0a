"""How sure a mean or a share is: 95 % intervals."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError

Z_95 = 1.959963984540054
RESAMPLES = 2000


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``n_right`` in ``n`` trials.

    Source: Wilson 1927.

    >>> [round(end, 3) for end in wilson_interval(9, 10)]
    [0.596, 0.982]
    """
    if not 0 <= n_right <= n or n < 1:
        raise ParameterError(f"{n_right} of {n}; expected a part of at least one trial")
    share, z2 = n_right / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_interval(values: Tensor, *, generator: torch.Generator) -> tuple[float, float]:
    """Return the 95 % interval of a mean: percentiles of the means of 2,000 resampled sets.

    Args:
        values: one number per clip, (n,); NaN entries are left out.
        generator: source of the draws.

    Returns:
        (low, high); NaN where fewer than two numbers are left.

    Source: Efron 1979, percentile interval.
    """
    present = values.flatten().double()
    present = present[~present.isnan()]
    if len(present) < 2:
        return float("nan"), float("nan")
    drawn = torch.randint(len(present), (RESAMPLES, len(present)), generator=generator)
    low, high = torch.quantile(present[drawn].mean(1), torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
