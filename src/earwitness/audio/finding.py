"""Sound files behind the names, folders and patterns that people write."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from earwitness.audio.reading import SUFFIXES
from earwitness.core.errors import AudioFileError


def find_files(arguments: list[str]) -> list[Path]:
    """Expand files, folders and glob patterns to sound files.

    Args:
        arguments: paths; a folder stands for the sound files in it.

    Raises:
        AudioFileError: a folder or pattern has none.
    """
    sound_files: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if not argument:
            raise AudioFileError("the name of a file is empty; expected a sound file, a folder or a pattern")
        if _is_folder(path):
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise AudioFileError(f"{path}: no sound files; expected one of {', '.join(SUFFIXES)}")
            sound_files += inside
        elif not os.path.lexists(path) and any(c in argument for c in "*?["):
            matches = sorted(p for p in _glob(argument) if p.is_file())
            if not matches:
                raise AudioFileError(f"{argument}: matches no file; check the pattern")
            sound_files += matches
        else:
            sound_files.append(path)
    return list(dict.fromkeys(sound_files))


def _is_folder(path: Path) -> bool:
    try:
        if path.is_dir():
            next(path.iterdir(), None)  # raises where it may not be read
            return True
        return False
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{path}: cannot be opened ({reason}); check the name") from error


def _glob(pattern: str) -> Iterator[Path]:
    return (Path(match) for match in glob.iglob(pattern, recursive=True))
