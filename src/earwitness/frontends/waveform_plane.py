"""The plane on which networks that hear waveforms are explained: decibels that can be made sound again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.frontends.front_end import power
from earwitness.frontends.stft_db import MIN_POWER, StftDb

WINDOW_S = 0.064


@dataclass(frozen=True)
class WaveformPlane(StftDb):
    """A virtual layer before a network that hears waveforms: the STFT, its change, and the inverse STFT.

    Values are 10·log10(|STFT|² + 1e-10), never below -100 dB. What the network hears is the complex spectrum with
    every bin's gain changed by as many decibels as its value was, with the original phase, made sound again by the
    inverse STFT. Unchanged values are heard as the waveform itself; -100 dB is heard as nothing. A bin that holds
    nothing stays empty whatever its value, since it has no phase to borrow.

    Straight lines (soft masks, the path of integrated gradients) run in the gains, so they are straight in the
    waveform, too.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples; at most half of ``n_fft``, so that the inverse is exact.

    Raises:
        ParameterError: a step for which the inverse is not exact.

    Source: Vielhaben et al. 2024 (virtual inspection layers). Differs: the values are decibels, so that fills,
    components and pictures are those of ``StftDb``.

    >>> plane = WaveformPlane.at_rate(16000)
    >>> plane
    WaveformPlane(sample_rate_hz=16000, n_fft=1024, hop_samples=256)
    >>> sound = torch.sin(torch.arange(16000) / 10)[None]
    >>> torch.allclose(plane.network_input(plane(sound)), sound, atol=1e-6)
    True
    """

    n_fft: int = 1024
    hop_samples: int = 256
    silence: ClassVar[float] = -100.0
    short_name: ClassVar[str] = ""  # not that of StftDb

    def __post_init__(self) -> None:
        if 2 * self.hop_samples > self.n_fft:
            raise ParameterError(f"hop_samples is {self.hop_samples}; expected at most half of n_fft = {self.n_fft}, "
                                 "so that the waveform can be made again")

    @classmethod
    def at_rate(cls, sample_rate_hz: int) -> WaveformPlane:
        """Return the plane with windows of 32 to 64 ms, a power of two of samples, a quarter of that apart."""
        n_fft = max(16, 1 << (int(WINDOW_S * sample_rate_hz).bit_length() - 1))
        return cls(sample_rate_hz, n_fft, n_fft // 4)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Power in dB, (batch, bins, time); above -100 dB wherever there is anything."""
        return (10 * torch.log10(power(stft) + MIN_POWER)).clamp(min=self.silence)

    def network_input(self, features: Features) -> Tensor:
        """Waveforms (batch, time) of features."""
        gains = self.to_linear_space(features, features.values)
        return self.stft.inverse(features.stft * gains, features.length_samples)

    def to_linear_space(self, features: Features, values: Tensor) -> Tensor:
        """Gains that values mean for the features' spectrum: 1 where nothing is changed, 0 for silence."""
        repeated = features.stft.stride(0) == 0  # coalitions of one item share its spectrum: decibels of it once
        original_db = self.from_stft(features.stft[:1] if repeated else features.stft)
        # the fill is -100 dB, which as a gain would leave a little of every loud bin: switched off means nothing
        switched_off = (values <= self.silence) & (original_db > self.silence)
        return torch.where(switched_off, 0.0, 10 ** ((values - original_db) / 20))

    def from_linear_space(self, features: Features, coordinates: Tensor) -> Features:
        """Features with gains (batch, freq, time) applied to their spectrum."""
        stft = features.stft * coordinates
        return Features(self.from_stft(stft), stft, features.length_samples)
