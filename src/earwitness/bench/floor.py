"""The floor: what a number of bare passes costs when nothing else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from earwitness.bench.setup import Setup
from earwitness.bench.timing import timed
from earwitness.models.inference import optimise_for_inference

ROUNDS = 2  # the faster trial counts: the other one may have been disturbed


def forward_floor(network: nn.Module, item: Tensor, n: int, setup: Setup) -> tuple[Callable[[], object], str]:
    """Return ``n`` bare forward passes at the best batch size, and a note of what is best.

    The plain and the prepared network are tried at every batch size of the setup; the fastest is the floor.

    Args:
        network: in evaluation mode.
        item: one item, (1, freq, time).
        n: number of passes.
        setup: has the batch sizes.
    """
    ready = optimise_for_inference(network, item)
    batches = sorted({*setup.batches, ready.batch})
    tried = [(name, candidate, batch) for name, candidate in (("plain", network), ("prepared", ready.network))
             for batch in batches]
    bare_forward(network, item, 1, 1)
    costs = _costs([(partial(bare_forward, candidate, item), batch) for _, candidate, batch in tried], setup)
    name, candidate, batch = tried[costs.index(min(costs))]
    return lambda: bare_forward(candidate, item, n, batch), f"floor: {n} passes of the {name} network, {batch} at once"


def backward_floor(
    network: nn.Module, item: Tensor, n: int, setup: Setup, *, batches: Sequence[int] = (2, 4, 8)
) -> tuple[Callable[[], object], str]:
    """Return ``n`` bare forward and backward passes at the best batch size, and a note of what is best."""
    _bare_backward(network, item, 2, 2)
    costs = _costs([(partial(_bare_backward, network, item), batch) for batch in batches], setup)
    batch = batches[costs.index(min(costs))]
    return lambda: _bare_backward(network, item, n, batch), f"floor: {n} forward and backward passes, {batch} at once"


def _costs(trials: Sequence[tuple[Callable[[int, int], object], int]], setup: Setup) -> list[float]:
    """Seconds a pass of each trial (passes, batch), from one batch in each of two rounds."""
    rounds = [[timed(partial(passes, batch, batch), device=setup.device)[0] / batch for passes, batch in trials]
              for _ in range(ROUNDS)]
    return [min(seconds) for seconds in zip(*rounds, strict=True)]


def bare_forward(network: nn.Module, item: Tensor, n: int, batch: int) -> Tensor:
    """Pass ``n`` copies of an item (1, freq, time) through a network, ``batch`` at once; return the last scores."""
    values = item.expand(min(n, batch), -1, -1).contiguous()
    with torch.no_grad():
        for first in range(0, n, batch):
            scores: Tensor = network(values[: min(batch, n - first)])
    return scores


def _bare_backward(network: nn.Module, item: Tensor, n: int, batch: int) -> Tensor:
    for first in range(0, n, batch):
        values = item.expand(min(batch, n - first), -1, -1).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(values)[:, 0].sum(), values)
    return gradient
