"""A rectangle of the spectrogram, in seconds and Hz, and the mask that it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError


@dataclass(frozen=True)
class Region:
    """A rectangle of the time-frequency plane.

    Attributes:
        start_s: where it begins in the recording, seconds.
        end_s: where it ends, seconds.
        low_hz: its lowest frequency, Hz.
        high_hz: its highest frequency, Hz.

    Raises:
        ParameterError: a number is missing, not finite or negative, or an end lies before its beginning.

    >>> Region(0.5, 1.0, 200.0, 4000.0).words
    '0.50 to 1.00 s, 200 to 4000 Hz'
    """

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float

    def __post_init__(self) -> None:
        values = (self.start_s, self.end_s, self.low_hz, self.high_hz)
        if not all(isinstance(v, int | float) and math.isfinite(v) and v >= 0 for v in values):
            raise ParameterError("region is incomplete; expected two times in seconds and two frequencies in Hz: drag "
                                 "over the spectrogram, or fill in the four numbers")
        if self.end_s <= self.start_s or self.high_hz <= self.low_hz:
            raise ParameterError(f"region is {self.words}; expected each end after its beginning")

    @property
    def words(self) -> str:
        """What it is called."""
        return f"{self.start_s:.2f} to {self.end_s:.2f} s, {self.low_hz:.0f} to {self.high_hz:.0f} Hz"

    def mask(self, times_s: Tensor, frequencies_hz: Tensor, *, start_s: float = 0.0) -> Tensor:
        """Return 1 where a bin's centre lies in the region, else 0, (freq, time).

        A region that lies between centres takes the nearest row or column.

        Args:
            times_s: centre of each column from the start of the stretch, seconds, (time,).
            frequencies_hz: centre of each row in Hz, (freq,).
            start_s: where the stretch begins in the recording, seconds.

        Raises:
            ParameterError: the region lies outside the plane.
        """
        columns = _between(times_s + start_s, self.start_s, self.end_s)
        rows = _between(frequencies_hz, self.low_hz, self.high_hz)
        if not bool(columns.any()) or not bool(rows.any()):
            raise ParameterError(f"region is {self.words}, outside the picture; choose one inside")
        return (rows[:, None] & columns).float()


def edges(centres: Tensor) -> list[float]:
    """Return the edges between cells, (n + 1,), of their rising centres (n,).

    >>> edges(torch.tensor([0.0, 1.0, 3.0]))
    [-0.5, 0.5, 2.0, 4.0]
    """
    values = [float(v) for v in centres]
    if len(values) == 1:
        return [values[0] - 0.5, values[0] + 0.5]
    inner = [(a + b) / 2 for a, b in itertools.pairwise(values)]
    return [values[0] - (inner[0] - values[0]), *inner, values[-1] + (values[-1] - inner[-1])]


def union(masks: Sequence[Tensor]) -> Tensor:
    """Return 1 where any mask is 1."""
    return torch.stack(list(masks)).amax(0)


def _between(centres: Tensor, low: float, high: float) -> Tensor:
    inside = (centres >= low) & (centres <= high)
    if not bool(inside.any()):
        sides = edges(centres)
        if high >= sides[0] and low <= sides[-1]:
            inside[(centres - (low + high) / 2).abs().argmin()] = True
    return inside
