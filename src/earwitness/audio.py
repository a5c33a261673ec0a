"""Everything on disk or in the wild enters here: load, save, resample, normalise, mix.

Recordings are mono inside earwitness: the channels of a file are averaged. A silent clip stays
silent whatever the normalisation; a short one is padded with silence to the model's window; a long
one is read window by window (``windows``), never whole.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from earwitness.errors import AudioFileError, ParameterError, unknown_name
from earwitness.files import replacing
from earwitness.types import Clip

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".au")
RATE_RANGE_HZ = (1000, 768_000)
MAX_CHANNELS = 64
MAX_DURATION_S = 600.0
RESAMPLING_MARGIN_S = 0.05

Level = Literal["peak", "rms"]


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
) -> Clip:
    """Load a recording as a mono clip at its own sample rate.

    Args:
        path: WAV, FLAC, OGG, MP3 or another file that libsndfile reads; integer or float, any channels.
        start_s: where to start, seconds.
        duration_s: how much to read, seconds; None reads to the end.
        max_duration_s: refuse to read more than this, seconds; see ``windows`` for long files.

    Returns:
        Clip named after the file; channels are averaged; float32, full scale ±1.

    Raises:
        AudioFileError: the file cannot be used, or the wanted part is too long, or not in the file.
    """
    path = Path(path)
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
        samples = _read(path, file, first, count)
    return Clip(torch.from_numpy(samples), facts.sample_rate_hz, path.name)


def windows(
    path: str | os.PathLike[str], *, sample_rate_hz: int, window_s: float, hop_s: float | None = None
) -> Iterator[tuple[float, Clip]]:
    """Read a recording of any length window by window; memory does not grow with its length.

    Args:
        path: as for ``load``.
        sample_rate_hz: rate of the clips; resampled with a margin of 50 ms, so borders do not click.
        window_s: length of a window, seconds; the last is as long as what remains.
        hop_s: step between windows, seconds; None means ``window_s``.

    Yields:
        (start in seconds, clip).

    Raises:
        AudioFileError: the file cannot be used.
    """
    path = Path(path)
    hop_s = window_s if hop_s is None else hop_s
    if window_s <= 0 or hop_s <= 0:
        raise ParameterError(f"window_s={window_s}, hop_s={hop_s}; expected positive seconds")
    with _open(path) as file:
        facts = _checked_info(path, file)
        rate = facts.sample_rate_hz
        length_samples = math.ceil(facts.length_samples * sample_rate_hz / rate)
        window, rest_s = round(window_s * sample_rate_hz), max(0.0, window_s - hop_s)
        for k in range(max(1, math.ceil((facts.duration_s - rest_s) / hop_s - 1e-9))):
            first = round(k * hop_s * sample_rate_hz)
            samples = _read_resampled(path, file, sample_rate_hz, first, min(window, length_samples - first))
            if samples.size:
                yield k * hop_s, Clip(torch.from_numpy(samples), sample_rate_hz, path.name)


def save(path: str | os.PathLike[str], clip: Clip) -> Path:
    """Write a clip as 16-bit sound; the file appears whole or not at all.

    Args:
        path: ``.wav``, ``.flac`` or ``.ogg``; an existing file is replaced.
        clip: samples beyond ±1 are cut, with a warning.

    Returns:
        The path.

    Raises:
        AudioFileError: unknown suffix, or the folder cannot be written.
    """
    path = Path(path)
    container = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}.get(path.suffix.lower())
    if container is None:
        raise AudioFileError(f"{path}: suffix is {path.suffix!r}; expected .wav, .flac or .ogg")
    samples = clip.waveform.detach().to("cpu", torch.float32).numpy()
    if float(np.abs(samples).max()) > 1.0:
        warnings.warn(f"{path}: peak is {np.abs(samples).max():.2f}; samples beyond 1 are cut", stacklevel=2)
    subtype = "VORBIS" if container == "OGG" else "PCM_16"
    try:
        with replacing(path) as temporary:
            soundfile.write(temporary, samples.clip(-1.0, 1.0), clip.sample_rate_hz, subtype, format=container)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioFileError(f"{path}: cannot be written ({error}); check the folder and the space left") from error
    return path


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
    if sample_rate_hz <= 0:
        raise ParameterError(f"sample_rate_hz is {sample_rate_hz}; expected a positive number")
    if clip.sample_rate_hz == sample_rate_hz:
        return clip
    samples = _resampled(clip.waveform.detach().cpu().numpy(), clip.sample_rate_hz, sample_rate_hz)
    return replace(clip, waveform=torch.from_numpy(samples).to(clip.waveform), sample_rate_hz=sample_rate_hz)


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


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioFileError(f"{path}: no such file; check the name")
    if not path.is_file():
        raise AudioFileError(f"{path}: not a regular file; expected a sound file")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path}: file is empty (0 bytes); expected a sound file")
    try:
        return soundfile.SoundFile(path)
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
    promised = re.search(r"data\s*:\s*(\d+) \(should be (\d+)\)", file.extra_info)
    if promised and int(promised[1]) not in (0, 0xFFFFFFFF) and int(promised[1]) > int(promised[2]):
        raise AudioFileError(
            f"{path}: cut short, the header promises {promised[1]} bytes of sound but {promised[2]} are there; "
            "copy or export it again"
        )
    return facts


def _read(path: Path, file: soundfile.SoundFile, first: int, count: int) -> np.ndarray:
    """Read ``count`` samples from ``first`` as the mean of the channels, float32, (time,)."""
    mono = np.empty(count, dtype=np.float32)
    done = 0
    try:
        file.seek(first)
        while done < count:
            block = file.read(min(count - done, 1 << 18), dtype="float32", always_2d=True)
            if not len(block):
                raise AudioFileError(
                    f"{path}: cut short, {first + done} of {file.frames} samples can be read; copy or export it again"
                )
            mono[done : done + len(block)] = block.mean(1)
            done += len(block)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path}: damaged ({error.error_string.strip()}); copy or export it again") from error
    if not np.isfinite(mono).all():
        where = int(np.flatnonzero(~np.isfinite(mono))[0]) + first
        raise AudioFileError(f"{path}: sample {where} is NaN or infinite; expected finite sound: export it again")
    return mono


def _read_resampled(
    path: Path, file: soundfile.SoundFile, sample_rate_hz: int, first: int, count: int
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
    samples = _read(path, file, own_first, min(own_last, file.frames) - own_first)
    skip = first - block * wanted_step
    return _resampled(samples, rate, sample_rate_hz)[skip : skip + count]


def _resampled(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    if from_hz == to_hz:
        return samples
    resampled: np.ndarray = soxr.resample(samples, from_hz, to_hz, quality="VHQ")
    if not resampled.size:  # fewer input samples than one output sample lasts
        return np.zeros(1, dtype=samples.dtype)
    return resampled
