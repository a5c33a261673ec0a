"""Tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earwitness.report.markdown import markdown_table
from earwitness.report.templating import render_page
from earwitness.studies.pak2025.tables import Table, TableCell

TEMPLATES = "earwitness.studies.pak2025"
LATEX_COLOURS = {("best", False): "green!30", ("worst", False): "orange!40", ("best", True): "cyan!30",
                 ("worst", True): "yellow!50"}
LATEX_SIGNS = {"\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{",
               "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$",
               "↓": r"$\downarrow$"}


def to_markdown(tables: Sequence[Table], *, title: str, notes: Sequence[str] = ()) -> str:
    """Write tables as one page: the best of a column **bold**, the worst in _italics_; 95 % intervals in brackets."""
    lines = [f"# {title}", "", *(line for note in notes for line in (_plain(note), ""))]
    for table in tables:
        rows = ([_marked(cell, with_hint=table.kind == "masks") for cell in row] for row in table.rows)
        lines += [f"## {_plain(table.title)}", "", *markdown_table(table.heads, rows, numbers=True)]
        lines.append("")
    return "\n".join(lines)


def to_latex(tables: Sequence[Table]) -> str:
    r"""Write tables for a document that loads booktabs and xcolor with the option ``table``."""
    lines = [r"% \usepackage{booktabs} \usepackage[table]{xcolor}"]
    for table in tables:
        lines += [r"\begin{table}", rf"\caption{{{_latex(table.title)}}}",
                  rf"\begin{{tabular}}{{l{'r' * (len(table.heads) - 1)}}}", r"\toprule",
                  " & ".join(_latex(head) for head in table.heads) + r" \\", r"\midrule"]
        lines += [" & ".join(_coloured(cell) for cell in row) + r" \\" for row in table.rows]
        lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def to_html(tables: Sequence[Table], *, title: str, notes: Sequence[str] = ()) -> str:
    """Write tables as one page that needs no network; a click on a column's head sorts by it."""
    return render("tables.html", "sorting.js", title=title, notes=notes, tables=tables)


def render(template: str, script: str, **content: object) -> str:
    """Fill a template of this study; every text in ``content`` is shown literally, and only our script runs."""
    return render_page(template, script, style="study.css", package="earwitness.studies.pak2025", **content)


def _plain(text: str) -> str:
    """Keep Markdown from reading names as markup."""
    signs: Mapping[str, str] = {sign: f"\\{sign}" for sign in "\\`*_[]<>|#"}
    return "".join(signs.get(letter, letter) if letter.isprintable() else " " for letter in text)


def _marked(cell: TableCell, *, with_hint: bool) -> str:
    text = _plain(cell.text)
    around = {"best": "**", "worst": "_"}.get(cell.mark, "")
    hint = f" [{cell.hint}]" if cell.hint and with_hint else ""
    return f"{around}{text}{around}{hint}"


def _latex(text: str) -> str:
    return "".join(LATEX_SIGNS.get(letter, letter) if letter.isprintable() else " " for letter in text)


def _coloured(cell: TableCell) -> str:
    colour = LATEX_COLOURS.get((cell.mark, cell.focus))
    return (rf"\cellcolor{{{colour}}}" if colour else "") + _latex(cell.text)
