"""Clips -> sound files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import soundfile
import torch

from earwitness.core.atomic_files import replacing
from earwitness.core.errors import AudioFileError
from earwitness.core.types import Clip


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
