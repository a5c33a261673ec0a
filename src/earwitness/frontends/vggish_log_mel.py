"""VGGish's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from earwitness.frontends.front_end import power
from earwitness.frontends.mel import MelScale, unmel_least_squares
from earwitness.frontends.mel_front_end import MelFrontEnd
from earwitness.frontends.stft import Stft


@dataclass(frozen=True)
class VggishLogMel(MelFrontEnd):
    """VGGish's input: ln(mel·|STFT| + 0.01), 25 ms windows every 10 ms, FFT 512, no padding, 64 HTK mels.

    Silence is ln 0.01 = -4.605, not 0.

    Source: Hershey et al. 2017; mel_features of the published code.

    >>> VggishLogMel()(torch.zeros(1, 15600)).values.shape
    torch.Size([1, 64, 96])
    """

    sample_rate_hz: int = 16000
    win_samples: int = 400
    n_fft: int = 512
    hop_samples: int = 160
    n_mels: int = 64
    f_min_hz: float = 125.0
    f_max_hz: float = 7500.0
    silence: ClassVar[float] = float(np.log(0.01))
    unit: ClassVar[str] = "log mel"
    short_name: ClassVar[str] = "vggish"

    @property
    def _scale(self) -> MelScale:
        return "vggish"

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.win_samples, centred=False)

    def from_stft(self, stft: Tensor) -> Tensor:
        """ln(mel magnitude + 0.01), (batch, n_mels, time)."""
        magnitude = (power(stft) + torch.finfo(stft.real.dtype).tiny).sqrt()
        return torch.log(self.filters(magnitude) @ magnitude + 0.01)

    def to_linear(self, values: Tensor) -> Tensor:
        """Undo the logarithm."""
        return torch.exp(values) - 0.01

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Undo the logarithm, scale mel magnitudes by the mask, then undo the mel bands by least squares."""
        return unmel_least_squares(self.to_linear(values) * mask, self.filters(values)).square()
