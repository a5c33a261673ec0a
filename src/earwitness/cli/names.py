"""The names that a shell completes, read without importing torch."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files

import click
from click.shell_completion import CompletionItem


def bundled_methods() -> tuple[str, ...]:
    """Names of the methods that come with earwitness."""
    return _keys("methods/registry.py", "METHODS")


def bundled_masks() -> tuple[str, ...]:
    """Names of the masks that come with earwitness; ``earwitness.masks.names`` says them with those of others."""
    presets = _keys("masks.py", "PRESETS")
    return (*presets, *(name for name in _keys("masks.py", "MASKS") if name not in presets and "_N" not in name))


@cache
def _keys(path: str, registry: str) -> tuple[str, ...]:
    """Read the names in a registry off its source, which takes milliseconds: importing it would load torch."""
    source = (files("earwitness") / path).read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == registry:
            literal = statement.value
            names = literal.keys if isinstance(literal, ast.Dict) else getattr(literal, "elts", [])
            return tuple(str(name.value) for name in names if isinstance(name, ast.Constant))
    raise AssertionError(f"{path} has no {registry}: NAMES = ... with a type hint")


def complete_method(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the last of several methods with commas between them."""
    before, comma, last = typed.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in (*bundled_methods(), "all") if name.startswith(last)]


def complete_mask(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete a mask's name."""
    return [CompletionItem(name) for name in bundled_masks() if name.startswith(typed)]


def complete_model(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the name of a model, or a folder."""
    cards = (files("earwitness") / "models" / "bundled").iterdir()
    names = sorted(card.name.removesuffix(".json") for card in cards if card.name.endswith(".json"))
    return [CompletionItem(name) for name in names if name.startswith(typed)] or [CompletionItem(typed, type="dir")]
