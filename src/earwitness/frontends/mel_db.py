"""MelDb: power spectrograms in decibels on mel bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from earwitness.frontends.front_end import power
from earwitness.frontends.mel import MelScale, unmel_least_squares
from earwitness.frontends.mel_front_end import MelFrontEnd
from earwitness.frontends.stft import Stft
from earwitness.frontends.stft_db import decibels


@dataclass(frozen=True)
class MelDb(MelFrontEnd):
    """Mel power spectrogram in decibels: 10·log10(max(mel·|STFT|², 1e-10)), floor -100 dB, no top_db.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples.
        n_mels: number of bands.
        f_min_hz: lower edge of the first band, Hz.
        f_max_hz: upper edge of the last band, Hz.
        mel_scale: "htk" (no norm, pak2025) or "slaney" (Slaney norm, PANNs).

    Source: Pak & Teryokhina 2025, sec. III-A; Kong et al. 2020 for "slaney".

    >>> front_end = MelDb(32000, 1024, 320, 64, 50, 14000)
    >>> import torch
    >>> front_end(torch.zeros(1, 160000)).values.shape
    torch.Size([1, 64, 501])
    """

    sample_rate_hz: int = 32000
    n_fft: int = 1024
    hop_samples: int = 320
    n_mels: int = 64
    f_min_hz: float = 50.0
    f_max_hz: float = 14000.0
    mel_scale: MelScale = "htk"
    silence: ClassVar[float] = -100.0
    unit: ClassVar[str] = "dB"
    short_name: ClassVar[str] = "mel"

    @property
    def _scale(self) -> MelScale:
        return self.mel_scale

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.n_fft)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Mel power in dB, (batch, n_mels, time)."""
        energy = power(stft)
        return decibels(self.filters(energy) @ energy)

    def to_linear(self, values: Tensor) -> Tensor:
        """Undo the decibels."""
        return 10 ** (values / 10)

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Undo the decibels, scale mel power by the mask, then undo the mel bands by least squares."""
        return unmel_least_squares(self.to_linear(values) * mask, self.filters(values))
