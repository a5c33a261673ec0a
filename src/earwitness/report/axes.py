"""Time and frequency axes of a picture: where the ticks are and what they say. Shared by page and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earwitness.core.errors import ParameterError

MIN_GAP = 0.05
MAX_TICKS = 11
CLOCK_FROM_S = 100.0
CLOCK_STEPS_S = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True)
class Tick:
    """One mark on an axis.

    Attributes:
        value: in the axis's base unit: seconds in the recording, or Hz.
        label: what is written, in ``Axis.unit``.
        position: share of the axis's length from its low end, 0..1.
        minor: one that a narrow picture leaves out.
    """

    value: float
    label: str
    position: float
    minor: bool = False


@dataclass(frozen=True)
class Axis:
    """One side of a picture; its ends are the outer edges of the first and last row or column.

    Attributes:
        unit: unit of the labels: "s", "min:s", "Hz", "kHz" or "band".
        low: value at the low end.
        high: value at the high end.
        ticks: from low to high.
    """

    unit: str
    low: float
    high: float
    ticks: tuple[Tick, ...]


def time_axis(
    times_s: Sequence[float] | None, n_frames: int, *, start_s: float = 0.0, duration_s: float | None = None
) -> Axis:
    """Return the axis under equally spaced columns.

    Args:
        times_s: centre of each column in seconds from the start of the stretch, (n_frames,); None spreads the
            columns evenly over ``duration_s``.
        n_frames: number of columns.
        start_s: where the stretch begins in the recording; added to the labels only.
        duration_s: length of the stretch, used where ``times_s`` is None.

    Returns:
        Axis whose ends are seconds from the start of the stretch.

    >>> [tick.label for tick in time_axis([0.0, 0.5, 1.0, 1.5], 4, start_s=10).ticks]
    ['10', '10.2', '10.4', '10.6', '10.8', '11', '11.2', '11.4', '11.6']
    """
    if times_s is None:
        low, high = 0.0, float(n_frames if duration_s is None else duration_s)
    else:
        _check_length("times_s", len(times_s), n_frames)
        first, last = float(times_s[0]), float(times_s[-1])
        half = (last - first) / (n_frames - 1) / 2 if n_frames > 1 else (duration_s or 1.0) / 2
        low, high = first - half, last + half
    return Axis("min:s" if start_s + high >= CLOCK_FROM_S else "s", low, high, _time_ticks(low, high, start_s))


def frequency_axis(frequencies_hz: Sequence[float] | None, n_bins: int) -> Axis:
    """Return the axis beside rows of any spacing: linear rows in kHz, mel rows in Hz.

    Args:
        frequencies_hz: centre of each row, rising, (n_bins,); None counts the rows.
        n_bins: number of rows.

    >>> [tick.label for tick in frequency_axis([0.0, 1000.0, 2000.0, 3000.0, 4000.0], 5).ticks]
    ['0', '1', '2', '3', '4']
    """
    if frequencies_hz is not None:
        _check_length("frequencies_hz", len(frequencies_hz), n_bins)
    centres = np.asarray(range(n_bins) if frequencies_hz is None else frequencies_hz, dtype=np.float64)
    if n_bins == 1:
        only = Tick(float(centres[0]), f"{centres[0]:g}", 0.5)
        return Axis("band" if frequencies_hz is None else "Hz", only.value, only.value, (only,))
    gaps = np.diff(centres)
    if not (gaps > 0).all():
        raise ParameterError("frequencies_hz does not rise; expected the lowest frequency in the first row")
    edges = np.array([centres[0] - gaps[0] / 2, *centres, centres[-1] + gaps[-1] / 2])
    positions = np.array([0.0, *(np.arange(n_bins) + 0.5) / n_bins, 1.0])
    linear = bool(np.allclose(gaps, gaps[0], rtol=1e-3))
    unit = "band" if frequencies_hz is None else "kHz" if linear and edges[-1] > 2000 else "Hz"
    low, high = max(0.0, float(edges[0])), float(edges[-1])
    values = _round_values(low, high, 9) if linear else _one_two_five(low, high)
    ticks = [Tick(value, _frequency_label(value, unit), float(np.interp(value, edges, positions))) for value in values]
    return Axis(unit, float(edges[0]), high, tuple(_thinned(ticks)))


def tick_centres(values: object) -> list[float] | None:
    """Return a tensor of centres as floats; None stays None."""
    return None if values is None else [float(v) for v in np.asarray(values, dtype=np.float64)]


def clock(time_s: float, *, decimals: int = 1) -> str:
    """Write a time: seconds while short, minutes and seconds from 100 s.

    >>> clock(7.25), clock(125.5), clock(3725.0, decimals=0)
    ('7.2 s', '2:05.5', '1:02:05')
    """
    if time_s < CLOCK_FROM_S:
        return f"{time_s:.{decimals}f} s"
    return _minutes(time_s, decimals)


def _minutes(time_s: float, decimals: int) -> str:
    total = round(time_s, decimals)
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    width = 2 if not decimals else 3 + decimals
    text = f"{seconds:0{width}.{decimals}f}"
    return f"{int(hours)}:{int(minutes):02d}:{text}" if hours else f"{int(minutes)}:{text}"


def _time_ticks(low: float, high: float, start_s: float) -> tuple[Tick, ...]:
    long = start_s + high >= CLOCK_FROM_S
    values = _round_values(start_s + max(low, 0.0), start_s + high, MAX_TICKS, clocklike=long)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return tuple(
        Tick(value, _minutes(value, decimals) if long else f"{round(value, 6):g}",
             (value - start_s - low) / (high - low), minor=bool(k % 2))
        for k, value in enumerate(values)
    )


def _round_values(low: float, high: float, at_most: int, *, clocklike: bool = False) -> list[float]:
    """Multiples of a round step between two ends, at most ``at_most``: 1, 2, 5, 10 ..., or of minutes and hours."""
    exact = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(exact))
    steps = [factor * power for factor in (1, 2, 5, 10, 20)]
    if clocklike and exact > 5:
        steps = [float(step) for step in CLOCK_STEPS_S] + [86400.0 * step for step in steps]
    for step in steps:
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= at_most:
            break
    return [k * step for k in range(first, last + 1)]


def _one_two_five(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two ends."""
    powers = range(math.floor(math.log10(max(low, 1.0))), math.ceil(math.log10(high)) + 1)
    return [factor * 10.0**power for power in powers for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]


def _frequency_label(value: float, unit: str) -> str:
    if unit == "kHz":
        return f"{value / 1000:g}"
    return f"{value / 1000:g}k" if unit == "Hz" and value >= 1000 else f"{value:g}"


def _thinned(ticks: list[Tick]) -> list[Tick]:
    """Leave out, from the top down, every tick too near to the one above it."""
    kept: list[Tick] = []
    for tick in reversed(ticks):
        if not kept or kept[-1].position - tick.position >= MIN_GAP:
            kept.append(tick)
    return kept[::-1]


def _check_length(name: str, got: int, expected: int) -> None:
    if got != expected:
        raise ParameterError(f"{name} has {got} entries; expected {expected}: one per row or column")
