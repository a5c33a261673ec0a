"""Short-time Fourier transform and its inverse, centred (librosa's default) or not (VGGish)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError

MAX_N_FFT = 65536
MAX_OVERLAP = 64


@dataclass(frozen=True)
class Stft:
    """Parameters of a short-time Fourier transform with a periodic Hann window.

    Attributes:
        n_fft: length of the Fourier transform in samples.
        hop_samples: step between frames in samples.
        win_samples: length of the window in samples, at most ``n_fft``.
        centred: pad by reflection so that frame t is centred on sample t·hop; otherwise no padding.
    """

    n_fft: int
    hop_samples: int
    win_samples: int
    centred: bool = True

    def __post_init__(self) -> None:
        if self.n_fft > MAX_N_FFT or self.hop_samples * MAX_OVERLAP < self.win_samples:
            raise ParameterError(
                f"n_fft={self.n_fft}, hop_samples={self.hop_samples}; expected n_fft up to {MAX_N_FFT} and at most "
                f"{MAX_OVERLAP} frames over a sample"
            )
        if not 0 < self.hop_samples <= self.win_samples <= self.n_fft:
            raise ParameterError(
                f"hop_samples={self.hop_samples}, win_samples={self.win_samples}, n_fft={self.n_fft}; "
                "expected 0 < hop_samples <= win_samples <= n_fft"
            )

    @property
    def min_samples(self) -> int:
        """Shortest waveform that can be transformed, in samples."""
        return self.n_fft // 2 + 1 if self.centred else self.win_samples

    def transform(self, waveform: Tensor) -> Tensor:
        """Return the complex spectrum.

        Args:
            waveform: (batch, time), floating point.

        Returns:
            (batch, n_fft // 2 + 1, frames); frames = 1 + time // hop if centred, else 1 + (time - win) // hop.

        Raises:
            ParameterError: not (batch, time), or shorter than ``min_samples``.
        """
        if waveform.ndim != 2 or not waveform.is_floating_point():
            raise ParameterError(
                f"waveform is {waveform.dtype} of shape {tuple(waveform.shape)}; "
                "expected a floating tensor of shape (batch, time)"
            )
        if waveform.shape[-1] < self.min_samples:
            raise ParameterError(
                f"waveform has {waveform.shape[-1]} samples; expected at least {self.min_samples}: "
                "pad it with earwitness.audio.fit_length"
            )
        if self.centred:
            spectrum: Tensor = torch.stft(waveform, self.n_fft, self.hop_samples, self.win_samples,
                                          self._window(waveform), center=True, pad_mode="reflect",
                                          return_complex=True)
            return spectrum
        frames = waveform.unfold(-1, self.win_samples, self.hop_samples) * self._window(waveform)
        spectra: Tensor = torch.fft.rfft(frames, n=self.n_fft).transpose(1, 2)
        return spectra

    def inverse(self, stft: Tensor, length_samples: int) -> Tensor:
        """Return the waveform whose frames match ``stft`` best (least squares, Griffin & Lim 1984, eq. 6).

        Args:
            stft: (batch, n_fft // 2 + 1, frames), complex.
            length_samples: samples to return; samples that no frame covers are zero.

        Returns:
            (batch, length_samples).
        """
        window = self._window(stft.real)
        if self.centred:
            sound: Tensor = torch.istft(stft, self.n_fft, self.hop_samples, self.win_samples, window,
                                        center=True, length=length_samples)
            return sound
        frames = torch.fft.irfft(stft.transpose(1, 2), n=self.n_fft)[..., : self.win_samples] * window
        sound = _overlap_add(frames, self.hop_samples)
        energy = _overlap_add(window.square().expand(1, frames.shape[1], -1), self.hop_samples)
        sound = torch.where(energy > 1e-8, sound / energy.clamp(min=1e-8), torch.zeros_like(sound))
        return torch.nn.functional.pad(sound, (0, length_samples - sound.shape[-1]))

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.win_samples, dtype=like.dtype, device=like.device)


def _overlap_add(frames: Tensor, hop_samples: int) -> Tensor:
    """Sum frames (batch, frames, win) placed ``hop_samples`` apart: (batch, (frames - 1)·hop + win)."""
    n_frames, win = frames.shape[1:]
    length = (n_frames - 1) * hop_samples + win
    columns = frames.transpose(1, 2)
    return torch.nn.functional.fold(columns, (1, length), (1, win), stride=(1, hop_samples))[:, 0, 0]
