"""Estimates: from coalitions and scores to one number per component. Plain tensors, double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name

Distance = Literal["cosine", "l2"]
Normalisation = Literal["mask_sum", "count"]


def lime_weights(rows: Tensor, *, distance: Distance = "cosine", kernel_width: float = 0.25) -> Tensor:
    """Weigh coalitions by their closeness to the full one: sqrt(exp(-d² / width²)).

    Args:
        rows: coalitions, (k, n).
        distance: "cosine" or "l2" between the row and all ones.
        kernel_width: of the exponential kernel.

    Returns:
        (k,), double precision, in [0, 1].

    Source: Ribeiro et al. 2016, published code. The empty row has cosine distance 1, as scikit-learn gives it.
    """
    on, n = rows.double().sum(1), rows.shape[1]
    if distance == "cosine":
        distances = 1 - (on / n).sqrt()
    elif distance == "l2":
        distances = (n - on).sqrt()
    else:
        raise unknown_name("distance", distance, ("cosine", "l2"))
    return torch.exp(-(distances**2) / kernel_width**2).sqrt()


def weighted_ridge(rows: Tensor, scores: Tensor, weights: Tensor, *, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Fit scores linearly to coalitions: minimise Σ w (s - b - rows·c)² + alpha·|c|²; b is not penalised.

    Args:
        rows: coalitions, (k, n).
        scores: (k,).
        weights: (k,), e.g. kernel weights times counts.
        alpha: strength of the penalty.

    Returns:
        (coefficients (n,), intercept ()), double precision.

    Source: Ribeiro et al. 2016; scikit-learn's Ridge with sample weights.
    """
    x, y, w = rows.double(), scores.double(), weights.double()
    total = w.sum()
    if not float(total) > 0:
        raise ParameterError("all coalitions weigh nothing; widen the kernel or use cosine distance")
    x_mean, y_mean = (w @ x) / total, (w @ y) / total
    x, y = x - x_mean, y - y_mean
    normal = (x * w[:, None]).T @ x + alpha * torch.eye(x.shape[1], dtype=x.dtype)
    coefficients = torch.linalg.lstsq(normal, ((x * w[:, None]).T @ y)[:, None]).solution[:, 0]
    return coefficients, y_mean - x_mean @ coefficients


def exact_shapley(scores: Tensor, n: int) -> Tensor:
    """Return Shapley values from the scores of all coalitions in the order of ``coalitions.every``.

    Args:
        scores: (2ⁿ,).
        n: number of components.

    Returns:
        (n,), double precision; their sum is the full score minus the empty one.

    Source: Shapley 1953.
    """
    if scores.shape != (2**n,):
        raise ParameterError(f"scores has shape {tuple(scores.shape)}; expected all 2^{n} coalitions")
    # Bit k of a coalition's number says whether component k is in, so adding it to all coalitions without it is one
    # gather. 1 / (n · C(n-1, s)) is s!·(n-s-1)! / n!, the share of the orders in which these s come before k.
    numbers = torch.arange(2**n)
    sizes = ((numbers[:, None] >> torch.arange(n)) % 2).sum(1)
    share = torch.tensor([1 / (n * math.comb(n - 1, s)) for s in range(n)], dtype=torch.float64)
    values = []
    for k in range(n):
        without = numbers[(numbers >> k) % 2 == 0]
        gain = scores.double()[without + (1 << k)] - scores.double()[without]
        values.append((share[sizes[without]] * gain).sum())
    return torch.stack(values)


def kernel_shapley(rows: Tensor, scores: Tensor, *, empty: float, full: float, weights: Tensor) -> Tensor:
    """Estimate Shapley values by least squares with the sum fixed to ``full`` - ``empty``.

    Args:
        rows: coalitions, neither empty nor full, (k, n), drawn by ``coalitions.shapley_kernel``.
        scores: (k,).
        empty: score of the empty coalition.
        full: score of the full coalition.
        weights: counts of the rows, (k,).

    Returns:
        (n,), double precision.

    Source: Lundberg & Lee 2017, eq. 8 with the efficiency constraint; Covert & Lee 2021, eq. 7.
    """
    x, w = rows.double(), weights.double() / weights.double().sum()
    n = x.shape[1]
    a = (x * w[:, None]).T @ x
    b = (x * w[:, None]).T @ (scores.double() - empty)
    system = torch.zeros(n + 1, n + 1, dtype=torch.float64)
    system[:n, :n], system[:n, n], system[n, :n] = a, 1.0, 1.0
    right = torch.cat([b, torch.tensor([full - empty], dtype=torch.float64)])
    solution: Tensor = torch.linalg.lstsq(system, right[:, None]).solution
    return solution[:n, 0]


def jackknife_error(fit: Callable[[Tensor], Tensor], n: int, *, block: int = 1, groups: int = 16) -> Tensor:
    """Return standard errors of what ``fit`` estimates, by leaving out one group of rows after the other.

    Args:
        fit: booleans (n,) that say which rows to use -> estimates (k,).
        n: number of rows.
        block: rows that were drawn together stay in one group.
        groups: how many groups, at most; with fewer than two blocks the error is infinite.

    Returns:
        (k,), double precision.

    Source: Efron & Tibshirani 1993, ch. 11 (delete-a-group jackknife).
    """
    blocks = math.ceil(n / block)
    if blocks < 2:
        return torch.full_like(fit(torch.ones(n, dtype=torch.bool)), math.inf)
    groups = min(groups, blocks)
    group = (torch.arange(n) // block) * groups // blocks
    without = torch.stack([fit(group != k) for k in range(groups)])
    return ((groups - 1) * without.var(0, correction=0)).sqrt()
