"""Reads songs as pairs of stems: what is to be found, and everything else (ccMixter's layout)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness import audio
from earwitness.core import moved
from earwitness.core.errors import AudioFileError, DataError

VOICE = ("voice", "vocal", "vocals", "source-02")
OTHER = ("instrumental", "accompaniment", "background", "source-01")
TOLERANCE_S = 0.05


@dataclass(frozen=True)
class StemPair:
    """A song in two files of the same length.

    Attributes:
        name: of the song's folder.
        voice: the sound to be found.
        other: everything else.
        duration_s: length in seconds.
    """

    name: str
    voice: Path
    other: Path
    duration_s: float


def read_stem_pairs(folder: str | Path) -> tuple[StemPair, ...]:
    """Read a folder with one folder per song, each with two stems.

    The stem to be found is called voice, vocal, vocals or source-02, the other instrumental, accompaniment,
    background or source-01, with any ending of a sound file; other files are ignored.

    Raises:
        DataError: no songs, a stem is missing, or the two differ in length by more than 50 ms.

    Source: Liutkus et al. 2014 (ccMixter: source-01 is the music, source-02 the voice).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected one folder per song with two stems")
    song_folders = (path for path in sorted(folder.iterdir()) if path.is_dir() and _sounds(path))
    pairs = tuple(_pair(song_folder) for song_folder in song_folders)
    if not pairs:
        raise DataError(f"{folder}: no songs; expected folders with {' or '.join(VOICE)} and {' or '.join(OTHER)}")
    return pairs


def _pair(song_folder: Path) -> StemPair:
    sounds = _sounds(song_folder)
    stems = []
    for names in (VOICE, OTHER):
        stem = next((sounds[name] for name in names if name in sounds), None)
        if stem is None:
            raise DataError(f"{song_folder}: no file named {', '.join(names)}; expected both stems, "
                            f"found {sorted(sounds)}")
        stems.append(stem)
    try:
        lengths = [audio.info(path).duration_s for path in stems]
    except AudioFileError as error:
        raise DataError(str(error)) from error
    if abs(lengths[0] - lengths[1]) > TOLERANCE_S:
        raise DataError(f"{stems[0]}: {lengths[0]:.3f} s, but {stems[1].name} {lengths[1]:.3f} s; expected stems of "
                        "the same length")
    return StemPair(song_folder.name, stems[0], stems[1], min(lengths))


def _sounds(song_folder: Path) -> dict[str, Path]:
    return {path.stem.lower(): path for path in sorted(song_folder.iterdir()) if path.suffix.lower() in audio.SUFFIXES}


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
