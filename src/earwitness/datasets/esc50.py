"""Reads a data set laid out like ESC-50: ``meta/esc50.csv`` and ``audio/``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.core import moved
from earwitness.core.errors import DataError

TABLE = Path("meta", "esc50.csv")
COLUMNS = ("filename", "fold", "target", "category")


@dataclass(frozen=True)
class Esc50Recording:
    """One labelled clip of the data set.

    Attributes:
        path: the sound file.
        fold: number of the fold the clip belongs to; clips of one source share a fold.
        label: name of the class.
        target: position of the label in the data set's label list, from 0.
    """

    path: Path
    fold: int
    label: str
    target: int


@dataclass(frozen=True)
class Esc50:
    """A data set in ESC-50's layout: ESC-50 itself, ESC-10, or your own.

    Attributes:
        recordings: all clips, in the order of the table.
        labels: names of the classes, sorted by the target number in the table.
    """

    recordings: tuple[Esc50Recording, ...]
    labels: tuple[str, ...]

    @property
    def folds(self) -> tuple[int, ...]:
        """The fold numbers there are, sorted."""
        return tuple(sorted({recording.fold for recording in self.recordings}))

    def of_folds(self, folds: Iterable[int]) -> tuple[Esc50Recording, ...]:
        """Return the clips of some folds, in the order of the table.

        Raises:
            DataError: a fold has no clips.
        """
        chosen = set(folds)
        unknown = sorted(chosen - set(self.folds))
        if unknown or not chosen:
            raise DataError(f"folds are {sorted(chosen)}; expected one or more of {list(self.folds)}")
        return tuple(recording for recording in self.recordings if recording.fold in chosen)


def read_esc50(folder: str | Path) -> Esc50:
    """Read the table of a data set and check that every sound file is there.

    Args:
        folder: holds ``meta/esc50.csv`` with the columns filename, fold, target and category (more are
            allowed), and ``audio/`` with the files named there.

    Raises:
        DataError: the table, a column, a value or a sound file is missing or contradicts another.

    Source: Piczak 2015. Differs: target numbers may have gaps, as ESC-10's have; ``Esc50Recording.target`` has none.
    """
    folder = Path(folder)
    rows = _rows(folder / TABLE)
    names = _names_by_number(rows, folder / TABLE)
    labels = tuple(names[number] for number in sorted(names))
    recordings = tuple(
        Esc50Recording(folder / "audio" / row["filename"], _number(row, "fold", line, folder / TABLE),
                  row["category"], labels.index(row["category"]))
        for line, row in rows
    )
    _check_files(folder, [recording.path for recording in recordings])
    return Esc50(recordings, labels)


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with their line numbers."""
    if not table.is_file():
        raise DataError(f"{table}: no such file; expected ESC-50's layout: meta/esc50.csv and audio/")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            missing = [name for name in COLUMNS if name not in columns]
            if missing:
                raise DataError(f"{table}: columns are {list(columns)}; expected also {missing}")
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a CSV table in UTF-8 ({error}); export it again") from error
    if not rows:
        raise DataError(f"{table}: no rows after the header; expected one per sound file")
    for line, row in rows:
        empty = [name for name in COLUMNS if not (row[name] or "").strip()]
        if empty:
            raise DataError(f"{table}, line {line}: {', '.join(empty)} is empty; expected a value in every row")
    _check_once([(line, row["filename"]) for line, row in rows], table)
    return rows


def _check_once(filenames: Sequence[tuple[int, str]], table: Path) -> None:
    first: dict[Path, int] = {}
    for line, filename in filenames:
        path = Path(filename)  # ./a.wav is a.wav
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"{table}, line {line}: filename is {filename!r}; expected a file inside audio/")
        if path in first:
            raise DataError(f"{table}, line {line}: {filename} is also in line {first[path]}; expected each once")
        first[path] = line


def _number(row: dict[str, str], column: str, line: int, table: Path) -> int:
    try:
        return int(row[column])
    except ValueError:
        message = f"{table}, line {line}: {column} is {row[column]!r}; expected a whole number"
        raise DataError(message) from None


def _names_by_number(rows: Sequence[tuple[int, dict[str, str]]], table: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for line, row in rows:
        number, name = _number(row, "target", line, table), row["category"]
        if names.setdefault(number, name) != name:
            raise DataError(f"{table}, line {line}: target {number} is {name!r} here and {names[number]!r} above; "
                            "expected one category for each target")
    if len(set(names.values())) < len(names):
        double = sorted(name for name in set(names.values()) if list(names.values()).count(name) > 1)
        raise DataError(f"{table}: {double} have several targets; expected one target for each category")
    return names


def _check_files(folder: Path, paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(paths)} sound files are missing, the first is {missing[0]}; "
            "expected every file of the table in audio/: download the data set again"
        )


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
