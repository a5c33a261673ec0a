"""Another sample rate (soxr)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr
import torch

from earwitness.core.types import Clip, check_rate


def resample(clip: Clip, sample_rate_hz: int) -> Clip:
    """Change a clip's sample rate (soxr, very high quality; not differentiable).

    Args:
        clip: any rate.
        sample_rate_hz: the rate wanted.

    Returns:
        Clip of the same dtype and on the same device.

    >>> resample(Clip(torch.zeros(441), 44100), 16000).waveform.shape
    torch.Size([160])
    """
    check_rate(sample_rate_hz)
    if clip.sample_rate_hz == sample_rate_hz:
        return clip
    exact = clip.waveform if clip.waveform.dtype in (torch.float32, torch.float64) else clip.waveform.float()
    samples = resample_array(exact.detach().cpu().numpy(), clip.sample_rate_hz, sample_rate_hz)
    return replace(clip, waveform=torch.from_numpy(samples).to(clip.waveform), sample_rate_hz=sample_rate_hz)


def resample_array(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample (time,) with soxr at very high quality; never empty."""
    if from_hz == to_hz:
        return samples
    resampled: np.ndarray = soxr.resample(samples, from_hz, to_hz, quality="VHQ")
    if not resampled.size:  # fewer input samples than one output sample lasts
        return np.zeros(1, dtype=samples.dtype)
    return resampled
