"""SVDNet's input: log-mel bands, each with mean 0 and deviation 1 over the training set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.validation import fits
from earwitness.frontends.front_end import power
from earwitness.frontends.mel import unmel_least_squares
from earwitness.frontends.mel_front_end import MelFrontEnd
from earwitness.frontends.stft import Stft

MIN_MAGNITUDE = 1e-7
MEL_BREAK_HZ = 700.0


@dataclass(frozen=True)
class SingingVoiceLogMel(MelFrontEnd):
    """SVDNet's input: ln max(mel·|STFT|, 1e-7), then a z-score of each band; 70 frames a second, no padding.

    A value of 0 is the band's mean over the training set, not silence; silence differs from band to band, see
    ``silent``.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples.
        n_mels: number of triangular bands; the weights of each add up to 1.
        f_min_hz: lower edge of the first band, Hz.
        f_max_hz: upper edge of the last band, Hz.
        mean: mean of each band over the training set, before the z-score, (n_mels,); empty means 0.
        std: standard deviation of each band, (n_mels,); empty means 1.
        minimum: smallest value over the training set, after the z-score; for the fill "min_data".

    Raises:
        ParameterError: ``mean`` or ``std`` do not have one number a band, or a deviation is not positive.

    Source: Schlüter & Grill 2015; Mishra et al. 2020, sec. III. Differs: the Hann window is periodic.

    >>> SingingVoiceLogMel()(torch.zeros(1, 36934)).values.shape
    torch.Size([1, 80, 115])
    """

    sample_rate_hz: int = 22050
    n_fft: int = 1024
    hop_samples: int = 315
    n_mels: int = 80
    f_min_hz: float = 27.5
    f_max_hz: float = 8000.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    minimum: float | None = None
    unit: ClassVar[str] = "log mel, z-score"

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            numbers = getattr(self, name)
            if len(numbers) not in (0, self.n_mels) or not all(fits(number, float) for number in numbers):
                raise ParameterError(f"{name} has {len(numbers)} entries; expected a finite number for each of the "
                                     f"{self.n_mels} bands")
            object.__setattr__(self, name, tuple(float(number) for number in numbers))
        if any(number <= 0 for number in self.std):
            raise ParameterError(f"std has {min(self.std)}; expected positive numbers")

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.n_fft, centred=False)

    @property
    def silence(self) -> float:
        """Mean over the bands of what silence is there; ``silent`` has it band by band."""
        return float(self.silent(torch.zeros((), dtype=torch.float64)).mean())

    def silent(self, like: Tensor) -> Tensor:
        """Value of digital silence in each band, (freq, 1), in the dtype and on the device of ``like``."""
        return self.standardise(like.new_full((self.n_mels, 1), math.log(MIN_MAGNITUDE)))

    def standardise(self, log_mel: Tensor) -> Tensor:
        """Z-score of values (..., n_mels, time) by the training set's mean and deviation of each band."""
        mean, std = self._statistics(log_mel)
        return (log_mel - mean) / std

    def filters(self, like: Tensor) -> Tensor:
        """Mel filters, (n_mels, bins), in the dtype and on the device of ``like``; rows add up to 1."""
        filters = sum_normalised_filters(self.sample_rate_hz, self.n_fft, self.n_mels, self.f_min_hz, self.f_max_hz)
        return torch.from_numpy(filters).to(dtype=like.dtype).to(like.device)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Z-scores of ln max(mel magnitude, 1e-7), (batch, n_mels, time)."""
        magnitude = (power(stft) + torch.finfo(stft.real.dtype).tiny).sqrt()
        return self.standardise(torch.log((self.filters(magnitude) @ magnitude).clamp(min=MIN_MAGNITUDE)))

    def to_linear(self, values: Tensor) -> Tensor:
        """Undo the z-score and the logarithm: mel magnitude."""
        mean, std = self._statistics(values)
        return torch.exp(values * std + mean)

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Undo z-score and logarithm, scale mel magnitudes by the mask, then undo the bands by least squares."""
        return unmel_least_squares(self.to_linear(values) * mask, self.filters(values)).square()

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = self.mean or (0.0,) * self.n_mels, self.std or (1.0,) * self.n_mels
        return like.new_tensor(mean)[:, None], like.new_tensor(std)[:, None]


@lru_cache(maxsize=256)
def sum_normalised_filters(
    sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float, pitch: float = 1.0
) -> np.ndarray:
    """Return triangular mel filters whose weights add up to 1, (n_mels, bins).

    Each side of a triangle is divided by its number of bins, as the published code does.

    Args:
        sample_rate_hz: samples per second.
        n_fft: length of the Fourier transform in samples.
        n_mels: number of bands.
        f_min_hz: lower edge of the first band, Hz.
        f_max_hz: upper edge of the last band, Hz.
        pitch: the bands listen at frequencies divided by this; the sound appears higher by it.

    Raises:
        ParameterError: a band lies between two Fourier bins, or beyond the last.

    Source: Schlüter & Grill 2015, published code.
    """
    if not 1 <= n_mels <= n_fft or not 0 <= f_min_hz < f_max_hz <= sample_rate_hz / 2 or pitch <= 0:
        raise ParameterError(f"n_mels={n_mels}, f_min_hz={f_min_hz}, f_max_hz={f_max_hz}, pitch={pitch}; expected "
                             f"1 to {n_fft} bands and 0 <= f_min_hz < f_max_hz <= {sample_rate_hz / 2}")
    low, high = np.log1p(np.array([f_min_hz, f_max_hz]) / MEL_BREAK_HZ)
    edges_hz = MEL_BREAK_HZ * np.expm1(np.linspace(low, high, n_mels + 2)) / pitch
    bins_hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    first = np.searchsorted(bins_hz, edges_hz)
    filters = np.zeros((n_mels, bins_hz.size))
    for band in range(n_mels):
        left, top, right = first[band : band + 3]
        filters[band, left:top] = (bins_hz[left:top] - edges_hz[band]) / max(1, top - left)
        filters[band, top:right] = (edges_hz[band + 2] - bins_hz[top:right]) / max(1, right - top)
    total = filters.sum(1, keepdims=True)
    if pitch == 1.0 and not (total > 0).all():
        raise ParameterError(f"{n_mels} bands are too many for n_fft={n_fft}: band {int((total <= 0).argmax())} has no "
                             "Fourier bin; use fewer bands or a longer transform")
    filters /= np.where(total > 0, total, 1.0)
    return filters
