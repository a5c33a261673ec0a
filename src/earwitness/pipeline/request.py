"""What a person asks for, read once: every face of the package makes an ``ExplainRequest``, and resolves it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from earwitness import audio, masks
from earwitness.core import plugins
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip
from earwitness.frontends import Inversion
from earwitness.metrics import Domain
from earwitness.metrics.measure import DOMAINS
from earwitness.models import AudioModel
from earwitness.pipeline.side_by_side import check_settings, explains_embedding, method_names, settings_of
from earwitness.targets import ClassTarget, Contrast, Precision, Target, resolve_class

RESERVED = {"model", "clip", "method", "target", "at_s", "seed", "progress", "fast", "prepared", "precision"}


@dataclass(frozen=True)
class ExplainRequest:
    """What a person chooses when they ask for an explanation.

    Attributes:
        method: name in ``earwitness.METHODS``, several with commas between them, or "all": side by side.
        target: class name or index, or a contrast or an absence in words, see ``earwitness.targets``; None explains
            the predicted class of each window.
        against: class that the target is contrasted with.
        like: sound file whose embedding the explanation compares with, in place of a target.
        channel: "mean", "left", "right" or a number from 1; of the file and of ``like``, see ``audio.load``.
        mask: preset of ``earwitness.masks``.
        seed: seed of everything random.
        whole: explain every window of a long recording too, joined over all of it.
        sections: how many windows of a long recording are explained: those the model is surest of.
        inversion: how the mask becomes sound; see ``earwitness.listen``.
        domain: what the metrics are measured on, "features" or "audio"; see ``earwitness.metrics.measure``.
        fast: ask the faster copy of the network; see ``earwitness.explain``.
        precision: "fp32" or "bf16".
        check: put the explanation to the test, see ``earwitness.checks``.
        settings: of the method; of several, each gets those that it has.

    Raises:
        ParameterError: an unknown name, a setting that none of the methods has, or choices that exclude each other.
    """

    method: str = "saliency"
    target: str | None = None
    against: str | None = None
    like: str | None = None
    channel: str = "mean"
    mask: str = "topK_30_pos"
    seed: int = 0
    whole: bool = False
    sections: int = 3
    inversion: Inversion = "projection"
    domain: Domain = "features"
    fast: bool = True
    precision: Precision = "fp32"
    check: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.domain not in DOMAINS:
            raise unknown_name("domain", self.domain, DOMAINS)
        for name in RESERVED & set(self.settings):
            raise ParameterError(f"{name!r} is no setting of a method; expected it as an option of its own: --{name}")
        if self.like is not None and (self.target is not None or self.against is not None):
            raise ParameterError(f"like is {str(self.like)[:80]!r}, and there is a class to explain too; expected one "
                                 "of them")
        if self.against is not None and self.target is None:
            raise ParameterError(f"against is {self.against[:80]!r} without a target; expected --target too")
        names = self.methods  # a wrong method is said before anything that depends on it
        masks.describe(self.mask)
        check_settings(names, self.settings)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in the order given."""
        return method_names(self.method)

    def resolve(self, model: AudioModel) -> ResolvedRequest:
        """Find what is asked for among a model's outputs; the recording to compare with is read here, once.

        Raises:
            ParameterError: a target that the model does not have.
            AudioFileError: the recording to compare with cannot be used.
        """
        choices = tuple(MethodChoice(name, settings_of(name, self.settings)) for name in self.methods)
        if self.like is not None:
            return ResolvedRequest(self, choices, audio.load(self.like, channel=self.channel))
        named = self.target if self.against is None or self.target is None else Contrast(self.target, self.against)
        return ResolvedRequest(self, choices, named, None if named is None else resolve_class(model, named))


class MethodChoice(NamedTuple):
    """One method and the settings that are its own."""

    name: str
    settings: Mapping[str, Any]

    @property
    def explains_embedding(self) -> bool:
        """Whether it explains the embedding and not a class, so that it takes no target."""
        return explains_embedding(self.name, self.settings)


@dataclass(frozen=True, eq=False)
class ResolvedRequest:
    """A request with all that follows from it and the model.

    Attributes:
        request: as it was made.
        choices: one per method.
        target: what is explained, for ``earwitness.explain``; None takes the predicted class.
        class_target: the same among the model's outputs; None where no class is named.
    """

    request: ExplainRequest
    choices: tuple[MethodChoice, ...]
    target: Target | None = None
    class_target: ClassTarget | None = None

    def target_for(self, choice: MethodChoice) -> Target | None:
        """Return the target for one method; among several, one that explains the embedding gets no class."""
        side_by_side = len(self.choices) > 1
        if side_by_side and choice.explains_embedding and not isinstance(self.target, Clip):
            return None
        return self.target


def check_reportable(model: AudioModel) -> None:
    """Refuse a model that no report can be written about.

    Raises:
        ParameterError: it has no classes, or its outputs are no probabilities.
    """
    if not model.labels:
        raise ParameterError(f"model {model.name!r} is an encoder without classes; a report needs a classifier: "
                             "use earwitness.explain in Python, or another --model")
    if model.activation == "identity":
        raise ParameterError(f"model {model.name!r} gives plain numbers (activation 'identity'); a report is about "
                             "probabilities: use earwitness.explain in Python, or another --model")


def command_line(path: Path, model: AudioModel, request: ExplainRequest) -> str:
    """Return the command that repeats an explanation."""
    name = f"./{path}" if str(path).startswith("-") else str(path)
    arguments = ["earwitness", "explain", name, "--model", model.name, "--method", request.method,
                 "--mask", request.mask, "--seed", str(request.seed)]
    for option in ("target", "against", "like"):
        if getattr(request, option) is not None:
            arguments += [f"--{option}", str(getattr(request, option))]
    if request.channel != "mean":
        arguments += ["--channel", str(request.channel)]
    if "weights_file" in model.card:
        arguments += ["--weights", str(model.card["weights_file"])]
    if request.sections != ExplainRequest.sections:
        arguments += ["--sections", str(request.sections)]
    if request.whole:
        arguments += ["--whole"]
    if request.inversion != "projection":
        arguments += ["--inversion", request.inversion]
    return shlex.join(arguments + words_of_method(request))


def words_of_method(request: ExplainRequest) -> list[str]:
    """Return the words of a command line that say how a method works."""
    arguments = [] if request.domain == "features" else ["--domain", request.domain]
    if not request.fast:
        arguments += ["--no-fast"]
    if request.precision != "fp32":
        arguments += ["--precision", request.precision]
    if request.check:
        arguments += ["--check"]
    for name, value in request.settings.items():
        arguments += ["--set", f"{name}={value}"]
    for name in plugins.loaded():
        arguments += ["--plugin", name]
    return arguments
