"""What the app takes on: how large, how long, how many at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earwitness import audio
from earwitness.core.errors import AudioFileError

MAX_REGIONS = 100
PREVIEW_S = 30.0  # of a long sound, what the page plays before it is explained


@dataclass(frozen=True)
class Limits:
    """What the app takes on.

    Attributes:
        upload_mb: largest file, in 1,000,000 bytes.
        duration_s: longest sound, seconds.
        jobs: explanations that are worked on at once; others wait.
        sessions: open pages that may hold sounds at once.
    """

    upload_mb: int = 100
    duration_s: float = 600.0
    jobs: int = 1
    sessions: int = 32


def check_sound(path: Path, limits: Limits) -> audio.FileInfo:
    """Read a file's header and the whole of its sound, and refuse what cannot be explained.

    Raises:
        AudioFileError: not a sound file, damaged, or beyond the limits.
    """
    size = path.stat().st_size
    if size > limits.upload_mb * 1_000_000:
        raise AudioFileError(f"{path.name}: {size / 1e6:.0f} MB; expected at most {limits.upload_mb} MB: "
                             "cut it, or start the app with a larger --max-upload-mb")
    facts = audio.info(path)
    if facts.duration_s > limits.duration_s:
        raise AudioFileError(f"{path.name}: {facts.duration_s:.0f} s of sound; expected at most "
                             f"{limits.duration_s:g} s: cut it, or start the app with a larger --max-seconds")
    for _ in audio.windows(path, sample_rate_hz=facts.sample_rate_hz, window_s=max(1.0, 1 / facts.sample_rate_hz)):
        pass  # every sample is looked at
    return facts
