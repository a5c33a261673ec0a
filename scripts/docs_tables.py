"""Tables of the documentation that the registries make: a part that is added stands in them by itself.

``python scripts/docs_pages.py`` writes them between ``<!-- NAME -->`` and ``<!-- /NAME -->`` of each page.
"""

import re
from pathlib import Path

from earwitness import masks
from earwitness.methods import specs
from earwitness.metrics import METRICS
from earwitness.perturb.fills import FILLS

ROOT = Path(__file__).resolve().parents[1]


def methods_of_readme():
    """README's table: what people look for first."""
    rows = [f"| `{name}` | [page](docs/methods/{name}.md) | {each.source} | {each.cost} |" for name, each in in_order()]
    return ["| method | page | source | cost |", "|---|---|---|---|", *rows]


def methods_of_index():
    """The overview over the methods' pages."""
    rows = [f"| {page_of(name)} | {each.summary} | {each.part} | {each.needs} | {each.cost} | {each.chance} |"
            for name, each in in_order()]
    return ["| method | asks | finest part | needs | cost | leaves something to chance |", "|---|---|---|---|---|---|",
            *rows]


def methods_of_reference():
    """The reference shows every file that holds a method."""
    files = dict.fromkeys(each.function.__module__ for _, each in in_order())
    return [line for file in files for line in (f"::: {file}", "")][:-1]


def in_order():
    """Names and specs: by gradients, by layers, and last those that only ask."""
    return sorted(specs().items(), key=lambda item: (item[1].needs, item[0]))


def page_of(method):
    """Link to a method's page, or its name where it has none."""
    there = (ROOT / "docs" / "methods" / f"{method}.md").is_file()
    return f"[`{method}`]({method}.md)" if there else f"`{method}`"


def fills():
    """What there is to put in place of what is off."""
    rows = [f"| `{name}` | {fill.unit}{', random' * fill.is_random} | {fill.mind} |" for name, fill in FILLS.items()]
    return ["| fill | what it puts there | mind |", "|---|---|---|", *rows]


def the_masks():
    """The glossary's masks."""
    rows = [f"| `{name}` | {mask.formula} | {mask.words.format('N')} |" for name, mask in masks.MASKS.items()]
    return ["| mask | formula | keeps |", "|---|---|---|", *rows]


def metrics():
    """The glossary's metrics."""
    rows = [f"| `{name}` | {metric.title} | {metric.formula} | {metric.arrow} |" for name, metric in METRICS.items()]
    return ["| metric | name | formula | better |", "|---|---|---|---|", *rows]


TABLES = {
    ("README.md", "methods"): methods_of_readme,
    ("docs/methods/index.md", "methods"): methods_of_index,
    ("docs/reference/methods.md", "methods"): methods_of_reference,
    ("docs/how-to/choose-a-fill.md", "fills"): fills,
    ("docs/glossary.md", "masks"): the_masks,
    ("docs/glossary.md", "metrics"): metrics,
}


def with_table(page, name, lines):
    """The page with other lines between the marks of a table."""
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if len(marked.findall(page)) != 1:
        raise SystemExit(f"expected one <!-- {name} --> and one <!-- /{name} --> after it")
    return marked.sub(lambda match: "\n".join([match[1], *lines, "", match[2]]), page)


def write_tables():
    """Write all of them into their pages."""
    for (path, name), make in TABLES.items():
        page = (ROOT / path).read_text(encoding="utf-8")
        (ROOT / path).write_text(with_table(page, name, make()), encoding="utf-8")
