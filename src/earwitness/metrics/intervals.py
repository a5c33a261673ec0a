"""How sure a mean or a share is: 95 % intervals."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError

Z_95 = 1.959963984540054
RESAMPLES = 2000
ENDS = (0.025, 0.975)


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
    low, high = torch.quantile(present[drawn].mean(1), torch.tensor(ENDS, dtype=torch.float64)).tolist()
    return low, high


def resampled_means(sums: np.ndarray, sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the means of resampled sets, (resamples, columns): NaN where a resample has nothing of a column.

    Args:
        sums: what each thing that is drawn adds up to, (things, columns): a clip's number, or a recording's sum.
        sizes: of how many numbers, (things, columns); 0 where there is none.
        counts: how often each resample draws each thing, (resamples, things).

    Source: Efron 1979; of groups as wholes, Davison & Hinkley 1997, sec. 3.8.

    >>> resampled_means(np.array([[1.0], [3.0]]), np.array([[1], [1]]), np.array([[2, 0], [1, 1]])).tolist()
    [[1.0], [2.0]]
    """
    totals, numbers = counts @ sums, counts @ sizes.astype(np.float64)
    means: np.ndarray = np.divide(totals, numbers, out=np.full_like(totals, np.nan), where=numbers > 0)
    return means


def percentile_interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends (columns,) of the 95 % percentile interval of resampled means; NaN where there are none.

    Args:
        means: (resamples, columns); NaN is left out.
    """
    empty = np.isnan(means).all(0)
    low, high = np.nanquantile(np.where(empty, 0.0, means), ENDS, axis=0)
    low[empty] = high[empty] = np.nan
    return low, high
