"""The mean gradient of a score over many inputs, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.targets.scores import Score

BATCH = 16


def mean_gradient(
    score: Score, to_features: Callable[[Tensor], Features], inputs: Callable[[int, int], Tensor], weights: Tensor,
    progress: Progress | None,
) -> Tensor:
    """Return Σ w·gradient over the inputs, (freq, time), double precision, on the CPU.

    Args:
        score: what is differentiated.
        to_features: makes features of inputs (batch, freq, time).
        inputs: (first, last) -> the inputs first..last-1.
        weights: one per input, (n,), double precision.
        progress: called with the share done.
    """
    total = torch.zeros((), dtype=torch.float64)
    for first in range(0, len(weights), BATCH):
        last = min(len(weights), first + BATCH)
        x = inputs(first, last).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(score(to_features(x)).sum(), x)
        total = total + torch.einsum("k,kft->ft", weights[first:last], gradient.cpu().double())
        if progress is not None:
            progress(last / len(weights))
    return total
