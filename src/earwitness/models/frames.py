"""Frame-wise networks: when each of their answers is, and how they become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.validation import fits

Pool = Literal["mean", "max"]


@dataclass(frozen=True)
class Frames:
    """When the answers of a frame-wise network are: answer k is about ``start_s + k * hop_s`` in its window.

    Attributes:
        hop_s: step between two answers, seconds; None spreads the answers evenly over the window.
        start_s: time of the first answer in its window, seconds; None means half a step.
        pool: how all answers of a window become one where no time is asked about: their "mean" or their "max".
    """

    hop_s: float | None = None
    start_s: float | None = None
    pool: Pool = "mean"

    def __post_init__(self) -> None:
        if self.pool not in ("mean", "max"):
            raise unknown_name("pool", self.pool, ("mean", "max"))
        if not fits(self.hop_s, float | None) or (self.hop_s is not None and self.hop_s <= 0):
            raise ParameterError(f"hop_s is {self.hop_s!r}; expected seconds between two answers, or None")
        if not fits(self.start_s, float | None) or (self.start_s is not None and self.start_s < 0):
            raise ParameterError(f"start_s is {self.start_s!r}; expected the time of the first answer in its window, "
                                 "seconds, or None")

    def times_s(self, count: int, *, window_s: float) -> Tensor:
        """Return the time of each answer in its window in seconds, (count,).

        >>> Frames().times_s(4, window_s=2.0).tolist()
        [0.25, 0.75, 1.25, 1.75]
        """
        hop_s = window_s / count if self.hop_s is None else self.hop_s
        start_s = hop_s / 2 if self.start_s is None else self.start_s
        return start_s + hop_s * torch.arange(count, dtype=torch.float64)

    def between(self, count: int, first_s: float, last_s: float, *, window_s: float) -> slice:
        """Return which answers lie from ``first_s`` to before ``last_s``; the nearest one where none does.

        >>> Frames().between(4, 0.5, 1.5, window_s=2.0), Frames().between(4, 0.9, 0.9, window_s=2.0)
        (slice(1, 3, None), slice(1, 2, None))
        """
        times_s = self.times_s(count, window_s=window_s)
        inside = torch.nonzero((times_s >= first_s) & (times_s < last_s))[:, 0]
        if len(inside):
            return slice(int(inside[0]), int(inside[-1]) + 1)
        nearest = int((times_s - (first_s + last_s) / 2).abs().argmin())
        return slice(nearest, nearest + 1)

    def pooled(self, outputs: Tensor) -> Tensor:
        """Return one answer per window, (batch, classes), of (batch, classes, frames)."""
        return outputs.mean(2) if self.pool == "mean" else outputs.amax(2)
