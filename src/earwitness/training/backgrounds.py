"""Made-up backgrounds for training: coloured noise and hum, nobody's recording."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness import audio
from earwitness.frontends import FrontEnd

SLOPES = (-0.3, 1.9)
HUM_HZ = (40.0, 200.0)
HUM_PARTIALS = 11
HUM_NOISE = 0.02


def make_backgrounds(front_end: FrontEnd, *, count: int, duration_s: float, generator: torch.Generator) -> Tensor:
    """Return features of made-up backgrounds: three noises of random colour, one hum, and so on.

    Args:
        front_end: waveform -> features.
        count: number of backgrounds.
        duration_s: length of each, seconds.
        generator: source of the draws.

    Returns:
        (count, freq, time), in the front end's unit; every sound has peak 1.
    """
    length = round(duration_s * front_end.sample_rate_hz)
    kinds = (_noise, _noise, _noise, _hum)
    sounds = (kinds[k % 4](length, front_end.sample_rate_hz, generator) for k in range(count))
    return torch.cat([front_end(audio.normalise(sound, "peak")[None]).values for sound in sounds])


def _noise(length: int, sample_rate_hz: int, generator: torch.Generator) -> Tensor:
    """Gaussian noise whose power falls as frequency to a random power: from near white to near brown."""
    slope = SLOPES[0] + (SLOPES[1] - SLOPES[0]) * torch.rand(1, generator=generator)
    spectrum = torch.fft.rfft(torch.randn(length, generator=generator))
    frequencies_hz = torch.fft.rfftfreq(length, 1 / sample_rate_hz).clamp(min=20)
    noise: Tensor = torch.fft.irfft(spectrum * (frequencies_hz / 1000) ** (-slope / 2), n=length)
    return noise


def _hum(length: int, sample_rate_hz: int, generator: torch.Generator) -> Tensor:
    """Partials of a random low pitch, with a little noise."""
    pitch_hz = HUM_HZ[0] + (HUM_HZ[1] - HUM_HZ[0]) * torch.rand(1, generator=generator)
    turns = torch.arange(1, HUM_PARTIALS + 1)[:, None] * pitch_hz * (torch.arange(length) / sample_rate_hz)
    levels = torch.rand(HUM_PARTIALS, 1, generator=generator) / torch.arange(1, HUM_PARTIALS + 1)[:, None]
    phases = torch.rand(HUM_PARTIALS, 1, generator=generator)
    partials = levels * torch.sin(2 * torch.pi * (turns + phases))
    hum: Tensor = partials.sum(0) + HUM_NOISE * torch.randn(length, generator=generator)
    return hum
