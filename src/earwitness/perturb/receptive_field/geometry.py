"""Where the values of a map are kept: every place once per variant of the parts that it sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earwitness.perturb.receptive_field.parts import NOTHING_HIGH, NOTHING_LOW, Integers, Variants


@dataclass(frozen=True)
class Window:
    """What a sliding operation looks at along one axis.

    Attributes:
        count: outputs.
        padding: places before the first one; what lies outside is filled.
    """

    count: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def span(self, outputs: int) -> int:
        """Return how many inputs neighbouring outputs look at."""
        return (outputs - 1) * self.stride + (self.kernel - 1) * self.dilation + 1

    def first(self, output: int) -> int:
        """Return the first input an output looks at; negative in the padding."""
        return output * self.stride - self.padding


@dataclass(frozen=True, eq=False)
class Interval:
    """First and last band or stretch that each place along one axis sees, (length,) each."""

    low: Integers
    high: Integers

    @property
    def length(self) -> int:
        """Places."""
        return len(self.low)

    def slide(self, window: Window) -> Interval:
        """Return what the outputs of a sliding operation see."""
        at = window.first(np.arange(window.count))[:, None] + np.arange(window.kernel) * window.dilation  # type: ignore[arg-type, index]
        outside = (at < 0) | (at >= self.length)
        at = at.clip(0, self.length - 1)
        return Interval(np.where(outside, NOTHING_LOW, self.low[at]).min(1),
                        np.where(outside, NOTHING_HIGH, self.high[at]).max(1))

    def join(self, other: Interval) -> Interval:
        """Return what places see that see what both see."""
        return Interval(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def same(self, other: Interval) -> bool:
        """Whether both see the same everywhere."""
        return np.array_equal(self.low, other.low) and np.array_equal(self.high, other.high)

    def runs(self) -> list[tuple[int, int]]:
        """Return (first, last + 1) of the longest stretches of places that see the same."""
        ends = np.flatnonzero((np.diff(self.low) != 0) | (np.diff(self.high) != 0)) + 1
        edges = [0, *ends.tolist(), self.length]
        return list(pairwise(edges))


@dataclass(frozen=True, eq=False)
class Run:
    """A rectangle of places that see the same parts.

    Attributes:
        row: first row.
        column: first column.
        sight: number of what they see.
        start: where their cells begin; these are ordered by variant, row, column.
    """

    row: int
    column: int
    sight: int
    start: int


class Geometry:
    """Order of the cells (place and variant) of a map. An axis of the input that is not divided has length 1 here.

    Attributes:
        n_cells: cells.
        groups: runs by their size (rows, columns); the cells of a group follow one another.
    """

    def __init__(self, variants: Variants, rows: Interval, columns: Interval) -> None:
        """Number the cells; equal intervals always give the same order."""
        self.variants, self.rows, self.columns = variants, rows, columns
        shape = rows.length, columns.length
        self._first = np.zeros(shape, dtype=np.int64)
        self._step = np.zeros(shape, dtype=np.int64)
        self._sight = np.zeros(shape, dtype=np.int64)
        bounds: dict[tuple[int, int], list[tuple[int, int]]] = {}
        across = columns.runs()
        for top, bottom in rows.runs():
            for left, right in across:
                bounds.setdefault((bottom - top, right - left), []).append((top, left))
        self.groups: dict[tuple[int, int], list[Run]] = {}
        self.n_cells = 0
        for (height, width), corners in bounds.items():
            self.groups[height, width] = [self._place(height, width, *corner) for corner in corners]

    def _place(self, height: int, width: int, row: int, column: int) -> Run:
        sight = self.variants.sight((int(self.rows.low[row]), int(self.rows.high[row]),
                                     int(self.columns.low[column]), int(self.columns.high[column])))
        run = Run(row, column, sight, self.n_cells)
        block = np.s_[row : row + height, column : column + width]
        self._first[block] = self.n_cells + np.arange(height * width).reshape(height, width)
        self._step[block] = height * width
        self._sight[block] = sight
        self.n_cells += height * width * len(self.variants.examples(sight))
        return run

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows.length, self.columns.length

    def same(self, other: Geometry) -> bool:
        """Whether the cells are in the same order."""
        return self is other or (self.variants is other.variants and self.rows.same(other.rows)
                                 and self.columns.same(other.columns))

    def join(self, other: Geometry) -> Geometry:
        """Return the geometry of a map whose places see what those of both see."""
        return Geometry(self.variants, self.rows.join(other.rows), self.columns.join(other.columns))

    def at(self, rows: Integers, columns: Integers, coalitions: Integers) -> Integers:
        """Return which cells hold the values at rows × columns for coalitions, (coalitions, rows, columns)."""
        places = np.ix_(rows, columns)
        which = self.variants.which[self._sight[places][None], coalitions[:, None, None]]
        cells: Integers = self._first[places][None] + self._step[places][None] * which
        return cells

    def everywhere(self, coalitions: Integers) -> Integers:
        """Return which cells make up the whole map, (coalitions, rows, columns)."""
        return self.at(np.arange(self.shape[0]), np.arange(self.shape[1]), coalitions)

    def places(self) -> tuple[Integers, Integers]:
        """Return the row and the column of every cell, (n_cells,) each."""
        rows, columns = [], []
        for (height, width), runs in self.groups.items():
            for run in runs:
                shape = len(self.variants.examples(run.sight)), height, width
                rows.append(np.broadcast_to(np.arange(run.row, run.row + height)[:, None], shape).ravel())
                columns.append(np.broadcast_to(np.arange(run.column, run.column + width), shape).ravel())
        return np.concatenate(rows), np.concatenate(columns)

    def windows(self, output: Geometry, across: tuple[Window, Window]) -> Iterator[tuple[tuple[int, int], Integers]]:
        """Return what the groups of a sliding operation's output look at.

        Yields:
            (rows, columns) of a run of the group, and the cells in its windows, (blocks, rows, columns); -1 is padding.
        """
        for (height, width), runs in output.groups.items():
            blocks = []
            for run in runs:
                rows = across[0].first(run.row) + np.arange(across[0].span(height))
                columns = across[1].first(run.column) + np.arange(across[1].span(width))
                inside = (((rows >= 0) & (rows < self.shape[0]))[:, None]
                          & ((columns >= 0) & (columns < self.shape[1])))
                cells = self.at(rows.clip(0, self.shape[0] - 1), columns.clip(0, self.shape[1] - 1),
                                self.variants.examples(run.sight))
                blocks.append(cells if inside.all() else np.where(inside, cells, -1))
            yield (height, width), np.concatenate(blocks)
