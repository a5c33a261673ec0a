"""Integrated gradients: the gradient along a line from a baseline, times the way travelled."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence
from earwitness.methods.mean_gradient import mean_gradient
from earwitness.methods.method_spec import method
from earwitness.perturb.fills import FillContext, fill_values
from earwitness.targets.scores import Score


@method(needs="gradient", complete=True, ranges={"n_steps": (1, 10**4)}, summary="gradients on the way from silence",
        part="a bin", cost="64 forward and backward passes", chance="no, but for a random baseline",
        source="Sundararajan et al. 2017")
def integrated_gradients(
    score: Score, features: Features, *, generator: torch.Generator, baseline: str = "silence", n_steps: int = 64,
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the gradient along the straight line from a baseline to the features, times the way travelled.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        generator: source of randomness of a random baseline.
        baseline: a name of ``perturb.fills.FILLS``, such as "silence" or "noise".
        n_steps: points of the Gauss-Legendre quadrature.
        progress: called with the share done.

    Returns:
        Evidence that adds up to score(features) - score(baseline) but for the quadrature's error, which is the
        fact ``completeness_gap``, relative to that difference, one number per item.

    Source: Sundararajan et al. 2017, eq. 1. Differs: Gauss-Legendre points instead of a Riemann sum. For a network
    that hears waveforms the line is straight in the waveform (``FrontEnd.to_linear_space``), and the evidence is that
    of Vielhaben et al. 2024 on the short-time Fourier plane.
    """
    points, weights = _gauss_legendre(n_steps)
    values, gaps = [], []
    for k in range(len(features)):
        item = features[k : k + 1]
        front_end = score.model.front_end
        filling = fill_values(baseline, FillContext(item.values, front_end, generator=generator))
        start = front_end.to_linear_space(item, filling)
        way = front_end.to_linear_space(item, item.values) - start

        def inputs(first: int, last: int, start: Tensor = start, way: Tensor = way) -> Tensor:
            return start + points[first:last].to(way)[:, None, None] * way

        mean = mean_gradient(score, partial(front_end.from_linear_space, item), inputs, weights, progress)
        evidence = way[0].cpu().double() * mean
        ends = score(item.with_values(torch.cat([item.values, filling]))).detach().cpu().double()
        gaps.append(float((evidence.sum() - (ends[0] - ends[1])) / (ends[0] - ends[1]).abs().clamp(min=1e-12)))
        values.append(evidence.to(item.values))
    return Evidence(torch.stack(values), facts={"completeness_gap": gaps})


def _gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    """Points and weights on 0..1."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)
