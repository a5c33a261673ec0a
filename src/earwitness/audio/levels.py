"""Levels and mixtures of waveforms."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name

Level = Literal["peak", "rms"]


def normalise(waveform: Tensor, level: Level | None) -> Tensor:
    """Scale waveforms to peak 1 or RMS 1; silence stays silence, None changes nothing.

    Args:
        waveform: (..., time).
        level: "peak", "rms" or None.

    >>> normalise(torch.tensor([0.0, -0.5, 0.25]), "peak")
    tensor([ 0.0000, -1.0000,  0.5000])
    """
    if level is None:
        return waveform
    if level == "peak":
        size = waveform.abs().amax(-1, keepdim=True)
    elif level == "rms":
        size = waveform.square().mean(-1, keepdim=True).sqrt()
    else:
        raise unknown_name("level", level, ("peak", "rms"))
    return waveform / torch.where(size > 0, size, torch.ones_like(size))


def fit_length(waveform: Tensor, length_samples: int) -> Tensor:
    """Cut the end, or pad it with silence.

    >>> fit_length(torch.ones(2), 3)
    tensor([1., 1., 0.])
    """
    missing = length_samples - waveform.shape[-1]
    return torch.nn.functional.pad(waveform, (0, missing)) if missing > 0 else waveform[..., :length_samples]


def mix_at_snr(clip: Tensor, noise: Tensor, *, snr_db: float) -> Tensor:
    """Add noise to a clip at a chosen signal-to-noise ratio.

    Args:
        clip: waveform, (..., time), full scale ±1.
        noise: waveform, broadcastable to ``clip``.
        snr_db: clip power over noise power after scaling, in dB; power is the mean over the whole clip.

    Returns:
        Mixture, (..., time), device and dtype of ``clip``; may exceed ±1.

    Raises:
        ParameterError: ``clip`` or ``noise`` is silent.

    >>> mix_at_snr(torch.ones(4), torch.full((4,), 2.0), snr_db=0.0)
    tensor([2., 2., 2., 2.])
    """
    powers = {"clip": clip.square().mean(-1, keepdim=True), "noise": noise.square().mean(-1, keepdim=True)}
    for name, power in powers.items():
        if not bool((power > 0).all()):
            raise ParameterError(f"{name} is silent; expected sound, or no signal-to-noise ratio exists")
    gain = (powers["clip"] / powers["noise"] / 10 ** (snr_db / 10)).sqrt()
    return clip + gain * noise


def mix_rms(clip: Tensor, noise: Tensor, *, clip_share: float = 0.6) -> Tensor:
    """Mix clip and noise, both at RMS 1, by shares, and bring the sum to peak 1.

    Args:
        clip: waveform, (..., time).
        noise: waveform, (..., time); cut or padded with silence to the clip's length.
        clip_share: weight of the clip; the noise gets the rest. 0.6 is 3.52 dB.

    Returns:
        Mixture, (..., time), peak 1.

    Source: Pak & Teryokhina 2025, sec. III-A.
    """
    noise = normalise(fit_length(noise, clip.shape[-1]), "rms")
    return normalise(clip_share * normalise(clip, "rms") + (1 - clip_share) * noise, "peak")
