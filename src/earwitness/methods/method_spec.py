"""A method describes itself: what it explains by default, what it needs of a network, its settings and their ranges."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar, get_type_hints

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.validation import fits, in_words
from earwitness.methods.evidence import Evidence
from earwitness.targets.scores import SCORES

Needs = Literal["outputs", "gradient", "layers"]
NEEDS: tuple[Needs, ...] = ("outputs", "gradient", "layers")  # a network that gives one gives those before it
Ranges = Mapping[str, tuple[float, float]]
NOT_SETTINGS = ("generator", "progress")  # handed over by whoever runs the method
SCORE_NAMES = (*SCORES, "similarity")
DRAWS = (1, 10**7)
PENALTY = (0.0, 1e12)
Method = TypeVar("Method", bound=Callable[..., Evidence])


@dataclass(frozen=True)
class Setting:
    """One setting of a method.

    Attributes:
        name: as in the function's signature.
        type: its type hint; ``Any`` where there is none.
        default: what it is if not given.
        limits: smallest and largest value, or None.
    """

    name: str
    type: Any
    default: Any
    limits: tuple[float, float] | None = None

    def check(self, value: object) -> None:
        """Refuse a value of another type or out of range.

        Raises:
            ParameterError: the name, the value and what is expected.
        """
        if not fits(value, self.type):
            raise ParameterError(f"{self.name} is {str(value)[:40]!r}; expected {in_words(self.type)}")
        if self.limits is None or not isinstance(value, numbers.Real):
            return
        low, high = self.limits
        if not low <= float(value) <= high:
            raise ParameterError(f"{self.name} is {value}; expected {low:g} to {high:g}")


@dataclass(frozen=True)
class MethodSpec:
    """What a method says of itself.

    Attributes:
        function: ``(score, features, **settings) -> Evidence``.
        name: what it is called, in ``METHODS`` and in errors.
        score: what it explains if nothing else is asked for: "logit", "probability" or "similarity".
        needs: of the network: its "outputs", a "gradient" through it, or its "layers".
        series: works on networks over plain series, see ``methods.explain_series``.
        complete: its values add up to the score of the whole minus the score of what stands for nothing.
        one_pass: asks the network about once, so that making a faster copy of it first would cost more than it saves.
        ranges: setting -> smallest and largest value.
        summary: what it asks, in a few words; as the documentation's tables say it, like the next ones.
        part: the finest part that it tells apart.
        cost: passes through the network.
        chance: what it leaves to chance.
        source: author and year, and how it differs.
    """

    function: Callable[..., Evidence]
    name: str
    score: str = "logit"
    needs: Needs = "outputs"
    series: bool = False
    complete: bool = False
    one_pass: bool = False
    ranges: Ranges = field(default_factory=dict)
    summary: str = ""
    part: str = ""
    cost: str = ""
    chance: str = "no"
    source: str = ""

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters of the function, "generator" and "progress" among them."""
        return tuple(inspect.signature(self.function).parameters)

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """Name -> setting, without what whoever runs the method hands over."""
        try:
            hints = get_type_hints(self.function)
        except NameError:  # a function of one's own whose hints are only there for a type checker
            hints = {}
        own = [p for p in inspect.signature(self.function).parameters.values()
               if p.kind is p.KEYWORD_ONLY and p.name not in NOT_SETTINGS]
        return {p.name: Setting(p.name, hints.get(p.name, Any), p.default, self.ranges.get(p.name)) for p in own}

    @property
    def defaults(self) -> dict[str, Any]:
        """Setting -> its default."""
        return {name: setting.default for name, setting in self.settings.items()}

    @property
    def takes_copy(self) -> bool:
        """Whether the method may ask a copy of the network that computes faster; hooks would not see its layers."""
        return self.needs != "layers" and not self.one_pass

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that the method does not have, or cannot have; ``score`` may be among them.

        Args:
            settings: name -> value, as a person gave them.

        Raises:
            ParameterError: an unknown name, with the nearest one, a value of another type, or one out of range.
        """
        for name, value in settings.items():
            if name == "score":
                if value is not None and value not in SCORE_NAMES:
                    raise unknown_name("score", value, SCORE_NAMES)
            elif name in self.settings:
                self.settings[name].check(value)
            else:
                raise unknown_name(f"setting of {self.name}", name, self.settings or ["(none)"])


def method(
    *, score: str = "logit", needs: Needs = "outputs", series: bool = False, complete: bool = False,
    one_pass: bool = False, ranges: Ranges | None = None, **words: str,
) -> Callable[[Method], Method]:
    """Let a method describe itself; the arguments are the fields of ``MethodSpec``.

    Raises:
        ParameterError: an unknown score, need or setting.

    >>> @method(score="probability", ranges={"n": (1, 9)})
    ... def mine(score, features, *, n: int = 3): ...
    >>> spec_of(mine).settings["n"].limits
    (1, 9)
    """
    if score not in SCORE_NAMES:
        raise unknown_name("score", score, SCORE_NAMES)
    if needs not in NEEDS:
        raise unknown_name("needs", needs, NEEDS)

    def describe(function: Method) -> Method:
        spec = MethodSpec(function, _name_of(function), score, needs, series, complete, one_pass, ranges or {}, **words)
        for name in spec.ranges:
            if name not in spec.parameters:
                raise unknown_name(f"range of {spec.name}", name, spec.parameters)
        function.spec = spec  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
        return function

    return describe


def spec_of(function: Callable[..., Evidence], name: str | None = None) -> MethodSpec:
    """Return what a function says of itself; a plain function explains the logit and needs outputs.

    Args:
        function: a method.
        name: what it is called, where that is not the function's own name.

    Raises:
        ParameterError: no function.
    """
    if not callable(function):
        raise ParameterError(f"method {name!r} is a {type(function).__name__}; expected a function "
                             "(score, features, **settings) -> Evidence")
    spec = getattr(function, "spec", None)
    spec = spec if isinstance(spec, MethodSpec) else MethodSpec(function, _name_of(function))
    return spec if name in (None, spec.name) else replace(spec, name=name)


def _name_of(function: Callable[..., Evidence]) -> str:
    return getattr(function, "__name__", type(function).__name__)
