"""Gradients averaged over many inputs: integrated gradients and SmoothGrad."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from earwitness.methods.evidence import Evidence, Progress
from earwitness.perturb.fill import Context, fill_values
from earwitness.scores import Score
from earwitness.types import Features

BATCH = 16


def integrated_gradients(
    score: Score, features: Features, *, generator: torch.Generator, baseline: str = "silence", n_steps: int = 64,
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the gradient along the straight line from a baseline to the features, times the way travelled.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        generator: source of randomness of a random baseline.
        baseline: a name of ``perturb.fill.FILLS``, such as "silence" or "noise".
        n_steps: points of the Gauss-Legendre quadrature.
        progress: called with the share done.

    Returns:
        Evidence that adds up to score(features) - score(baseline) but for the quadrature's error, which is the
        fact ``completeness_gap``, relative to that difference, one number per item.

    Source: Sundararajan et al. 2017, eq. 1. Differs: Gauss-Legendre points instead of a Riemann sum. For a network
    that hears waveforms the line is straight in the waveform (``FrontEnd.coordinates``), and the evidence is that of
    Vielhaben et al. 2024 on the short-time Fourier plane.
    """
    points, weights = _gauss_legendre(n_steps)
    values, gaps = [], []
    for k in range(len(features)):
        item = features[k : k + 1]
        front_end = score.model.front_end
        filling = fill_values(baseline, Context(item.values, front_end, generator=generator))
        start = front_end.coordinates(item, filling)
        way = front_end.coordinates(item, item.values) - start

        def inputs(first: int, last: int, start: Tensor = start, way: Tensor = way) -> Tensor:
            return start + points[first:last].to(way)[:, None, None] * way

        mean = _mean_gradient(score, partial(front_end.at, item), inputs, weights, progress)
        evidence = way[0].cpu().double() * mean
        ends = score(item.with_values(torch.cat([item.values, filling]))).detach().cpu().double()
        gaps.append(float((evidence.sum() - (ends[0] - ends[1])) / (ends[0] - ends[1]).abs().clamp(min=1e-12)))
        values.append(evidence.to(item.values))
    return Evidence(torch.stack(values), facts={"completeness_gap": gaps})


def smoothgrad(
    score: Score, features: Features, *, generator: torch.Generator, n_samples: int = 32, noise_share: float = 0.05,
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean gradient over noisy copies of the features.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        n_samples: noisy copies.
        noise_share: standard deviation of the noise over the range of the values.
        progress: called with the share done.

    Source: Smilkov et al. 2017. Differs: signed.
    """
    values = []
    for k in range(len(features)):
        item = features[k : k + 1]
        spread = noise_share * (item.values.max() - item.values.min())
        seeds = torch.randint(2**62, (n_samples,), generator=generator).tolist()

        def inputs(
            first: int, last: int, x: Tensor = item.values, spread: Tensor = spread, seeds: list[int] = seeds
        ) -> Tensor:
            noise = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(seed))
                     for seed in seeds[first:last]]
            return x + spread * torch.stack(noise).to(x)

        weights = torch.full((n_samples,), 1 / n_samples, dtype=torch.float64)
        values.append(_mean_gradient(score, item.with_values, inputs, weights, progress).to(item.values))
    return Evidence(torch.stack(values))


def _mean_gradient(
    score: Score, place: Callable[[Tensor], Features], inputs: Callable[[int, int], Tensor], weights: Tensor,
    progress: Progress | None,
) -> Tensor:
    """Σ w·gradient over the inputs, (freq, time), double precision, on the CPU; ``place`` makes features of them."""
    total = torch.zeros((), dtype=torch.float64)
    for first in range(0, len(weights), BATCH):
        last = min(len(weights), first + BATCH)
        x = inputs(first, last).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(score(place(x)).sum(), x)
        total = total + torch.einsum("k,kft->ft", weights[first:last], gradient.cpu().double())
        if progress is not None:
            progress(last / len(weights))
    return total


def _gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    """Points and weights on 0..1."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)
