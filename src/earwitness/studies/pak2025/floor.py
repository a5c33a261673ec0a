"""The floor: what bare passes of the network cost. Everything a sweep takes longer is overhead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from earwitness.core.types import Features
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.models.inference import OptimisedNetwork

BACKWARD_BATCH = 8
REPEATS = 2


def bare_pass_s(model: AudioModel, ready: OptimisedNetwork, features: Features) -> dict[str, float]:
    """Measure one forward pass of the faster copy at its batch size, and one backward pass, in seconds per item.

    Args:
        model: the model.
        ready: its network made ready for many passes.
        features: one item; it is repeated.
    """
    one = model.front_end.network_input(features[:1])
    many, some = (one.repeat(n, *[1] * (one.ndim - 1)) for n in (ready.batch, BACKWARD_BATCH))
    leaf = some.clone().requires_grad_()

    def faster() -> None:
        with torch.no_grad():
            ready.network(many)

    def forward() -> None:
        with torch.no_grad():
            model.network(some)

    def both() -> None:
        torch.autograd.grad(model.network(leaf)[:, 0].sum(), leaf)

    with eval_mode(model.network):
        backward_s = _mean_s(both) - _mean_s(forward)
        return {"forward": _mean_s(faster) / ready.batch, "backward": max(0.0, backward_s) / BACKWARD_BATCH}


def floor_s(passes: Mapping[str, int], bare: Mapping[str, float]) -> float:
    """Return how long these passes take at the least, seconds.

    >>> floor_s({"forward": 10, "backward": 1}, {"forward": 0.5, "backward": 1.0})
    6.0
    """
    return sum(passes[name] * bare[name] for name in ("forward", "backward"))


def _mean_s(work: Callable[[], None]) -> float:
    work()
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return sum(took) / len(took)
