"""Sound files -> clips: every file in the wild is checked here."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from earwitness.audio.resampling import resample_array
from earwitness.core.errors import AudioFileError, ParameterError
from earwitness.core.types import Clip, check_rate
from earwitness.core.validation import fits

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".au")
RATE_RANGE_HZ = (1000, 768_000)
MAX_CHANNELS = 64
MAX_DURATION_S = 600.0
RESAMPLING_MARGIN_S = 0.05
CODEC_SLACK_S = 0.1
MP3_LEAD_S = 0.5
MAX_PEAK = 1e6
MAX_LENGTH_SAMPLES = 2**40
NAMED_CHANNELS = {"left": 1, "right": 2}
Channel = str | int


@dataclass(frozen=True)
class FileInfo:
    """What a sound file's header says.

    Attributes:
        path: the file.
        sample_rate_hz: samples per second.
        channels: number of channels.
        length_samples: samples per channel.
        encoding: container and sample format, e.g. "WAV/PCM_16".
    """

    path: Path
    sample_rate_hz: int
    channels: int
    length_samples: int
    encoding: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.length_samples / self.sample_rate_hz


def info(path: str | os.PathLike[str]) -> FileInfo:
    """Read a sound file's header and check that it can be used.

    Raises:
        AudioFileError: the file is missing, empty, not audio, cut short, or has an unusable rate or channel count.
    """
    with _open(Path(path)) as file:
        return _checked_info(Path(path), file)


def load(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    max_duration_s: float = MAX_DURATION_S,
    channel: Channel = "mean",
) -> Clip:
    """Load a recording as a mono clip at its own sample rate.

    Args:
        path: WAV, FLAC, OGG, MP3 or another file that libsndfile reads; integer or float, any channels.
        start_s: where to start, seconds.
        duration_s: how much to read, seconds; None reads to the end.
        max_duration_s: refuse to read more than this, seconds; see ``windows`` for long files.
        channel: "mean" averages the channels; "left", "right" or a number from 1 takes one of them.

    Returns:
        Clip named after the file; float32, full scale ±1.

    Raises:
        AudioFileError: the file cannot be used, or the wanted part is too long, or not in the file.
    """
    path = Path(path)
    if not (fits(start_s, float) and fits(duration_s, float | None)) or (duration_s is not None and duration_s <= 0):
        raise ParameterError(f"start_s={start_s}, duration_s={duration_s}; expected seconds")
    with _open(path) as file:
        facts = _checked_info(path, file)
        wanted_s = facts.duration_s - start_s if duration_s is None else duration_s
        if not 0 <= start_s < facts.duration_s:
            raise AudioFileError(f"{path}: start is {start_s} s; expected a place in the {facts.duration_s:.3f} s file")
        if wanted_s > max_duration_s:
            raise AudioFileError(
                f"{path}: {wanted_s:.0f} s of sound; expected at most {max_duration_s:.0f} s at once: "
                "read a part with start_s and duration_s, or window by window with earwitness.audio.windows"
            )
        first = round(start_s * facts.sample_rate_hz)
        count = min(max(1, round(wanted_s * facts.sample_rate_hz)), facts.length_samples - first)
        samples = _read(path, file, first, count, _column(facts, channel))
    return Clip(torch.from_numpy(samples), facts.sample_rate_hz, path.name)


def windows(
    path: str | os.PathLike[str], *, sample_rate_hz: int, window_s: float, hop_s: float | None = None,
    channel: Channel = "mean",
) -> Iterator[tuple[float, Clip]]:
    """Read a recording of any length window by window; memory does not grow with its length.

    Args:
        path: as for ``load``.
        sample_rate_hz: rate of the clips; resampled with a margin of 50 ms, so borders do not click.
        window_s: length of a window, seconds; the last is as long as what remains.
        hop_s: step between windows, seconds; None means ``window_s``.
        channel: as for ``load``.

    Yields:
        (start in seconds, clip).

    Raises:
        AudioFileError: the file cannot be used.
    """
    path = Path(path)
    hop_s = window_s if hop_s is None else hop_s
    check_rate(sample_rate_hz)
    if not all(fits(s, float) and s * sample_rate_hz >= 1 for s in (window_s, hop_s)):
        raise ParameterError(f"window_s={window_s}, hop_s={hop_s}; expected seconds of at least one sample")
    with _open(path) as file:
        facts = _checked_info(path, file)
        rate, column = facts.sample_rate_hz, _column(facts, channel)
        length_samples = math.ceil(facts.length_samples * sample_rate_hz / rate)
        window, rest_s = round(window_s * sample_rate_hz), max(0.0, window_s - hop_s)
        for k in range(max(1, math.ceil((facts.duration_s - rest_s) / hop_s - 1e-9))):
            first = round(k * hop_s * sample_rate_hz)
            count = min(window, length_samples - first)
            samples = _read_resampled(path, file, sample_rate_hz, first, count, column)
            if samples.size:
                yield k * hop_s, Clip(torch.from_numpy(samples), sample_rate_hz, path.name)


def _open(path: Path) -> soundfile.SoundFile:
    try:
        if not path.exists():
            raise AudioFileError(f"{path}: no such file; check the name")
        if not path.is_file():
            raise AudioFileError(f"{path}: not a regular file; expected a sound file")
        if path.stat().st_size == 0:
            raise AudioFileError(f"{path}: file is empty (0 bytes); expected a sound file")
    except (OSError, ValueError) as error:
        if isinstance(error, AudioFileError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{path}: cannot be opened ({reason}); check the name") from error
    try:
        return soundfile.SoundFile(os.fsencode(path))
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise AudioFileError(
            f"{path}: not a sound file libsndfile can read ({reason}); expected WAV, FLAC, OGG or MP3"
        ) from error


def _checked_info(path: Path, file: soundfile.SoundFile) -> FileInfo:
    facts = FileInfo(path, file.samplerate, file.channels, file.frames, f"{file.format}/{file.subtype}")
    low, high = RATE_RANGE_HZ
    if not low <= facts.sample_rate_hz <= high:
        raise AudioFileError(f"{path}: sample rate is {facts.sample_rate_hz} Hz; expected {low} to {high} Hz")
    if not 1 <= facts.channels <= MAX_CHANNELS:
        raise AudioFileError(f"{path}: {facts.channels} channels; expected 1 to {MAX_CHANNELS}")
    if facts.length_samples <= 0:
        raise AudioFileError(f"{path}: no samples after the header; expected sound: record or export it again")
    if facts.length_samples > MAX_LENGTH_SAMPLES:
        raise AudioFileError(f"{path}: the header does not say how long it is; convert it to WAV or FLAC again")
    promised = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if promised and int(promised[1]) not in (0, 0xFFFFFFFF) and int(promised[1]) > int(promised[2]):
        raise AudioFileError(
            f"{path}: cut short, the header promises {promised[1]} bytes of sound but {promised[2]} are there; "
            "copy or export it again"
        )
    return facts


def _column(facts: FileInfo, channel: Channel) -> int | None:
    """Place of a channel, from 0; None for the mean of all."""
    number = NAMED_CHANNELS.get(channel, channel) if isinstance(channel, str) else channel
    if number == "mean":
        return None
    text = str(number)
    if isinstance(channel, bool) or not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= facts.channels):
        names = ", ".join([f"1 to {facts.channels}", *(n for n, k in NAMED_CHANNELS.items() if k <= facts.channels)])
        raise ParameterError(f"channel is {str(channel)[:40]!r}; expected 'mean', or one of the {facts.channels} "
                             f"channels of {facts.path.name}: {names}")
    return int(text) - 1


def _read(path: Path, file: soundfile.SoundFile, first: int, count: int, column: int | None) -> np.ndarray:
    """Read ``count`` samples from ``first`` of one channel, or the mean of all, float32, (time,)."""
    mono = np.empty(count, dtype=np.float32)
    done = 0
    try:
        lead = min(first, round(MP3_LEAD_S * file.samplerate)) if file.format == "MP3" else 0
        file.seek(first - lead)
        if lead:  # an MP3 frame leans on those before it
            file.read(lead)
        while done < count:
            block = file.read(min(count - done, 1 << 18), dtype="float32", always_2d=True)
            if not len(block) and file.frames - first - done <= CODEC_SLACK_S * file.samplerate and done:
                mono = mono[:done]  # compressed streams may promise a little more than they hold
                break
            if not len(block):
                raise AudioFileError(
                    f"{path}: cut short, {first + done} of {file.frames} samples can be read; copy or export it again"
                )
            mono[done : done + len(block)] = block.mean(1) if column is None else block[:, column]
            done += len(block)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path}: damaged ({error.error_string.strip()}); copy or export it again") from error
    if not np.isfinite(mono).all():
        where = int(np.flatnonzero(~np.isfinite(mono))[0]) + first
        raise AudioFileError(f"{path}: sample {where} is NaN or infinite; expected finite sound: export it again")
    if mono.size and float(np.abs(mono).max()) > MAX_PEAK:
        raise AudioFileError(f"{path}: peak is {np.abs(mono).max():.3g}; expected full scale 1: export it again")
    return mono


def _read_resampled(
    path: Path, file: soundfile.SoundFile, sample_rate_hz: int, first: int, count: int, column: int | None
) -> np.ndarray:
    """Read ``count`` samples from ``first``, both counted at ``sample_rate_hz``, with a margin around them.

    Reading starts where a sample of the file and one of the result coincide, so pieces fit together.
    """
    rate = file.samplerate
    step = math.gcd(rate, sample_rate_hz)
    own_step, wanted_step = rate // step, sample_rate_hz // step
    block = max(0, first - round(RESAMPLING_MARGIN_S * sample_rate_hz)) // wanted_step
    own_first = block * own_step
    own_last = math.ceil((first + count) * rate / sample_rate_hz) + round(RESAMPLING_MARGIN_S * rate)
    samples = _read(path, file, own_first, min(own_last, file.frames) - own_first, column)
    skip = first - block * wanted_step
    return resample_array(samples, rate, sample_rate_hz)[skip : skip + count]
