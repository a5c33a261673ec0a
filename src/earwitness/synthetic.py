"""Sounds whose evidence is known exactly: an event over a background, with both stems."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from earwitness.core import moved
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip
from earwitness.core.validation import fits
from earwitness.frontends import FrontEnd, ideal_binary_mask

SAMPLE_RATE_HZ = 32000
DURATION_S = 5.0


@dataclass(frozen=True)
class Scene:
    """An event in a background.

    Attributes:
        event: the sound of interest, (time,).
        background: the rest, (time,).
        label: class of the event in ESC-50's words.
        snr_db: event power over background power while the event sounds, dB.
        sample_rate_hz: of both stems.
        name: name of the scene.
    """

    event: Tensor
    background: Tensor
    label: str
    snr_db: float
    sample_rate_hz: int
    name: str

    @property
    def clip(self) -> Clip:
        """The mixture: event + background."""
        return Clip(self.event + self.background, self.sample_rate_hz, self.name)

    def evidence(self, front_end: FrontEnd) -> Tensor:
        """Return where the event is louder than the background, booleans (freq, time) on a front end's plane."""
        return ideal_binary_mask(self.event, self.background, self.sample_rate_hz, front_end)


def make_scene(name: str, *, seed: int = 0) -> Scene:
    """Make a scene of ``SCENES``; the same seed gives the same sound.

    >>> make_scene("clock_tick over hum").clip.duration_s
    5.0
    """
    if name not in SCENES:
        raise unknown_name("scene", name, SCENES)
    if not fits(seed, int) or seed < 0:
        raise ParameterError(f"seed is {seed!r}; expected a whole number from 0")
    event_name, background_name, snr_db = SCENES[name]
    generator = torch.Generator().manual_seed(seed)
    event = EVENTS[event_name](generator)
    background = BACKGROUNDS[background_name](generator)
    sounding = event.abs() > 0.02 * event.abs().max()
    event_power = event[sounding].square().mean()
    gain = (event_power / background.square().mean() / 10 ** (snr_db / 10)).sqrt()
    peak = (event + gain * background).abs().max()
    return Scene(event / peak, gain * background / peak, event_name, snr_db, SAMPLE_RATE_HZ, name)


def clock_tick(generator: torch.Generator) -> Tensor:
    """Two ticks a second: the escapement strikes a small case, whose resonances die within milliseconds."""
    sound = torch.zeros(round(DURATION_S * SAMPLE_RATE_HZ))
    modes_hz = torch.tensor([1900.0, 2750.0, 3900.0, 5300.0, 7200.0, 9100.0])
    modes_hz = modes_hz * (1 + 0.03 * _uniform(generator, 6))
    for k in range(10):
        start_s = 0.25 + 0.5 * k + 0.004 * float(_uniform(generator, 1))
        tilt = 1.0 if k % 2 == 0 else 0.82  # tick and tock differ in pitch and strength
        strike = _resonances(generator, modes_hz * tilt, decay_s=0.006, duration_s=0.08) * (1.0 if k % 2 == 0 else 0.8)
        recoil = _resonances(generator, modes_hz * tilt, decay_s=0.003, duration_s=0.05) * 0.35
        _add(sound, strike, start_s)
        _add(sound, recoil, start_s + 0.022)
    return sound


def rooster(generator: torch.Generator) -> Tensor:
    """Two crows: a harmonic call whose pitch climbs, holds and falls, coloured by the throat."""
    sound = torch.zeros(round(DURATION_S * SAMPLE_RATE_HZ))
    pitch_points = [(0.0, 480.0), (0.12, 620.0), (0.3, 600.0), (0.42, 780.0), (0.75, 930.0), (1.2, 900.0), (1.6, 560.0)]
    level_points = [(0.0, 0.0), (0.05, 0.7), (0.25, 0.6), (0.32, 0.15), (0.4, 0.9), (0.8, 1.0), (1.3, 0.8), (1.6, 0.0)]
    for start_s in (0.5, 2.9):
        pitch = 1 + 0.03 * float(_uniform(generator, 1))
        _add(sound, _voiced(generator, [(t, hz * pitch) for t, hz in pitch_points], level_points,
                            formants_hz=(1100.0, 2300.0, 3500.0), jitter=0.012, breath=0.06), start_s)
    return sound


def dog(generator: torch.Generator) -> Tensor:
    """Barks: short voiced bursts with a fast rise, rough, with two formants."""
    sound = torch.zeros(round(DURATION_S * SAMPLE_RATE_HZ))
    for start_s in (0.4, 0.85, 2.3, 2.75, 4.0):
        pitch = 1 + 0.06 * float(_uniform(generator, 1))
        pitch_points = [(0.0, 228.0 * pitch), (0.04, 372.0 * pitch), (0.09, 336.0 * pitch), (0.19, 180.0 * pitch)]
        level_points = [(0.0, 0.0), (0.012, 1.0), (0.08, 0.8), (0.13, 0.25), (0.19, 0.0)]
        _add(sound, _voiced(generator, pitch_points, level_points,
                            formants_hz=(550.0, 1050.0, 1700.0), jitter=0.03, breath=0.08), start_s)
    return sound


def rain(generator: torch.Generator) -> Tensor:
    """Steady rain: thousands of drops a second, each a short bright burst, over a soft wash."""
    n = round(DURATION_S * SAMPLE_RATE_HZ)
    falls = torch.rand(n, generator=generator) < 1800 / SAMPLE_RATE_HZ
    drops = falls * torch.rand(n, generator=generator).pow(3)
    grain = _noise(generator, 96) * torch.exp(-torch.arange(96) / 16.0)
    wash = _noise(generator, n) * 0.05
    return _filtered(drops, grain) * 0.2 + wash


def hum(generator: torch.Generator) -> Tensor:
    """Mains hum: 50 Hz and its harmonics, slowly breathing, over a faint hiss."""
    t = torch.arange(round(DURATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sound = 0.04 * _noise(generator, t.numel())
    for k in range(1, 13):
        phase = 2 * math.pi * float(torch.rand(1, generator=generator))
        breathing = 1 + 0.1 * torch.sin(2 * math.pi * 0.3 * k * t + phase)
        sound += breathing * torch.sin(2 * math.pi * 50 * k * t + phase) / k
    return sound


EVENTS: dict[str, Callable[[torch.Generator], Tensor]] = {"clock_tick": clock_tick, "dog": dog, "rooster": rooster}
BACKGROUNDS: dict[str, Callable[[torch.Generator], Tensor]] = {"hum": hum, "rain": rain}
SCENES: dict[str, tuple[str, str, float]] = {
    f"{event} over {background}": (event, background, 20.0 if (event, background) == ("clock_tick", "rain") else 12.0)
    for event in EVENTS for background in BACKGROUNDS
}


def _uniform(generator: torch.Generator, n: int) -> Tensor:
    return 2 * torch.rand(n, generator=generator) - 1


def _noise(generator: torch.Generator, n: int) -> Tensor:
    return torch.randn(n, generator=generator)


def _add(sound: Tensor, part: Tensor, start_s: float) -> None:
    first = round(start_s * SAMPLE_RATE_HZ)
    last = min(first + part.numel(), sound.numel())
    sound[first:last] += part[: last - first]


def _resonances(generator: torch.Generator, modes_hz: Tensor, *, decay_s: float, duration_s: float) -> Tensor:
    """A struck body: decaying sinusoids; higher modes die faster."""
    t = torch.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sound = 0.3 * _noise(generator, t.numel()) * torch.exp(-t / 0.0008)
    for hz in modes_hz.tolist():
        level = 0.5 + 0.5 * float(torch.rand(1, generator=generator))
        sound += level * torch.exp(-t / (decay_s * 3000 / (hz + 1500))) * torch.sin(2 * math.pi * hz * t)
    return sound


def _curve(points: list[tuple[float, float]], t: Tensor) -> Tensor:
    times, levels = (torch.tensor(column, dtype=t.dtype) for column in zip(*points, strict=True))
    right = torch.searchsorted(times, t).clamp(1, times.numel() - 1)
    share = ((t - times[right - 1]) / (times[right] - times[right - 1])).clamp(0, 1)
    return levels[right - 1] + share * (levels[right] - levels[right - 1])


def _voiced(
    generator: torch.Generator, pitch_points: list[tuple[float, float]], level_points: list[tuple[float, float]], *,
    formants_hz: tuple[float, ...], jitter: float, breath: float,
) -> Tensor:
    """A call: harmonics of a gliding pitch, louder near the formants, with jitter and breath."""
    t = torch.arange(round(pitch_points[-1][0] * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wobble = torch.nn.functional.interpolate(_noise(generator, max(4, int(t[-1] * 60)))[None, None], t.numel(),
                                             mode="linear")[0, 0]
    pitch_hz = _curve(pitch_points, t) * (1 + jitter * wobble)
    phase = 2 * math.pi * torch.cumsum(pitch_hz, 0) / SAMPLE_RATE_HZ
    sound = torch.zeros_like(t)
    for k in range(1, 25):
        hz = k * pitch_hz
        colour = sum(torch.exp(-(((hz - f) / (0.28 * f)) ** 2)) for f in formants_hz) + 0.08
        sound += torch.where(hz < 0.45 * SAMPLE_RATE_HZ, colour, torch.zeros_like(hz)) * torch.sin(k * phase) / k**0.4
    return _curve(level_points, t) * (sound + breath * _noise(generator, t.numel()) * sound.abs().mean() * 2)


def _filtered(signal: Tensor, kernel: Tensor) -> Tensor:
    n = signal.numel() + kernel.numel() - 1
    spectrum = torch.fft.rfft(signal, n) * torch.fft.rfft(kernel, n)
    filtered: Tensor = torch.fft.irfft(spectrum, n)[: signal.numel()]
    return filtered


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
