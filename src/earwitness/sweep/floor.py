"""The floor: what bare passes of the network cost. Everything a sweep takes longer is overhead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from earwitness.models.audio_model import AudioModel, evaluating
from earwitness.types import Features

FORWARD_BATCH = 32
BACKWARD_BATCH = 8
REPEATS = 2


def bare_pass_s(model: AudioModel, features: Features) -> dict[str, float]:
    """Measure one forward pass in a batch, and one backward pass, in seconds per item.

    Args:
        model: the model.
        features: one item; it is repeated.
    """
    many = features.values[:1].repeat(FORWARD_BATCH, 1, 1)
    some = many[:BACKWARD_BATCH].clone().requires_grad_()

    def forward() -> None:
        with torch.no_grad():
            model.logits(features.with_values(many))

    def both() -> None:
        scores = model.logits(features.with_values(some))[:, 0].sum()
        torch.autograd.grad(scores, some)

    with evaluating(model.network):
        forward_s = _mean_s(forward) / FORWARD_BATCH
        both_s = _mean_s(both) / BACKWARD_BATCH
    return {"forward": forward_s, "backward": max(0.0, both_s - forward_s)}


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
