"""Listen through a recording of any length and say when there is singing."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip
from earwitness.core.validation import fits
from earwitness.models import AudioModel
from earwitness.models.networks.singing_voice import N_FRAMES, SingingVoiceNet
from earwitness.singing.decisions import MEDIAN_FRAMES, smoothed, song_threshold
from earwitness.singing.network_training import voice_curve
from earwitness.singing.report import MAX_PLAYED_S, Detection, SungSegment

CHUNK_FRAMES = 2000


def detect_file(
    path: str | Path, model: AudioModel, *, threshold: float | str | None = None, median_frames: int = MEDIAN_FRAMES,
    progress: Callable[[str, float], None] = lambda step, done: None,
) -> Detection:
    """Judge every frame of a recording, 70 a second; memory holds one piece of the sound and the curve.

    Args:
        path: the sound file.
        model: a detector whose network slides, such as "svd-jamendo".
        threshold: above it a frame is vocal; None takes that of the model's card, or ½; "song" parts this recording's
            own curve in two, see ``training.detection.song_threshold``: for recordings that are sung in part.
        median_frames: width of the running median, frames.
        progress: called with a step's name and the share done, 0..1.

    Raises:
        AudioFileError: the file cannot be used.
        ParameterError: the model cannot slide, or the threshold is neither 0 to 1 nor "song".

    Source: Schlüter & Grill 2015: a silent margin of 57 frames at both ends, a median over 56 frames.
    """
    if not isinstance(model.network, SingingVoiceNet):
        raise ParameterError(f"model {model.name!r} judges whole windows; detect needs one that judges every frame, "
                             "such as svd-jamendo: use earwitness explain for the others")
    limit: Any = model.card.get("training", {}).get("threshold", 0.5) if threshold is None else threshold
    if limit != "song" and (not fits(limit, float) or not 0 <= limit <= 1):
        raise ParameterError(f"threshold is {limit!r}; expected 0 to 1, or 'song'")
    facts = audio.info(path)
    curve, played = [], _Mp3(model.sample_rate_hz) if facts.duration_s <= MAX_PLAYED_S else None
    for end_s, piece in _pieces(Path(path), model, played):
        curve.append(voice_curve(model.network, piece))
        progress("listening", min(1.0, end_s / facts.duration_s))
    probability = torch.cat(curve)
    smooth = smoothed(probability, frames=median_frames)
    times_s = model.front_end.times_s(len(probability))
    above = song_threshold(smooth) if limit == "song" else float(limit)
    return Detection(
        name=facts.path.name, duration_s=facts.duration_s, times_s=times_s, probability=probability, smooth=smooth,
        threshold=above, stretches=_stretches(smooth, times_s, above, facts.duration_s),
        sound=None if played is None else played.close(), facts=_facts(facts, model, above, median_frames))


def _pieces(path: Path, model: AudioModel, played: _Mp3 | None) -> Iterator[tuple[float, Tensor]]:
    """Yield (how far it is in seconds, features (80, time)) so that each frame is the middle of one excerpt.

    Neighbours share 114 frames; silence is added before the first frame and after the last.
    """
    stft, rate = model.front_end.stft, model.sample_rate_hz
    window_s = ((CHUNK_FRAMES - 1) * stft.hop_samples + stft.win_samples) / rate
    hop_s = CHUNK_FRAMES * stft.hop_samples / rate
    silent = model.front_end.silent(torch.zeros(())).expand(-1, N_FRAMES // 2)
    waiting, end_s = silent, 0.0
    for start_s, clip in audio.windows(path, sample_rate_hz=rate, window_s=window_s, hop_s=hop_s):
        if played is not None:
            played.write(clip, round(hop_s * rate))
        whole = audio.fit_length(clip.waveform, max(clip.waveform.numel(), stft.win_samples if start_s == 0 else 0))
        if whole.numel() >= stft.win_samples:
            with torch.no_grad():
                waiting = torch.cat([waiting, model.front_end(whole[None]).values[0]], 1)
        end_s = start_s + clip.duration_s
        if waiting.shape[1] >= N_FRAMES:
            yield end_s, waiting
            waiting = waiting[:, -(N_FRAMES - 1) :]
    yield end_s, torch.cat([waiting, silent], 1)


class _Mp3:
    """A recording as MP3 in memory, written piece by piece."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.buffer = io.BytesIO()
        self.file = soundfile.SoundFile(self.buffer, "w", sample_rate_hz, 1, format="MP3", subtype="MPEG_LAYER_III")

    def write(self, clip: Clip, most: int) -> None:
        """Add the first ``most`` samples of a clip; what follows comes again with the next one."""
        self.file.write(clip.waveform[:most].clamp(-1, 1).numpy())

    def close(self) -> bytes:
        """Return the file."""
        self.file.close()
        return self.buffer.getvalue()


def _stretches(smooth: Tensor, times_s: Tensor, threshold: float, duration_s: float) -> tuple[SungSegment, ...]:
    vocal = smooth > threshold
    changes = [0, *(torch.nonzero(vocal[1:] != vocal[:-1])[:, 0] + 1).tolist(), len(vocal)]
    borders = [0.0, *(float((times_s[k - 1] + times_s[k]) / 2) for k in changes[1:-1]), duration_s]
    return tuple(
        SungSegment(borders[k], borders[k + 1], bool(vocal[first]), float(smooth[first:last].mean()))
        for k, (first, last) in enumerate(itertools.pairwise(changes)))


def _facts(info: audio.FileInfo, model: AudioModel, threshold: float, median_frames: int) -> dict[str, str]:
    seconds = median_frames * model.front_end.stft.hop_samples / model.sample_rate_hz
    return {
        "Recording": f"{info.duration_s:.2f} s, {info.sample_rate_hz} Hz, {info.encoding}",
        "Model": f"{model.name}: {model.card.get('summary', '')}",
        "Decision": f"probability above {threshold:.3g} in a running median over {seconds:.1f} s",
    }
