"""StftDb: power spectrograms in decibels on Fourier bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from earwitness.frontends.front_end import FrontEnd, power
from earwitness.frontends.stft import Stft

MIN_POWER = 1e-10


@dataclass(frozen=True)
class StftDb(FrontEnd):
    """Power spectrogram in decibels: 10·log10(max(|STFT|², 1e-10)), floor -100 dB, no top_db.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples.

    Source: Pak & Teryokhina 2025, sec. III-A.

    >>> front_end = StftDb(16000, 512, 256)
    >>> front_end(torch.zeros(1, 80000)).values.shape
    torch.Size([1, 257, 313])
    """

    sample_rate_hz: int = 16000
    n_fft: int = 512
    hop_samples: int = 256
    silence: ClassVar[float] = -100.0
    unit: ClassVar[str] = "dB"
    short_name: ClassVar[str] = "stft"

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.n_fft)

    @property
    def frequencies_hz(self) -> Tensor:
        """Frequency of each Fourier bin in Hz, (freq,)."""
        return torch.arange(self.n_fft // 2 + 1, dtype=torch.float64) * (self.sample_rate_hz / self.n_fft)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Power in dB, (batch, bins, time)."""
        return decibels(power(stft))

    def to_linear(self, values: Tensor) -> Tensor:
        """Undo the decibels."""
        return 10 ** (values / 10)

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Undo the decibels; the mask scales power."""
        return self.to_linear(values) * mask

    def project(self, mask: Tensor) -> Tensor:
        """Return the mask itself: rows are Fourier bins."""
        return mask


def decibels(energy: Tensor) -> Tensor:
    """Power in dB, same shape; what is below 1e-10 counts as 1e-10."""
    return 10 * torch.log10(energy.clamp(min=MIN_POWER))
