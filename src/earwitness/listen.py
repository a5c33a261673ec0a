"""Features + mask -> the kept sound and the removed sound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness import audio
from earwitness.errors import ParameterError
from earwitness.frontends import Inversion
from earwitness.models.audio_model import AudioModel
from earwitness.types import Clip, Features


@dataclass(frozen=True)
class Heard:
    """A recording taken apart by a mask, at the recording's own level.

    Attributes:
        original: the recording at the model's rate, (time,).
        kept: what the mask keeps, (time,).
        removed: what the mask removes, (time,).
        sample_rate_hz: rate of all three.
    """

    original: Tensor
    kept: Tensor
    removed: Tensor
    sample_rate_hz: int


def listen(model: AudioModel, clip: Clip, mask: Tensor, *, inversion: Inversion = "projection") -> Heard:
    """Make the sound that a mask keeps and the sound that it removes.

    With the default inversion both come from the complex spectrum with the original phase, so that
    kept + removed is the recording.

    Args:
        model: gives the front end and the windows.
        clip: the recording.
        mask: (freq, time) in [0, 1], over the features of all windows joined in time.
        inversion: "projection", or "least_squares" for the published route through the (mel) power.

    Returns:
        Sounds at ``model.sample_rate_hz``, as long as the recording.

    Raises:
        ParameterError: the mask's shape is not that of the features, or it has values outside [0, 1].

    Source: Pak & Teryokhina 2025, sec. II-A. Differs: the mask scales the complex spectrum, not mel power.
    """
    if not isinstance(mask, Tensor):
        raise ParameterError(f"mask is a {type(mask).__name__}; expected a tensor: earwitness.masks.make makes one")
    pieces = model.waveforms(clip)
    loud = audio.normalise(pieces, model.normalise)
    gains = (pieces.abs().amax(-1) / loud.abs().amax(-1).clamp(min=1e-12))[:, None]
    with torch.no_grad():
        features = model.front_end(loud)
        masks = _split(mask.to(features.values), features.values)
        kept = model.front_end.inverse(features, masks, inversion=inversion) * gains
        removed = model.front_end.inverse(features, 1 - masks, inversion=inversion) * gains
    original = audio.resample(clip, model.sample_rate_hz).waveform
    hop = model.window_and_hop_samples(original.numel())[1]
    return Heard(original, _join(kept, hop, original), _join(removed, hop, original), model.sample_rate_hz)


def hear_again(model: AudioModel, sounds: Tensor) -> Features:
    """Return what a model hears of sounds, as if each were a recording of its own; differentiable.

    Setting the level is the model's first step: where a model does it (``AudioModel.normalise``), a quiet part of a
    recording is made as loud as the recording was. So it makes no difference at which level a part is played.

    Args:
        model: gives the level and the front end.
        sounds: (batch, time), at ``model.sample_rate_hz``, as long as the model's window.
    """
    return model.front_end(audio.normalise(sounds, model.normalise))


def _split(mask: Tensor, values: Tensor) -> Tensor:
    windows, n_bins, n_frames = values.shape
    if mask.shape != (n_bins, windows * n_frames):
        raise ParameterError(
            f"mask has shape {tuple(mask.shape)} but features {(n_bins, windows * n_frames)}; shapes must match"
        )
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ParameterError(f"mask has values from {mask.min():.3g} to {mask.max():.3g}; expected 0 to 1")
    return mask.reshape(n_bins, windows, n_frames).transpose(0, 1)


def _join(pieces: Tensor, hop_samples: int, like: Tensor) -> Tensor:
    """Windows (windows, time) end to end, each until the next begins, as long as ``like``."""
    sound = torch.cat([pieces[:-1, :hop_samples].reshape(-1), pieces[-1]])
    return audio.fit_length(sound, like.numel()).to(like)
