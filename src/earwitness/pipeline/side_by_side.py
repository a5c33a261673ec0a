"""Several methods side by side: which are meant, which settings are whose, and who cannot explain and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from earwitness.core.errors import EarwitnessError, ParameterError, unknown_name
from earwitness.core.types import Attribution
from earwitness.methods import METHODS, spec
from earwitness.report.contents import Refusal, Section

ALL = "all"
SHARED = ("model", "front_end")  # settings that are the same whatever the method


def method_names(text: str) -> tuple[str, ...]:
    """Read the name of one method, several with commas between them, or "all".

    Args:
        text: as a person wrote it; spaces around a name do not count.

    Returns:
        Names of ``METHODS``, in the order given.

    Raises:
        ParameterError: a name is unknown, missing or there twice.

    >>> method_names("saliency, slime")
    ('saliency', 'slime')
    """
    if not isinstance(text, str):
        raise unknown_name("method", text, [*METHODS, ALL])
    names: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        if not word:
            raise ParameterError(f"method is {text[:80]!r}, with an empty name; expected a name, several with commas "
                                 f"between them, or {ALL!r}")
        if word != ALL and word not in METHODS:
            raise unknown_name("method", word, [*METHODS, ALL])
        names += METHODS if word == ALL else [word]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"method is {text[:80]!r}, which has {name!r} twice; name each method once")
    return tuple(names)


def settings_of(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the settings that a method has."""
    names = _known_settings(method)
    return {name: value for name, value in settings.items() if name in names}


def check_settings(methods: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Refuse a setting that none of the methods has, or a value that none of those who have it can take.

    Raises:
        ParameterError: its name, and the names there are, or what is expected.
    """
    names = set().union(*(_known_settings(method) for method in methods))
    for name, value in settings.items():
        if name not in names:
            raise unknown_name(f"setting of {', '.join(methods)}", name, names)
        refusals = [_refusal(method, name, value) for method in methods if name in _known_settings(method)]
        if refusals[0] is not None and None not in refusals:
            raise refusals[0]


def _refusal(method: str, name: str, value: Any) -> ParameterError | None:
    try:
        spec(method).check({name: value})
    except ParameterError as error:
        return error
    return None


def explains_embedding(method: str, settings: Mapping[str, Any]) -> bool:
    """Say whether a method explains the embedding and not a class, so that it takes no target."""
    return bool((settings.get("score") or spec(method).score) == "similarity")


def settings_by_method(attributions: Sequence[Attribution]) -> dict[str, Any]:
    """Return what every attribution says of the model, and per method its own settings, as of its first stretch."""
    shared = {name: attributions[0].settings[name] for name in SHARED if name in attributions[0].settings}
    by_method: dict[str, dict[str, Any]] = {}
    for attribution in attributions:
        not_shared = {name: value for name, value in attribution.settings.items() if name not in SHARED}
        by_method.setdefault(attribution.method, not_shared)
    return shared | by_method


def embedding_notes(sections: Sequence[Section]) -> list[str]:
    """Say which of several methods explains the embedding, where others explain a class."""
    classes = any(section.attribution.target is not None for section in sections)
    methods = dict.fromkeys(section.attribution.method for section in sections if section.attribution.target is None)
    return [f"{method} explains the embedding, not a class; its numbers are about the class that the others explain."
            for method in methods if classes]


def contrast_notes(sections: Sequence[Section]) -> list[str]:
    """Say which class the numbers are about, where something else than one class is explained."""
    explained = dict.fromkeys((section.attribution.target, section.measured) for section in sections)
    return [f"What is explained is “{target}”; the numbers beside it are about {measured}."
            for target, measured in explained if None not in (target, measured) and target != measured]


def explain_by_each(
    methods: Sequence[str], explain_by: Callable[[str], Section], *, start_s: float = 0.0
) -> tuple[list[Section], list[Refusal]]:
    """Explain a stretch of sound by each method; one that cannot explain it does not stop the others.

    Args:
        methods: names.
        explain_by: name -> section.
        start_s: where the stretch begins, seconds.

    Returns:
        The sections, and who refused and why.

    Raises:
        ParameterError: every method refused.
    """
    sections: list[Section] = []
    refusals: list[Refusal] = []
    for method in methods:
        try:
            sections.append(explain_by(method))
        except EarwitnessError as error:
            refusals.append(Refusal(method, start_s, " ".join(str(error).split())))
    if not sections:
        reasons = dict.fromkeys(refusal.reason for refusal in refusals)
        if len(reasons) == 1:
            raise ParameterError(next(iter(reasons)))
        all_reasons = "; ".join(f"{refusal.method}: {refusal.reason}" for refusal in refusals)
        raise ParameterError(f"none of {len(methods)} methods can explain this: {all_reasons}")
    return sections, refusals


def _known_settings(method: str) -> set[str]:
    return {*spec(method).settings, "score"}
