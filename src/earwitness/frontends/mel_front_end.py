"""What the mel front ends share: the filter bank."""

from __future__ import annotations

import librosa
import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.frontends.front_end import FrontEnd
from earwitness.frontends.mel import MelScale, mel_filters, project_to_bins


class MelFrontEnd(FrontEnd):
    """A front end with a mel filter bank above the STFT."""

    n_fft: int
    hop_samples: int
    n_mels: int
    f_min_hz: float
    f_max_hz: float

    def filters(self, like: Tensor) -> Tensor:
        """Mel filters, (n_mels, bins), in the dtype and on the device of ``like``."""
        return mel_filters(sample_rate_hz=self.sample_rate_hz, n_fft=self.n_fft, n_mels=self.n_mels,
                           f_min_hz=self.f_min_hz, f_max_hz=self.f_max_hz, mel_scale=self._scale, like=like)

    @property
    def _scale(self) -> MelScale:
        return "htk"

    @property
    def frequencies_hz(self) -> Tensor:
        """Centre of each mel band in Hz, (freq,)."""
        if not 1 <= self.n_mels <= self.n_fft:
            raise ParameterError(f"n_mels is {self.n_mels}; expected 1 to n_fft = {self.n_fft}")
        centres = librosa.mel_frequencies(
            self.n_mels + 2, fmin=self.f_min_hz, fmax=self.f_max_hz, htk=self._scale != "slaney"
        )
        return torch.from_numpy(np.asarray(centres[1:-1], dtype=np.float64))

    def project(self, mask: Tensor) -> Tensor:
        """Spread a mask over mel bands (..., freq, time) to Fourier bins; see ``project_to_bins``."""
        return project_to_bins(mask, self.filters(mask))
