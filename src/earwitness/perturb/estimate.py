"""Estimates: from coalitions and scores to one number per component. Plain tensors, double precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness.errors import ParameterError, unknown_name

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


@dataclass
class MaskedMean:
    """Running sums of soft masks m and scores s, from which importance and uncertainty follow.

    Scores are summed as d = s - offset, with the first batch's mean as offset: similarities crowd near 1, where
    the difference of squares would lose its digits.

    Attributes:
        mask: Σ m, (freq, time).
        mask_score: Σ m·d.
        mask_score2: Σ m·d².
        offset: see above.
        count: number of masks.
    """

    mask: Tensor
    mask_score: Tensor
    mask_score2: Tensor
    offset: float = 0.0
    count: int = 0

    @classmethod
    def zeros(cls, shape: tuple[int, int]) -> MaskedMean:
        """Start with nothing seen on a plane (freq, time)."""
        zero = torch.zeros(shape, dtype=torch.float64)
        return cls(zero, zero.clone(), zero.clone())

    def add(self, masks: Tensor, scores: Tensor) -> None:
        """Take in masks (k, freq, time) and their scores (k,)."""
        if not self.count:
            self.offset = float(scores.cpu().double().mean())
        distance = (scores.cpu().double() - self.offset).to(masks)
        powers = torch.stack([torch.ones_like(distance), distance, distance**2])
        sums = (powers @ masks.flatten(1)).cpu().double().view(3, *self.mask.shape)
        self.mask += sums[0]
        self.mask_score += sums[1]
        self.mask_score2 += sums[2]
        self.count += len(scores)

    def result(self, *, normalise: Normalisation = "mask_sum") -> tuple[Tensor, Tensor]:
        """Return importance R and uncertainty U, both (freq, time).

        Args:
            normalise: "mask_sum", as the published code: R = Σms / Σm and U = Σms² - R²·Σm, a sum that grows with
                the number of masks; "count", as the paper: R = Σms / N and U = Σm(s - R)² / N.

        Source: Wickstrøm et al. 2023, eq. 4 and 5 ("count") and published code ("mask_sum").
        """
        if normalise not in ("mask_sum", "count"):
            raise unknown_name("normalise", normalise, ("mask_sum", "count"))
        total = self.mask_score + self.offset * self.mask
        importance = total / (self.mask.clamp(min=1e-12) if normalise == "mask_sum" else self.count)
        distance = importance - self.offset
        spread = self.mask_score2 - 2 * distance * self.mask_score + distance**2 * self.mask
        return importance, (spread if normalise == "mask_sum" else spread / self.count).clamp(min=0)
