"""The floor: what a number of bare passes costs when nothing else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from earwitness.bench.setup import Setup
from earwitness.bench.timing import timed
from earwitness.models.prepared import prepare

LEAST_FORWARD, LEAST_BACKWARD = 16, 8  # passes that a batch size is tried on


def forward_floor(network: nn.Module, item: Tensor, n: int, setup: Setup) -> tuple[Callable[[], object], str]:
    """Return ``n`` bare forward passes at the best batch size, and a note of what is best.

    The plain and the prepared network are tried at every batch size of the setup; the fastest is the floor.

    Args:
        network: in evaluation mode.
        item: one item, (1, freq, time).
        n: number of passes.
        setup: has the batch sizes.
    """
    ready = prepare(network, item)
    batches = sorted({*setup.batches, ready.batch})
    tried = [(name, asked, batch) for name, asked in (("plain", network), ("prepared", ready.network))
             for batch in batches]
    for _, asked, batch in tried[:: len(batches)]:
        bare_forward(asked, item, batch, batch)
    costs = [_cost(partial(bare_forward, asked, item), batch, LEAST_FORWARD, setup) for _, asked, batch in tried]
    name, asked, batch = tried[costs.index(min(costs))]
    return lambda: bare_forward(asked, item, n, batch), f"floor: {n} passes of the {name} network, {batch} at once"


def backward_floor(
    network: nn.Module, item: Tensor, n: int, setup: Setup, *, batches: Sequence[int] = (2, 4, 8)
) -> tuple[Callable[[], object], str]:
    """Return ``n`` bare forward and backward passes at the best batch size, and a note of what is best."""
    _bare_backward(network, item, 2, 2)
    costs = [_cost(partial(_bare_backward, network, item), batch, LEAST_BACKWARD, setup) for batch in batches]
    batch = batches[costs.index(min(costs))]
    return lambda: _bare_backward(network, item, n, batch), f"floor: {n} forward and backward passes, {batch} at once"


def _cost(passes: Callable[[int, int], object], batch: int, least: int, setup: Setup) -> float:
    """Seconds a pass, from whole batches and at least ``least`` passes."""
    n = batch * max(1, least // batch)
    return timed(lambda: passes(n, batch), device=setup.device)[0] / n


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
