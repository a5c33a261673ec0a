"""A recording of any length -> the windows of it that are explained."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from earwitness import audio
from earwitness.core.types import Clip, StepProgress
from earwitness.models import AudioModel
from earwitness.report.contents import WindowPrediction
from earwitness.targets.resolved import ClassTarget

LONG_WINDOW_S = 10.0  # window of a long recording for models that hear any length
LEAST_REST = 0.05  # a last window with less sound than this share is left out


@dataclass(frozen=True)
class Recording:
    """What is explained of a recording.

    Attributes:
        path: what it is called in the report and in the command that repeats it.
        info: what its header says.
        clips: the windows that are explained, (start in seconds, sound), in order of time.
        timeline: one entry per window of a long recording; empty for a short one.
        window_s: length of a window, seconds.
    """

    path: Path
    info: audio.FileInfo
    clips: list[tuple[float, Clip]]
    timeline: list[WindowPrediction]
    window_s: float


def select_windows(
    path: str | Path, model: AudioModel, *, target: ClassTarget | None = None, channel: str = "mean",
    sections: int = 3, progress: StepProgress = lambda step, done: None,
) -> Recording:
    """Open a recording and find what is to be explained of it.

    Args:
        path: the sound file.
        model: the classifier.
        target: class whose probability counts; None takes the predicted class of each window.
        channel: of a recording with several, see ``audio.load``.
        sections: how many windows of a long recording are wanted.
        progress: called with a step's name and the share done, 0..1.

    Returns:
        All of a recording that is no longer than the model's window, else the windows with the highest probability.

    Raises:
        AudioFileError: the file cannot be used.
    """
    path = Path(path)
    info = audio.info(path)
    window_s = model.window_s or LONG_WINDOW_S
    progress("listening", 0.0)
    if info.duration_s <= window_s * (1 + LEAST_REST):
        clip = audio.load(path, duration_s=min(window_s, info.duration_s), channel=channel)
        return Recording(path, info, [(0.0, clip)], [], window_s)
    timeline: list[WindowPrediction] = []
    surest: list[tuple[float, float, Clip]] = []
    for start_s, clip in _windows(path, model, window_s, channel):
        probabilities = model.probabilities(clip)[0]
        best = int(probabilities.argmax())
        timeline.append(WindowPrediction(start_s, model.class_name(best), float(probabilities[best])))
        sure = probabilities[best] if target is None else target.probability(probabilities[None])[0]
        heapq.heappush(surest, (float(sure), -start_s, clip))
        if len(surest) > max(1, sections):
            heapq.heappop(surest)
        progress("listening", min(1.0, (start_s + window_s) / info.duration_s))
    clips = sorted(((-start, clip) for _, start, clip in surest), key=lambda pair: pair[0])
    return Recording(path, info, clips, timeline, window_s)


def _windows(path: Path, model: AudioModel, window_s: float, channel: str) -> Iterator[tuple[float, Clip]]:
    for start_s, clip in audio.windows(path, sample_rate_hz=model.sample_rate_hz, window_s=window_s, channel=channel):
        if start_s == 0.0 or clip.duration_s >= LEAST_REST * window_s:
            yield start_s, clip
