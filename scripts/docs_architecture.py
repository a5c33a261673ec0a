"""Draw docs/images/architecture.svg and the table of layers in docs/architecture.md, both read from the code.

    python scripts/docs_architecture.py

The picture has a box for each package of ``earwitness``, higher than all that it imports from, and a line to each of
these that is not reached by way of another (the transitive reduction: all imports at once would be a black square).
"""

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "earwitness"
PAGE, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "images" / "architecture.svg"
WIDTH, ROW, BOX_HEIGHT, LETTER, MARGIN = 960, 74, 34, 8.2, 24
# name -> (which packages, fill): what a reader looks for first
PARTS = {
    "faces": ({"cli", "app"}, "#f3d9c9"),
    "experiments": ({"experiments", "studies", "bench", "training", "singing", "datasets"}, "#dfe6d3"),
    "results": ({"report", "checks", "metrics", "masks", "listening", "pipeline"}, "#d3e2ea"),
    "the engine": ({"methods", "perturb", "targets"}, "#f0e3b8"),
    "sound and models": ({"audio", "frontends", "models", "synthetic"}, "#e4dcec"),
    "foundation": ({"core"}, "#e3e3e0"),
}


def packages():
    """Names of packages and single modules at the top, without the front door."""
    names = {path.name.removesuffix(".py") for path in SOURCE.iterdir()
             if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())}
    return sorted(name for name in names if not name.startswith("_"))


def files_of(package):
    """All files of a package, or the one module."""
    return sorted((SOURCE / package).rglob("*.py")) if (SOURCE / package).is_dir() else [SOURCE / f"{package}.py"]


def summary(package):
    """First line of a package's docstring."""
    path = SOURCE / package / "__init__.py" if (SOURCE / package).is_dir() else SOURCE / f"{package}.py"
    return ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]


def imports(package):
    """Packages that a package imports from, also inside functions."""
    names = set()
    for path in files_of(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "earwitness":
                below = node.module.split(".")[1:]
                names |= {below[0]} if below else {alias.name for alias in node.names}
    return (names & set(packages())) - {package}


def graph():
    """Package -> packages it imports from."""
    return {package: imports(package) for package in packages()}


def levels(edges):
    """Package -> number of its row: one above the highest of those it imports from."""
    found = {}

    def level(package, on_the_way=()):
        assert package not in on_the_way, f"{package} imports itself by way of {on_the_way}"
        if package not in found:
            found[package] = 1 + max((level(other, (*on_the_way, package)) for other in edges[package]), default=-1)
        return found[package]

    for package in edges:
        level(package)
    return found


def reduced(edges):
    """The same graph without edges that a longer way makes superfluous."""
    def reach(package):
        return edges[package].union(*(reach(other) for other in edges[package]))

    return {package: {other for other in others if not any(other in reach(between) for between in others - {other})}
            for package, others in edges.items()}


def centres(rows):
    """Package -> (x, y) of its box; within a row packages stand in the order of PARTS, then of the alphabet."""
    order = {name: number for number, (members, _) in enumerate(PARTS.values()) for name in members}
    highest, places = max(rows.values()), {}
    for row in range(highest + 1):
        members = sorted((name for name in rows if rows[name] == row), key=lambda name: (order.get(name, 99), name))
        for number, name in enumerate(members):
            offset = (row % 2 - 0.5) * 60 * (len(members) == 1)  # single boxes step aside, so that lines show
            x = WIDTH * (number + 1) / (len(members) + 1) + offset
            places[name] = (x, MARGIN + BOX_HEIGHT / 2 + (highest - row) * ROW)
    return places


def picture():
    """The picture as SVG."""
    edges = graph()
    rows = levels(edges)
    places = centres(rows)
    height = MARGIN * 2 + max(rows.values()) * ROW + BOX_HEIGHT + 36
    colour = {name: fill for members, fill in PARTS.values() for name in members}
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
             'aria-label="Packages of earwitness; each stands above those that it imports from" '
             'font-family="system-ui, sans-serif" font-size="15">',
             f'<rect width="{WIDTH}" height="{height:g}" fill="#fffefb"/>']
    for name, others in sorted(reduced(edges).items()):
        for other in sorted(others):
            (x, y), (to_x, to_y) = places[name], places[other]
            y, to_y = y + BOX_HEIGHT / 2, to_y - BOX_HEIGHT / 2
            middle = (y + to_y) / 2
            bend = f"C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y:.0f}"
            lines.append(f'<path d="M{x:.0f} {y:.0f}{bend}" fill="none" stroke="#9b9589" stroke-width="1.3"/>')
    for name, (x, y) in sorted(places.items()):
        width = LETTER * len(name) + 30
        lines.append(f'<rect x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" width="{width:.1f}" '
                     f'height="{BOX_HEIGHT}" rx="7" fill="{colour.get(name, "#ffffff")}" stroke="#6f6a60"/>'
                     f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#26241f">{escape(name)}</text>')
    for number, (part, (_, fill)) in enumerate(PARTS.items()):
        x = (40, 130, 270, 380, 510, 690)[number]
        lines.append(f'<rect x="{x}" y="{height - 30:g}" width="16" height="16" rx="4" fill="{fill}" stroke="#6f6a60"/>'
                     f'<text x="{x + 23}" y="{height - 17:g}" font-size="13" fill="#26241f">{part}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def table(order):
    """The layers as Markdown, the lowest first."""
    rows = [f"| `{name}{'/' if (SOURCE / name).is_dir() else ''}` | {summary(name).rstrip('.')} |" for name in order]
    return "\n".join(["| layer | what is in it |", "|---|---|", *rows])


def page(text, order):
    """The page with a fresh table between its marks."""
    before, _, rest = text.partition("<!-- layers -->\n")
    after = rest.partition("<!-- end of layers -->")[2]
    return f"{before}<!-- layers -->\n{table(order)}\n<!-- end of layers -->{after}"


def layer_order():
    """The order that tests/test_guards.py holds the imports to."""
    tree = ast.parse((ROOT / "tests" / "test_guards.py").read_text())
    (layers,) = (node.value for node in tree.body if isinstance(node, ast.Assign)
                 and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["LAYERS"])
    return [name for name in ast.literal_eval(layers) if not name.startswith("_")]


if __name__ == "__main__":
    PICTURE.write_text(picture())
    PAGE.write_text(page(PAGE.read_text(), layer_order()))
