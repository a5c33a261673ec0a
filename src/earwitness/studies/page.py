"""Pages of results with a part for each model: a run replaces its own models' parts and keeps the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from earwitness.core.atomic_files import make_folder, replacing


def write_page(path: Path, head: str, parts: Mapping[str, str]) -> None:
    """Write a page, or renew the parts of some models on it; findings that a person wrote stay.

    Args:
        path: Markdown file.
        head: title and introduction.
        parts: text by model.
    """
    make_folder(path.parent)
    before, findings = _read(path)
    text = head + (f"\n{findings}" if findings else "")
    text += "".join(f"\n## `{name}`\n\n{part}" for name, part in {**before, **parts}.items())
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read(path: Path) -> tuple[dict[str, str], str]:
    """Models with their parts, and the findings, as the page has them."""
    if not path.is_file():
        return {}, ""
    head, *parts = path.read_text(encoding="utf-8").split("\n## `")
    _, title, words = head.partition("\n## Findings")
    findings = f"## Findings{words.rstrip()}\n" if title else ""
    return {name: text.strip() + "\n" for name, text in (each.split("`\n", 1) for each in parts)}, findings
