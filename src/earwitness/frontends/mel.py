"""Mel filter banks, and the way of a mel mask back to Fourier bins."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import librosa
import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name

MelScale = Literal["htk", "slaney", "vggish"]


@lru_cache(maxsize=32)
def _filters(
    sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float, mel_scale: MelScale
) -> np.ndarray:
    if mel_scale not in ("htk", "slaney", "vggish"):
        raise unknown_name("mel_scale", mel_scale, ("htk", "slaney", "vggish"))
    if not 1 <= n_mels <= n_fft:
        raise ParameterError(f"n_mels is {n_mels}; expected 1 to n_fft = {n_fft}")
    if not 0 <= f_min_hz < f_max_hz <= sample_rate_hz / 2:
        raise ParameterError(
            f"f_min_hz={f_min_hz}, f_max_hz={f_max_hz}; expected 0 <= f_min_hz < f_max_hz <= {sample_rate_hz / 2}"
        )
    if mel_scale == "vggish":
        return _triangles_in_mel(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz)
    filters: np.ndarray = librosa.filters.mel(
        sr=sample_rate_hz, n_fft=n_fft, n_mels=n_mels, fmin=f_min_hz, fmax=f_max_hz, dtype=np.float64,
        htk=mel_scale == "htk", norm=None if mel_scale == "htk" else "slaney",
    )
    return filters


def _triangles_in_mel(
    sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float
) -> np.ndarray:
    low, high, bins = (librosa.hz_to_mel(hz, htk=True) for hz in (
        f_min_hz, f_max_hz, librosa.fft_frequencies(sr=sample_rate_hz, n_fft=n_fft)))
    edges = np.linspace(low, high, n_mels + 2)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    filters[:, 0] = 0.0
    return filters


def mel_filters(
    *, sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float, mel_scale: MelScale, like: Tensor
) -> Tensor:
    """Return triangular mel filters.

    Args:
        sample_rate_hz: samples per second.
        n_fft: length of the Fourier transform in samples.
        n_mels: number of bands.
        f_min_hz: lower edge of the first band, Hz.
        f_max_hz: upper edge of the last band, Hz.
        mel_scale: "htk" (triangles in Hz, peak height 1), "slaney" (triangles in Hz, area 1, as PANNs use)
            or "vggish" (triangles in HTK mel, DC bin at zero).
        like: a tensor whose dtype and device the filters take.

    Returns:
        (n_mels, n_fft // 2 + 1).

    Source: librosa.filters.mel ("htk", "slaney"); Hershey et al. 2017 ("vggish").
    """
    filters = _filters(sample_rate_hz, n_fft, n_mels, float(f_min_hz), float(f_max_hz), mel_scale)
    return torch.from_numpy(filters).to(dtype=like.dtype).to(like.device)


def project_to_bins(mask: Tensor, filters: Tensor) -> Tensor:
    """Carry a mask over mel bands to Fourier bins.

    Each bin takes the mean of the bands that hear it, weighted by how loud they hear it; a bin
    that no band hears takes the value of the nearest heard bin. A constant mask stays constant.

    Args:
        mask: (..., n_mels, time).
        filters: (n_mels, bins).

    Returns:
        (..., bins, time).

    >>> filters = torch.tensor([[0.0, 1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 1.0, 0.0]])
    >>> project_to_bins(torch.tensor([[1.0], [0.0]]), filters).T
    tensor([[1.0000, 1.0000, 0.5000, 0.0000, 0.0000]])
    """
    total_response = filters.sum(0)
    shares = filters / total_response.clamp(min=torch.finfo(filters.dtype).tiny)
    bins = torch.arange(filters.shape[1], device=filters.device)
    covered_bins = bins[total_response > 0]
    nearest = covered_bins[(bins[:, None] - covered_bins[None, :]).abs().argmin(1)]
    return shares[:, nearest].T @ mask.to(filters.dtype)


def unmel_least_squares(mel_power: Tensor, filters: Tensor) -> Tensor:
    """Return the Fourier power whose mel bands are nearest in least squares, negative values cut to zero.

    Args:
        mel_power: (batch, n_mels, time), linear power.
        filters: (n_mels, bins).

    Returns:
        (batch, bins, time), linear power >= 0.

    Source: Pak & Teryokhina 2025, InvMel in fig. 1 (minimum-norm least squares, then relu).
    """
    inverse = torch.linalg.pinv(filters.double()).to(mel_power.dtype)
    return torch.relu(inverse @ mel_power)
