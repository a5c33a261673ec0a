"""The tables: which cells there are, what they say, and which are best and worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earwitness.metrics import METRICS
from earwitness.studies.pak2025.summary import PLACE, metrics_in

if TYPE_CHECKING:
    from pandas import DataFrame

FOCUS = ("SPS", "COMP")  # highlighted in colours of their own, as published
BESIDE = {"kept_area": "kept area", "degenerate": "degenerate", "n": "clips"}  # column -> head
SAYS = {
    ("all", "included"): "all clips, degenerate masks included (the published procedure)",
    ("all", "excluded"): "all clips, degenerate masks excluded",
    ("correct", "included"): "correctly classified clips, degenerate masks included",
    ("correct", "excluded"): "correctly classified clips, degenerate masks excluded",
    ("wrong", "included"): "wrongly classified clips, degenerate masks included",
    ("wrong", "excluded"): "wrongly classified clips, degenerate masks excluded",
}


@dataclass(frozen=True)
class TableCell:
    """One cell.

    Attributes:
        text: what it says.
        value: what it is sorted by.
        mark: "best" or "worst" of its column, "" otherwise.
        focus: it is of a column with colours of its own.
        hint: more about it, such as an interval.
    """

    text: str
    value: float | str
    mark: str = ""
    focus: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: what it is about.
        heads: names of the columns.
        rows: cells, row by row.
        kind: "best" masks of methods, or all "masks" of a method.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    kind: str


def best_tables(chosen: DataFrame) -> list[Table]:
    """Return the tables of the best masks: one per subset, treatment, front end and scenario."""
    tables = []
    for key, some in chosen.groupby([*PLACE, "front_end", "scenario"], sort=False):
        subset, treatment, front_end, scenario = key
        title = f"{front_end}, {scenario}: {SAYS[subset, treatment]}"
        names = [f"{row['method']} + {row['mask']}" for row in some.to_dict("records")]
        tables.append(_table(title, "method + mask", names, some.to_dict("records"), kind="best"))
    return tables


def mask_tables(summary: DataFrame) -> list[Table]:
    """Return the tables of all masks of each method, over all clips: degenerate masks included, then excluded."""
    tables = []
    whole = summary[summary["subset"] == "all"]
    for key, some in whole.groupby([*PLACE, "front_end", "scenario", "method"], sort=False):
        subset, treatment, front_end, scenario, method = key
        title = f"{front_end}, {scenario}, {method}: {SAYS[subset, treatment]}"
        tables.append(_table(title, "mask", list(some["mask"]), some.to_dict("records"), kind="masks"))
    return tables


def _table(
    title: str, first: str, names: Sequence[str], records: Sequence[Mapping[str, Any]], *, kind: str
) -> Table:
    metrics = metrics_in(records[0])
    marks = {name: _marks([float(record[name]) for record in records], name) for name in metrics}
    rows = []
    for k, record in enumerate(records):
        cells = [TableCell(names[k], names[k])]
        cells += [_number(record, name, marks[name][k]) for name in metrics]
        cells += [TableCell(_share(record[name]), float(record[name])) for name in ("kept_area", "degenerate")]
        rows.append((*cells, TableCell(str(int(record["n"])), float(record["n"]))))
    heads = [f"{METRICS[name].short or name} {METRICS[name].arrow}" for name in metrics]
    return Table(title, (first, *heads, *BESIDE.values()), tuple(rows), kind)


def _marks(values: Sequence[float], name: str) -> list[str]:
    """Which value is the best and which the worst; none where all are the same."""
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers or min(numbers) == max(numbers):
        return [""] * len(values)
    low, high = ("best", "worst") if METRICS[name].better == "lower" else ("worst", "best")
    return [low if value == min(numbers) else high if value == max(numbers) else "" for value in values]


def _number(record: Mapping[str, Any], name: str, mark: str) -> TableCell:
    value = float(record[name])
    digits = 2 if METRICS[name].of_sounds else 4
    text = f"{value:.{digits}f}" if math.isfinite(value) else "n/a"
    ends = [float(record.get(f"{name}_{end}", math.nan)) for end in ("low", "high")]
    hint = f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if all(math.isfinite(end) for end in ends) else ""
    return TableCell(text, value, mark, name in FOCUS, hint)


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
