"""The form: what the app offers to choose from, and the request that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from earwitness import masks
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.validation import fits
from earwitness.methods import METHODS, spec
from earwitness.models import cards, load_model
from earwitness.models.audio_model import AudioModel
from earwitness.models.weights import cached
from earwitness.perturb.fills import FILLS
from earwitness.perturb.registry import COMPONENTS
from earwitness.pipeline import side_by_side
from earwitness.pipeline.request import ExplainRequest

PREDICTED = "the predicted class"
OWN = "default"
NOBODY = "none"
BY_SHARE = "kept share"
NO_TEXT: dict[str, type] = {"share": float, "check": bool}  # the other values are names


@dataclass(frozen=True)
class FormValues:
    """What a person filled in.

    Attributes:
        model: a name that ``model_names`` gave.
        target: class name, or ``PREDICTED``.
        method: name of a method.
        versus: a second method, or ``NOBODY``.
        components: a name of ``perturb.registry.COMPONENTS``, or ``OWN``.
        fill: a name of ``perturb.fills.FILLS``, or ``OWN``.
        mask: a preset, or ``BY_SHARE``.
        share: what is kept of the plane, percent; counts with ``BY_SHARE``.
        check: put the explanation to the test.

    Raises:
        ParameterError: a value of another type than these.
    """

    model: str = "esc10-mel"
    target: str = PREDICTED
    method: str = "saliency"
    versus: str = NOBODY
    components: str = OWN
    fill: str = OWN
    mask: str = BY_SHARE
    share: float = 30
    check: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            if not fits(getattr(self, each.name), NO_TEXT.get(each.name, str)):
                got = str(getattr(self, each.name))[:40]
                raise ParameterError(f"{each.name} is {got!r}; expected one of those offered")


def model_names(preselected: str | None = None) -> list[str]:
    """Return the classifiers whose weights are on this machine, and the one that was asked for."""
    names = [name for name, card in cards().items()
             if card.labels and ("://" not in card.weights or cached(card.weights).is_file())]
    return names if preselected is None or preselected in names else [preselected, *names]


def labels(name: str, preselected: str | None = None) -> tuple[str, ...]:
    """Return the classes of a model that the app offers.

    Raises:
        ParameterError: a name that is not offered.
    """
    bundled = cards()
    return bundled[name].labels if name in bundled else tuple(load_chosen(name, preselected).labels)


def load_chosen(name: str, preselected: str | None = None) -> AudioModel:
    """Load a model that the app offers, by its name only: a page cannot make the server read other files.

    Raises:
        ParameterError: a name that is not offered.
    """
    offered = model_names(preselected)
    if name not in offered:
        raise unknown_name("model", Path(str(name)).name, offered)
    return load_model(name)


def takes(method: str, setting: str) -> bool:
    """Say whether a method has a setting.

    >>> takes("slime", "components"), takes("saliency", "fill"), takes("none", "fill")
    (True, False, False)
    """
    return method in METHODS and setting in spec(method).settings


def component_names(*methods: str) -> list[str]:
    """Return the components that there are for methods; none if no method takes any."""
    return [OWN, *COMPONENTS] if any(takes(method, "components") for method in methods) else [OWN]


def fill_names(*methods: str) -> list[str]:
    """Return the fills that there are for methods; none if no method takes any."""
    return [OWN, *FILLS] if any(takes(method, "fill") for method in methods) else [OWN]


def mask_name(values: FormValues) -> str:
    """Return the preset of ``earwitness.masks`` that is meant."""
    return masks.keeping(values.share) if values.mask == BY_SHARE else values.mask


def request_from_form(values: FormValues) -> ExplainRequest:
    """Return what the workflow is asked to do.

    Raises:
        ParameterError: unknown method, or the same one twice.
    """
    methods = values.method if values.versus == NOBODY else f"{values.method},{values.versus}"
    names = side_by_side.method_names(methods)
    settings: dict[str, Any] = {
        name: value for name, value in (("components", values.components), ("fill", values.fill))
        if value != OWN and any(takes(method, name) for method in names)
    }
    return ExplainRequest(method=methods, target=None if values.target == PREDICTED else values.target,
                          mask=mask_name(values), sections=1, check=values.check, settings=settings)
