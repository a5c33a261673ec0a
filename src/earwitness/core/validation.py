"""Does a plain value fit a type? For cards and settings that people write by hand."""

from __future__ import annotations

import math
import numbers
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin


def fits(value: object, hint: Any) -> bool:
    """Say whether a value fits a type hint made of plain types, Literal, None and unions.

    A number that is not finite fits nothing; True is no integer; an integer is a float; a Literal takes any string
    (who takes it knows the names). Hints of other kinds fit everything.

    >>> fits(3, int | None), fits(True, int), fits(3, float), fits(float("nan"), float), fits("x", int)
    (True, False, True, False, False)
    """
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, member) for member in get_args(hint))
    if origin is Literal:
        return isinstance(value, str)
    if hint is type(None):
        return value is None
    if hint in (int, float):
        tower = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, tower) and not isinstance(value, bool) and _small_and_finite(value)
    for kind in (Mapping, Sequence, tuple):
        if hint is kind or origin is kind:
            return isinstance(value, (list, tuple) if kind is tuple else kind) and not isinstance(value, str)
    if hint in (str, bool):
        return isinstance(value, hint)
    return True


def _small_and_finite(value: Any) -> bool:
    return abs(int(value)) < 2**53 if isinstance(value, numbers.Integral) else math.isfinite(value)


def in_words(hint: Any, *, none: str = "None") -> str:
    """Name a type hint for people: what ``fits`` asks for.

    Args:
        hint: as for ``fits``.
        none: how the writer of the value writes None.

    >>> in_words(int | None), in_words(float | None, none="null"), in_words(tuple[str, ...])
    ('a whole number or None', 'a number or null', 'a list')
    """
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(member, none=none) for member in get_args(hint))
    if origin is Literal:
        return " or ".join(repr(member) for member in get_args(hint))
    names: dict[Any, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number",
                             type(None): none, tuple: "a list", list: "a list", Sequence: "a list",
                             Mapping: "an object"}
    return names.get(origin or hint, getattr(hint, "__name__", str(hint)))
