"""Reads songs whose singing is marked: JamendoLyrics, and the Jamendo set for singing voice detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness import audio
from earwitness.core import moved
from earwitness.core.errors import AudioFileError, DataError, ParameterError
from earwitness.core.validation import fits
from earwitness.datasets import intervals

CLOSE_GAPS_S = 0.3
WORDS = ("word_start", "word_end")
LINES = ("start_time", "end_time")
PARTS = ("train", "valid", "test")
LABELS = {"sing": True, "nosing": False}
LAYOUTS = ("expected JamendoLyrics (audio/ and annotations/words/ or annotations/lines/ with a .csv per song) or "
           "Jamendo SVD (audio/, labels/ with a .lab per song, filelists/train, valid and test)")


@dataclass(frozen=True)
class Song:
    """A song and where it is sung.

    Attributes:
        path: the sound file.
        name: file name without its ending.
        duration_s: length in seconds.
        vocal: sung stretches as (start, end) in seconds, sorted, without overlap.
        part: "train", "valid" or "test" where the data set says it, else "".
    """

    path: Path
    name: str
    duration_s: float
    vocal: tuple[tuple[float, float], ...]
    part: str = ""

    @property
    def vocal_share(self) -> float:
        """Share of the song that is sung, 0..1."""
        return sum(end_s - start_s for start_s, end_s in self.vocal) / self.duration_s


def read_songs(folder: str | Path, *, close_gaps_s: float = CLOSE_GAPS_S) -> tuple[Song, ...]:
    """Read a folder of songs in one of two published layouts.

    In JamendoLyrics' layout a moment is vocal if a word is sung in it (words of two voices may overlap), or if it
    lies in a gap between words that is shorter than ``close_gaps_s``. Where there are no words, lines are taken.
    In the layout of Jamendo's detection set, stretches are marked "sing" or "nosing" and may not overlap.

    Args:
        folder: see the error for the layouts.
        close_gaps_s: the rule above, seconds; not used with marked stretches.

    Returns:
        Songs sorted by name (JamendoLyrics), or in the order of the file lists.

    Raises:
        DataError: another layout, a file without its counterpart, or an annotation that is reversed, beyond the end
            of the song, or overlapping; it names file and line.

    Source: Durand, Stoller & Ewert 2023; Ramona, Richard & David 2008. Differs: the rule for gaps is ours.
    """
    folder = Path(folder)
    if not fits(close_gaps_s, float) or close_gaps_s < 0:
        raise ParameterError(f"close_gaps_s is {close_gaps_s!r}; expected seconds from 0")
    if (folder / "labels").is_dir():
        return _read_marked(folder)
    for kind, columns in (("words", WORDS), ("lines", LINES)):
        if (folder / "annotations" / kind).is_dir():
            return _read_lyrics(folder, folder / "annotations" / kind, columns, close_gaps_s)
    raise DataError(f"{folder}: no known layout; {LAYOUTS}")


def of_part(songs: Sequence[Song], part: str) -> tuple[Song, ...]:
    """Return the songs of a part, "train", "valid" or "test"; an empty part is an error."""
    songs_of_part = tuple(song for song in songs if song.part == part)
    if not songs_of_part:
        raise DataError(f"no songs in part {part!r}; known: {', '.join(sorted({s.part for s in songs if s.part}))}")
    return songs_of_part


def _read_lyrics(folder: Path, tables: Path, columns: tuple[str, str], close_gaps_s: float) -> tuple[Song, ...]:
    sounds = _sounds(folder)
    marked = sorted(tables.glob("*.csv"))
    if not marked:
        raise DataError(f"{tables}: no .csv files; {LAYOUTS}")
    songs = []
    for table in marked:
        if table.stem not in sounds:
            raise DataError(f"{table}: no sound file {folder / 'audio' / table.stem}.*; expected one per table")
        duration_s = _duration_s(sounds[table.stem])
        words = intervals.read_table(table, *columns, duration_s=duration_s)
        vocal = intervals.joined(words, close_gaps_s=close_gaps_s)
        songs.append(Song(sounds[table.stem], table.stem, duration_s, vocal))
    return tuple(songs)


def _read_marked(folder: Path) -> tuple[Song, ...]:
    sounds, songs = _sounds(folder), []
    seen: dict[str, str] = {}
    for part in PARTS:
        listing = folder / "filelists" / part
        try:
            names = listing.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{listing}: cannot be read ({error}); {LAYOUTS}") from error
        for line, name in enumerate(names, 1):
            stem = Path(name.strip()).stem
            if not stem:
                continue
            if stem in seen:
                raise DataError(f"{listing}, line {line}: {stem} is also in {seen[stem]}; expected each song once")
            if stem not in sounds:
                raise DataError(f"{listing}, line {line}: no sound file {folder / 'audio' / stem}.*")
            seen[stem] = part
            songs.append(_marked_song(folder, sounds[stem], part))
    return tuple(songs)


def _marked_song(folder: Path, sound: Path, part: str) -> Song:
    table = folder / "labels" / f"{sound.stem}.lab"
    duration_s = _duration_s(sound)
    stretches = intervals.read_labels(table, duration_s=duration_s)
    for stretch in stretches:
        if stretch.label not in LABELS:
            raise DataError(f"{table}, line {stretch.line}: label is {stretch.label!r}; expected sing or nosing")
    vocal = intervals.joined([stretch for stretch in stretches if LABELS[stretch.label]])
    return Song(sound, sound.stem, duration_s, vocal, part)


def _sounds(folder: Path) -> dict[str, Path]:
    audio_folder = folder / "audio"
    if not audio_folder.is_dir():
        raise DataError(f"{audio_folder}: no such folder; {LAYOUTS}")
    return {path.stem: path for path in sorted(audio_folder.iterdir()) if path.suffix.lower() in audio.SUFFIXES}


def _duration_s(path: Path) -> float:
    try:
        return audio.info(path).duration_s
    except AudioFileError as error:
        raise DataError(str(error)) from error


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
