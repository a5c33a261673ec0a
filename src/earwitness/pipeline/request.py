"""What a person chooses when they ask for an explanation, and the command line that says it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earwitness import audio
from earwitness.core import plugins
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip
from earwitness.frontends import Inversion
from earwitness.metrics import DOMAINS, Domain
from earwitness.models import AudioModel
from earwitness.targets.scores import Precision
from earwitness.targets.target import Contrast, ResolvedTarget, Target, resolve_target

RESERVED = {"model", "clip", "method", "target", "at_s", "seed", "progress", "prepared", "precision"}


@dataclass(frozen=True)
class ExplainRequest:
    """What a person chooses when they ask for an explanation.

    Attributes:
        method: name in ``earwitness.METHODS``, several with commas between them, or "all": side by side.
        target: class name or index, or a contrast or an absence in words, see ``earwitness.targets``; None explains
            the predicted class of each stretch.
        against: class that the target is contrasted with.
        like: sound file whose embedding the explanation compares with, in place of a target.
        channel: "mean", "left", "right" or a number from 1; of the file and of ``like``, see ``audio.load``.
        mask: preset of ``earwitness.masks``.
        seed: seed of everything random.
        whole: explain every window of a long recording too, joined over all of it.
        sections: how many windows of a long recording are explained: those the model is surest of.
        inversion: how the mask becomes sound; see ``earwitness.listen``.
        domain: what the metrics are measured on, "features" or "audio"; see ``earwitness.metrics.measure``.
        prepared: ask the faster copy of the network; see ``earwitness.explain``.
        precision: "fp32" or "bf16".
        check: put the explanation to the test, see ``earwitness.checks``.
        settings: of the method; of several, each gets those that it has.
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
    prepared: bool = True
    precision: Precision = "fp32"
    check: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


def target_of(choices: ExplainRequest) -> Target | None:
    """Return what is explained.

    Raises:
        ParameterError: choices that exclude each other.
        AudioFileError: the recording to compare with cannot be used.
    """
    if choices.like is not None:
        if choices.target is not None or choices.against is not None:
            raise ParameterError(f"like is {str(choices.like)[:80]!r}, and there is a class to explain too; expected "
                                 "one of them")
        return audio.load(choices.like, channel=choices.channel)
    if choices.against is None:
        return choices.target
    if choices.target is None:
        raise ParameterError(f"against is {choices.against[:80]!r} without a target; expected --target too")
    return Contrast(choices.target, choices.against)


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


def wanted_of(model: AudioModel, choices: ExplainRequest) -> ResolvedTarget | None:
    """Return the classes that are named, None where none is."""
    target = None if choices.like is not None else target_of(choices)
    return None if target is None or isinstance(target, Clip) else resolve_target(model, target)


def command_line(path: Path, model: AudioModel, choices: ExplainRequest) -> str:
    """Return the command that repeats an explanation."""
    name = f"./{path}" if str(path).startswith("-") else str(path)
    words = ["earwitness", "explain", name, "--model", model.name, "--method", choices.method,
             "--mask", choices.mask, "--seed", str(choices.seed)]
    for option in ("target", "against", "like"):
        if getattr(choices, option) is not None:
            words += [f"--{option}", str(getattr(choices, option))]
    if choices.channel != "mean":
        words += ["--channel", str(choices.channel)]
    if "weights_file" in model.card:
        words += ["--weights", str(model.card["weights_file"])]
    if choices.sections != ExplainRequest.sections:
        words += ["--sections", str(choices.sections)]
    if choices.whole:
        words += ["--whole"]
    if choices.inversion != "projection":
        words += ["--inversion", choices.inversion]
    return shlex.join(words + words_of_method(choices))


def words_of_method(choices: ExplainRequest) -> list[str]:
    """Return the words of a command line that say how a method works."""
    words = [] if choices.domain == "features" else ["--domain", choices.domain]
    if not choices.prepared:
        words += ["--no-prepare"]
    if choices.precision != "fp32":
        words += ["--precision", choices.precision]
    if choices.check:
        words += ["--check"]
    for name, value in choices.settings.items():
        words += ["--set", f"{name}={value}"]
    for name in plugins.loaded():
        words += ["--plugin", name]
    return words


def check_reserved(choices: ExplainRequest) -> None:
    """Refuse settings of a method that are options of their own, and an unknown domain."""
    if choices.domain not in DOMAINS:
        raise unknown_name("domain", choices.domain, DOMAINS)
    for name in RESERVED & set(choices.settings):
        raise ParameterError(f"{name!r} is no setting of a method; expected it as an option of its own: --{name}")
