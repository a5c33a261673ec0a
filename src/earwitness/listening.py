"""Features + mask -> the kept sound and the removed sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core import moved
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip, Features
from earwitness.frontends import Inversion
from earwitness.models.audio_model import AudioModel
from earwitness.models.overlap_add import OverlapAdd


@dataclass(frozen=True)
class SplitSound:
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


def listen(model: AudioModel, clip: Clip, mask: Tensor, *, inversion: Inversion = "projection") -> SplitSound:
    """Make the sound that a mask keeps and the sound that it removes.

    With the default inversion both come from the complex spectrum with the original phase, so that
    kept + removed is the recording. Where windows overlap, their sounds are crossfaded by triangles that add up to one.

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
    windows = model.windows(clip)
    layout = windows.layout
    _check(mask, (windows[0].values.shape[1], layout.length))
    sounds: tuple[list[Tensor], list[Tensor]] = ([], [])
    overlap_adds = [OverlapAdd(crossfade=layout.overlaps) for _ in sounds]
    with torch.no_grad():
        for k, features in enumerate(windows):
            window_mask = layout.part(mask, k).to(features.values)
            parts = (window_mask, 1 - window_mask)
            for sound_pieces, overlap_add, part in zip(sounds, overlap_adds, parts, strict=True):
                sound = render_window(model, features, windows.pieces[k], part, inversion=inversion)
                sound_pieces.append(overlap_add.add(sound[None], k * layout.hop_samples))
    original = audio.resample(clip, model.sample_rate_hz).waveform
    whole = [torch.cat([*pieces, overlap_add.flush()], 1)[0]
             for pieces, overlap_add in zip(sounds, overlap_adds, strict=True)]
    kept, removed = (audio.fit_length(sound, original.numel()).to(original) for sound in whole)
    return SplitSound(original, kept, removed, model.sample_rate_hz)


def render_window(
    model: AudioModel, features: Features, piece: Tensor, mask: Tensor, *, inversion: Inversion = "projection"
) -> Tensor:
    """Return the sound of one window that a mask keeps, (time,), at the window's own level.

    Args:
        model: gives the front end.
        features: of the window, a batch of one.
        piece: the window before it was normalised, (time,).
        mask: (freq, time) in [0, 1].
        inversion: see ``listen``.
    """
    loud = audio.normalise(piece, model.normalise)
    gain = piece.abs().amax(-1) / loud.abs().amax(-1).clamp(min=1e-12)
    sound: Tensor = model.front_end.inverse(features, mask[None], inversion=inversion)[0] * gain
    return sound


def features_of_sounds(model: AudioModel, sounds: Tensor) -> Features:
    """Return what a model hears of sounds, as if each were a recording of its own; differentiable.

    Setting the level is the model's first step: where a model does it (``AudioModel.normalise``), a quiet part of a
    recording is made as loud as the recording was. So it makes no difference at which level a part is played.

    Args:
        model: gives the level and the front end.
        sounds: (batch, time), at ``model.sample_rate_hz``, as long as the model's window.
    """
    return model.front_end(audio.normalise(sounds, model.normalise))


def _check(mask: Tensor, shape: tuple[int, int]) -> None:
    if mask.shape != shape:
        raise ParameterError(f"mask has shape {tuple(mask.shape)} but features {shape}; shapes must match")
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ParameterError(f"mask has values from {mask.min():.3g} to {mask.max():.3g}; expected 0 to 1")


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
