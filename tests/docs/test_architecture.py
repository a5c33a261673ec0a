"""The page on the architecture: its picture and table are those of the code, and what it points at exists."""

import ast
import importlib.util
import re

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("docs_architecture", ROOT / "scripts" / "docs_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_and_the_table_are_those_of_the_code(script):
    again = "run python scripts/docs_architecture.py"
    assert script.PICTURE.read_text() == script.picture(), again
    assert script.page(PAGE, script.layer_order()) == PAGE, again


def test_every_package_has_a_part_and_a_row(script):
    members = [name for names, _ in script.PARTS.values() for name in names]
    assert sorted(members) == sorted(set(members)) == script.packages()
    assert re.findall(r"^\| `(\w+)/?` \|", PAGE, re.MULTILINE) == script.layer_order()


def test_the_picture_leaves_out_what_a_longer_way_says(script):
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert script.reduced(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert script.levels(edges) == {"a": 2, "b": 1, "c": 0}
    with pytest.raises(AssertionError, match="imports itself"):
        script.levels({"a": {"b"}, "b": {"a"}})


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"`([\w/]+\.py(?::[\w.]+)?)`", PAGE))))
def test_what_the_page_points_at_exists(reference):
    path, _, name = reference.partition(":")
    candidates = [ROOT / path, ROOT / "src" / "earwitness" / path]
    (file,) = (candidate for candidate in candidates if candidate.exists())
    if name:
        scope = ast.parse(file.read_text()).body
        for part in name.split("."):
            *_, node = (node for node in scope if getattr(node, "name", None) == part)  # overloads come first
            scope = getattr(node, "body", [])


def test_each_way_has_five_steps():
    ways = PAGE.partition("## The ways through it")[2].partition("\n## ")[0]
    numbers = re.findall(r"^(\d)\. ", ways, re.MULTILINE)
    assert numbers == list("12345") * 6
