"""How does the kept sound compare with the recording? Waveforms in, one number per item out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, require

LSD_FFT = 512
LSD_HOP = 256
LSD_RANGE_DB = 80.0
PESQ_MODES = {8000: "nb", 16000: "wb"}


def si_sdr(reference: Tensor, estimate: Tensor) -> Tensor:
    """SI-SDR, scale-invariant signal-to-distortion ratio, in dB. Higher is closer.

    Args:
        reference: the recording, (..., time).
        estimate: what is left of it, (..., time); its level does not matter, nor does a constant offset.

    Returns:
        dB, (...), at most what the precision of the samples allows; NaN where either is silent.

    Source: Le Roux et al. 2019, eq. 3.

    >>> wave = torch.sin(torch.arange(800) / 5.0)
    >>> round(float(si_sdr(wave, 3 * wave + 0.3 * torch.cos(torch.arange(800) / 5.0))), 1)
    20.0
    """
    reference, estimate = _checked(reference, estimate)
    scale = (estimate * reference).sum(-1, keepdim=True) / reference.square().sum(-1, keepdim=True)
    target_power = (scale * reference).square().sum(-1)
    error_power = (estimate - scale * reference).square().sum(-1)
    silent = (estimate.abs().amax(-1) == 0) | (reference.abs().amax(-1) == 0)
    ratio = 10 * torch.log10(target_power / error_power)
    return torch.where(silent, torch.full_like(ratio, float("nan")), ratio).float()


def log_spectral_distance(reference: Tensor, estimate: Tensor) -> Tensor:
    """LSD, log-spectral distance, in dB: the root mean square difference of levels, frame by frame. Lower is closer.

    Args:
        reference: the recording, (..., time), at least 512 samples.
        estimate: what is left of it, (..., time), at the same level.

    Returns:
        dB, (...), 0 to 80: levels more than 80 dB below the reference's loudest bin count as that; NaN where the
        reference is silent.

    Source: Gray & Markel 1976. Differs: the floor, without which digital silence is infinitely far away.

    >>> wave = torch.sin(torch.arange(4000) / 5.0)
    >>> float(log_spectral_distance(wave, wave)), float(log_spectral_distance(wave, 0 * wave)) > 5
    (0.0, True)
    """
    _checked(reference, estimate)
    levels, others = _power(reference), _power(estimate)
    loudest = levels.amax((-2, -1), keepdim=True)
    floor = loudest * 10 ** (-LSD_RANGE_DB / 10)
    difference = 10 * torch.log10(torch.maximum(levels, floor) / torch.maximum(others, floor))
    return difference.square().mean(-2).sqrt().mean(-1)


def pesq(reference: Tensor, estimate: Tensor, *, sample_rate_hz: int) -> Tensor:
    """PESQ, perceptual quality of speech, 1 (bad) to 4.64. Made for speech: on other sounds it only ranks.

    Args:
        reference: the recording, (..., time).
        estimate: what is left of it, (..., time).
        sample_rate_hz: 8000 (narrow band) or 16000 (wide band).

    Returns:
        (...); NaN where the sounds are too quiet to score.

    Raises:
        MissingExtraError: the package pesq is not installed.
        ParameterError: another rate.
    """
    score = require("pesq", extra="quality")
    if sample_rate_hz not in PESQ_MODES:
        raise ParameterError(f"sample_rate_hz is {sample_rate_hz}; PESQ expects 8000 or 16000: resample the sounds")
    settings = {"mode": PESQ_MODES[sample_rate_hz], "on_error": score.PesqError.RETURN_VALUES}

    def one(a: Tensor, b: Tensor) -> float:
        rating = float(score.pesq(sample_rate_hz, a.numpy(), b.numpy(), **settings))
        return rating if rating > 0 else float("nan")

    return _each(one, reference, estimate)


def stoi(reference: Tensor, estimate: Tensor, *, sample_rate_hz: int) -> Tensor:
    """STOI, intelligibility of speech, about 0..1. Made for speech: on other sounds it only ranks.

    Args:
        reference: the recording, (..., time).
        estimate: what is left of it, (..., time).
        sample_rate_hz: samples per second.

    Raises:
        MissingExtraError: the package pystoi is not installed.
    """
    score = require("pystoi", extra="quality").stoi
    return _each(lambda a, b: float(score(a.numpy(), b.numpy(), sample_rate_hz)), reference, estimate)


def _each(one: Callable[[Tensor, Tensor], float], reference: Tensor, estimate: Tensor) -> Tensor:
    reference, estimate = _checked(reference, estimate, centre=False)
    reference, estimate = reference.expand_as(reference + estimate), estimate.expand_as(reference + estimate)
    shape, length = reference.shape[:-1], reference.shape[-1]
    pairs = zip(reference.reshape(-1, length).cpu(), estimate.reshape(-1, length).cpu(), strict=True)
    nan = float("nan")
    return torch.tensor([one(a, b) if bool(a.any()) and bool(b.any()) else nan for a, b in pairs]).reshape(shape)


def _checked(reference: Tensor, estimate: Tensor, *, centre: bool = True) -> tuple[Tensor, Tensor]:
    if not reference.ndim or not estimate.ndim or reference.shape[-1] != estimate.shape[-1]:
        raise ParameterError(f"estimate has shape {tuple(estimate.shape)} but reference {tuple(reference.shape)}; "
                             "last axes must match")
    pair = (reference.detach().double(), estimate.detach().double())
    return (pair[0] - pair[0].mean(-1, keepdim=True), pair[1] - pair[1].mean(-1, keepdim=True)) if centre else pair


def _power(sound: Tensor) -> Tensor:
    """Power spectrum of frames, (..., bins, frames)."""
    if sound.shape[-1] < LSD_FFT:
        raise ParameterError(f"reference has {sound.shape[-1]} samples; expected at least {LSD_FFT}")
    flat = sound.detach().reshape(-1, sound.shape[-1]).float()
    window = torch.hann_window(LSD_FFT, dtype=flat.dtype, device=flat.device)
    spectrum = torch.stft(flat, LSD_FFT, LSD_HOP, window=window, center=False, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(-1).reshape(*sound.shape[:-1], *spectrum.shape[-2:])
