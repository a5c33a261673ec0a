"""Every method has a page that says its five words, its formula, source, limits and cost, as they are in the code."""

import inspect
import re

import pytest

import earwitness as ew
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "methods"
WORDS = ["components", "coalitions", "fill", "score", "estimate", "cost"]
HEADINGS = ["Formula", "In Python", "When not to use it", "Source"]
HOW = "write docs/methods/{0}.md after the pattern of docs/methods/slime.md, and a row in docs/methods/index.md"


def rows(page):
    return dict(re.findall(r"^\| (\w+) \| (.*?) \|$", page, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(ew.METHODS))
def test_every_method_has_a_page(name):
    path = FOLDER / f"{name}.md"
    assert path.is_file(), HOW.format(name)
    page = path.read_text()
    assert [word for word in rows(page) if word in WORDS] == WORDS
    assert [heading for heading in re.findall(r"^## (.*)$", page, re.MULTILINE) if heading in HEADINGS] == HEADINGS
    assert f'method="{name}"' in page
    assert "(../reference/methods.md)" in page
    assert f"[`{name}`]({name}.md)" in (FOLDER / "index.md").read_text(), HOW.format(name)


@pytest.mark.parametrize("name", sorted(ew.METHODS))
def test_the_page_says_the_defaults(name):
    page = rows((FOLDER / f"{name}.md").read_text())
    defaults = {p.name: p.default for p in inspect.signature(ew.METHODS[name]).parameters.values()}
    assert f"`{ew.methods.spec(name).score}`" in page["score"]
    for word, setting in (("components", "components"), ("fill", "fill"), ("fill", "baseline")):
        if setting in defaults:
            assert f"`{defaults[setting]}`" in page[word]
    for setting in ("n_steps", "n_masks", "n_samples"):
        if isinstance(defaults.get(setting), int):
            assert f"{defaults[setting]:,}" in page["cost"]


def test_no_page_without_a_method():
    assert {path.stem for path in FOLDER.glob("*.md")} - {"index"} <= set(ew.METHODS)


def test_the_reference_shows_every_method_file():
    page = (ROOT / "docs" / "reference" / "methods.md").read_text()
    for name, method in ew.METHODS.items():
        assert f"::: {method.__module__}\n" in page, f"docs/reference/methods.md lacks ::: {method.__module__} ({name})"
