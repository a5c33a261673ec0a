"""The plane of samples: for networks that hear waveforms, evidence without a spectrogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from earwitness.core.types import Features
from earwitness.frontends.front_end import FrontEnd
from earwitness.frontends.stft import Stft


@dataclass(frozen=True)
class SamplePlane(FrontEnd):
    """One row whose columns are the samples themselves, which is the Fourier transform of windows of one sample.

    Behind it a network hears waveforms (batch, time); gradient methods give evidence per sample, temporal components
    and masks switch stretches of time.

    Attributes:
        sample_rate_hz: samples per second.

    >>> SamplePlane(8000)(torch.tensor([[0.5, -0.25]])).values
    tensor([[[ 0.5000, -0.2500]]])
    """

    sample_rate_hz: int = 16000
    silence: ClassVar[float] = 0.0
    unit: ClassVar[str] = "amplitude"

    @property
    def stft(self) -> Stft:
        """Windows of one sample, one sample apart."""
        return Stft(1, 1, 1, centred=False)

    @property
    def frequencies_hz(self) -> Tensor:
        """The one row is centred between zero and half the sample rate."""
        return torch.tensor([self.sample_rate_hz / 4], dtype=torch.float64)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Samples, (batch, 1, time)."""
        return stft.real

    def to_linear(self, values: Tensor) -> Tensor:
        """Power of each sample."""
        return values.square()

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Power of each sample; the mask scales power."""
        return values.square() * mask

    def project(self, mask: Tensor) -> Tensor:
        """Return the mask itself: rows are the same."""
        return mask

    def network_input(self, features: Features) -> Tensor:
        """Waveforms (batch, time) of features."""
        return features.values[:, 0]
