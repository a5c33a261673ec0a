"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_row(cells: Iterable[str]) -> str:
    """Return a line of a table; bars in a cell are the caller's to escape, see ``markdown_cell``.

    >>> markdown_row(["lime", "0.5"])
    '| lime | 0.5 |'
    """
    return f"| {' | '.join(cells)} |"


def markdown_head(heads: Sequence[str], *, numbers: bool = False) -> list[str]:
    """Return a table's first two lines.

    Args:
        heads: names of the columns.
        numbers: all columns but the first are set to the right.

    >>> markdown_head(["method", "FF"])
    ['| method | FF |', '|---|---|']
    """
    rule = markdown_row(["---"] + ["---:"] * (len(heads) - 1)) if numbers else f"|{'---|' * len(heads)}"
    return [markdown_row(heads), rule]


def markdown_table(heads: Sequence[str], rows: Iterable[Iterable[str]], *, numbers: bool = False) -> list[str]:
    """Return the lines of a table; see ``markdown_head``."""
    return [*markdown_head(heads, numbers=numbers), *map(markdown_row, rows)]


def markdown_cell(text: str) -> str:
    r"""Return a text as a cell may hold it: one line, its bars escaped.

    >>> markdown_cell("a|b") == r"a\|b"
    True
    """
    return " ".join(text.replace("|", "\\|").split())
