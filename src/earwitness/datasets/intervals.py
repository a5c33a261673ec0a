"""Stretches of time that people marked: read from a table, checked line by line, joined."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from earwitness.core.errors import DataError

ROUNDING_S = 0.01


@dataclass(frozen=True)
class Marked:
    """One stretch of time as it stands in a file.

    Attributes:
        start_s: where it begins, seconds.
        end_s: where it ends, seconds.
        line: number of its line, for errors.
        label: what it is called, "" where the file has no names.
    """

    start_s: float
    end_s: float
    line: int
    label: str = ""


def read_table(path: Path, start: str, end: str, *, duration_s: float) -> list[Marked]:
    """Read two columns of a CSV table with a header.

    Args:
        path: the table.
        start: name of the column with starts, in seconds.
        end: name of the column with ends.
        duration_s: length of the recording; nothing may lie beyond it.

    Raises:
        DataError: no such file or column, or a line with no number, a reversed stretch or one beyond the end.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in (start, end) if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(f"{path}: columns are {list(reader.fieldnames or [])}; expected also {missing}")
            return [_marked(path, reader.line_num, row[start], row[end], "", duration_s) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table ({error}); expected CSV in UTF-8") from error


def read_labels(path: Path, *, duration_s: float) -> list[Marked]:
    """Read lines of "START END LABEL", separated by blanks; stretches may touch but not overlap.

    Args:
        path: the file.
        duration_s: length of the recording; nothing may lie beyond it.

    Raises:
        DataError: as ``read_table``, or a stretch that begins before the one above it ends.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); expected lines of START END LABEL") from error
    rows: list[Marked] = []
    for number, line in enumerate(lines, 1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) != 3:
            raise DataError(f"{path}, line {number}: {line.strip()[:60]!r}; expected START END LABEL")
        rows.append(_marked(path, number, columns[0], columns[1], columns[2], duration_s))
        if len(rows) > 1 and rows[-1].start_s < rows[-2].end_s - ROUNDING_S:
            raise DataError(f"{path}, line {number}: begins at {rows[-1].start_s:g} s, before line {rows[-2].line} "
                            f"ends at {rows[-2].end_s:g} s; expected stretches that do not overlap")
    return rows


def joined(stretches: Sequence[Marked], *, close_gaps_s: float = 0.0) -> tuple[tuple[float, float], ...]:
    """Return the union as (start, end) in seconds, sorted; gaps shorter than ``close_gaps_s`` are closed.

    >>> joined([Marked(1.0, 2.0, 1), Marked(2.25, 3.0, 2), Marked(2.5, 2.75, 3)], close_gaps_s=0.3)
    ((1.0, 3.0),)
    """
    union: list[tuple[float, float]] = []
    for stretch in sorted(stretches, key=lambda s: s.start_s):
        if union and (stretch.start_s <= union[-1][1] or stretch.start_s - union[-1][1] < close_gaps_s):
            union[-1] = (union[-1][0], max(union[-1][1], stretch.end_s))
        else:
            union.append((stretch.start_s, stretch.end_s))
    return tuple(union)


def inside(stretches: Sequence[tuple[float, float]], times_s: Tensor) -> Tensor:
    """Say for each time (n,) in seconds whether it lies in one of the stretches.

    >>> inside([(1.0, 2.0)], torch.tensor([0.5, 1.0, 2.0])).tolist()
    [False, True, False]
    """
    is_inside = torch.zeros(times_s.shape, dtype=torch.bool)
    for start_s, end_s in stretches:
        is_inside |= (times_s >= start_s) & (times_s < end_s)
    return is_inside


def gaps(stretches: Sequence[tuple[float, float]], duration_s: float) -> Iterator[tuple[float, float]]:
    """Yield what lies between the stretches of a recording, as (start, end) in seconds.

    >>> list(gaps([(1.0, 2.0)], 3.0))
    [(0.0, 1.0), (2.0, 3.0)]
    """
    before = 0.0
    for start_s, end_s in (*stretches, (duration_s, duration_s)):
        if start_s > before:
            yield before, start_s
        before = max(before, end_s)


def _marked(path: Path, line: int, start: str | None, end: str | None, label: str, duration_s: float) -> Marked:
    try:
        start_s, end_s = float(start or ""), float(end or "")
    except ValueError:
        raise DataError(f"{path}, line {line}: {start!r} to {end!r}; expected two numbers of seconds") from None
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or start_s < 0:
        raise DataError(f"{path}, line {line}: {start_s:g} to {end_s:g} s; expected finite seconds from 0")
    if end_s < start_s:
        raise DataError(f"{path}, line {line}: ends at {end_s:g} s, before it begins at {start_s:g} s; "
                        "expected the start first")
    if end_s > duration_s + ROUNDING_S:
        raise DataError(f"{path}, line {line}: ends at {end_s:g} s, but the recording at {duration_s:.3f} s; "
                        "expected the annotations of this recording")
    return Marked(start_s, min(end_s, duration_s), line, label)
