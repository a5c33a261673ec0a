"""Write the generated pages: the registries' tables, docs/models.md from the model cards, docs/licences.md.

    python scripts/docs_pages.py            # needs every package of constraints.txt that is not named in ELSEWHERE
"""

import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {"pesq": "MIT; wraps ITU-T code with terms of its own, see above", "pystoi": "MIT"}  # seldom installed
OWN_WORDS = {"quantus": "LGPL-3.0-or-later (its classifier says GPL-3.0)"}  # where the licence file says more


def models_page(cards):
    """Markdown of all cards."""
    lines = ["# Models", "",
             "Made from the cards by `scripts/docs_pages.py`; `earwitness models NAME` prints a card whole.", "",
             "| name | what | where | classes |", "|---|---|---|---|"]
    for card in cards.values():
        where = "downloaded and checked" if "://" in card.weights else "bundled"
        lines.append(f"| [`{card.name}`](#{card.name}) | {card.summary} | {where} | {len(card.labels) or 'none'} |")
    for card in cards.values():
        lines += ["", f"## {card.name}", "", f"{card.summary[0].upper()}{card.summary[1:]}.", "", "| | |", "|---|---|",
                  *(f"| {name} | {cell(value)} |" for name, value in facts(card) if value)]
    return "\n".join(lines) + "\n"


def facts(card):
    """What the page shows of a card."""
    front_end = {name: value for name, value in card.front_end.items() if not isinstance(value, list)}
    window = "the whole recording" if card.window_s is None else f"{card.window_s:.3g} s"
    figures = {name: value for name, value in card.measured.items() if not holds_tables(value)}
    parts = {name: value for name, value in card.measured.items() if isinstance(value, dict)}
    return [
        ("origin", card.origin), ("licence", card.licence), ("trained and tested on", card.data),
        ("credits", card.credits),
        ("front end", ", ".join(f"{name} {value}" for name, value in front_end.items())),
        ("hears at once", window), ("level", card.normalise or "as it is"), ("activation", card.activation),
        ("classes", ", ".join(card.labels) if len(card.labels) <= 20 else str(len(card.labels))),
        ("measured", listed(figures)), *((name.replace("_", " "), listed(value)) for name, value in parts.items()),
        ("checksum", f"`{card.checksum}`"),
    ]


def holds_tables(value):
    """Whether a value of a card is a table of its own."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


def listed(figures):
    """Names and values of a table in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())


def cell(value):
    """Text that may stand in a table and holds no markup by accident."""
    text = str(value).replace("|", "\\|").replace("\n", " ")
    return text if text.startswith("`") else text.replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")


def licence_of(name):
    """Licence of an installed package: its expression, its classifier, or the first line of its licence text."""
    if name in OWN_WORDS:
        return OWN_WORDS[name]
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        if name not in ELSEWHERE:
            raise SystemExit(f"{name} is not installed: pip install -c constraints.txt {name}") from None
        return ELSEWHERE[name]
    classifiers = [c.split(" :: ")[-1] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    free = (about.get("License") or "").strip()
    plain = free if free and len(free) <= 40 and "\n" not in free and not free.startswith("=") else None
    return about.get("License-Expression") or plain or "; ".join(classifiers) or "not stated"


def wanted_by():
    """Direct dependency -> which part of the project wants it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    found = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            found.setdefault(requirement.split(">")[0].split("[")[0].strip().lower(), []).append(group)
    return found


def licences_table():
    """Markdown table of every pinned package."""
    pinned = [line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    direct = wanted_by()
    order = sorted(pinned, key=lambda name: (name not in direct, "core" not in direct.get(name, ()), name))
    rows = [f"| {name} | {', '.join(direct.get(name, ['through others']))} | {cell(licence_of(name))} |"
            for name in order]
    return "\n".join(["| package | wanted by | licence |", "|---|---|---|", *rows]) + "\n"


def with_table(page, table):
    """Replace the generated end of the page."""
    return page.partition("<!-- generated -->")[0] + "<!-- generated -->\n\n" + table


if __name__ == "__main__":
    from docs_tables import write_tables

    import earwitness as ew

    write_tables()
    (ROOT / "docs" / "models.md").write_text(models_page(ew.models.cards()), encoding="utf-8")
    licences = ROOT / "docs" / "licences.md"
    licences.write_text(with_table(licences.read_text(encoding="utf-8"), licences_table()), encoding="utf-8")
