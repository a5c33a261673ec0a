"""The site's table of contents: folders in this order, and in each whatever pages there are."""

from pathlib import Path

FOLDERS = {"Tutorials": "tutorials", "How to": "how-to", "Methods": "methods", "Reference": "reference",
           "Results": "results"}
REST = "Background"


def on_config(config):
    """Fill the navigation; mkdocs calls this."""
    root = Path(config["docs_dir"])
    entries = [{title: pages(root, root.joinpath(name).rglob("*.md"))} for title, name in FOLDERS.items()]
    rest = [page for page in pages(root, root.glob("*.md")) if page != "index.md"]
    config["nav"] = [{"Start": "index.md"}, *(entry for entry in entries if all(entry.values())), {REST: rest}]
    return config


def pages(root, paths):
    """Paths as the navigation wants them, a folder's index first."""
    return [path.relative_to(root).as_posix() for path in sorted(paths, key=lambda p: (p.name != "index.md", p))]
