"""Every public name is in the reference."""

import inspect
import pkgutil
import re

import pytest

import earwitness as ew
from tests.docs.pages import ROOT

TEXT = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md")}
SHOWN = {name for text in TEXT.values() for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", sorted(ew.__all__))
def test_every_public_name_is_in_the_reference(name):
    thing = getattr(ew, name)
    if inspect.ismodule(thing):
        inside = f"{thing.__name__}."
        assert thing.__name__ in SHOWN or any(each.startswith(inside) for each in SHOWN), name
    elif inspect.isfunction(thing) or inspect.isclass(thing):
        assert {f"earwitness.{name}", f"{thing.__module__}.{name}"} & SHOWN, f"add ::: earwitness.{name}"
    else:
        assert f"`ew.{name}`" in TEXT["index.md"]


@pytest.mark.parametrize("room", ["audio", "checks", "frontends", "methods", "metrics", "models", "perturb"])
def test_every_name_of_a_room_is_in_the_reference(room):
    module = __import__(f"earwitness.{room}", fromlist=["__all__"])
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert {f"earwitness.{room}", thing.__module__} & SHOWN, f"{name} of {room}: add ::: {thing.__module__}"


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_the_reference_names_exists(name):
    assert pkgutil.resolve_name(name) is not None
