"""What is explained: a class, its absence, two classes against each other, or another recording."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip
from earwitness.core.validation import fits
from earwitness.models.audio_model import AudioModel


@dataclass(frozen=True)
class Contrast:
    """Why this class and not that one? The score is the difference of their logits, or of their probabilities.

    Attributes:
        target: class name or index that is spoken for.
        against: class name or index that is spoken against.
    """

    target: str | int
    against: str | int


@dataclass(frozen=True)
class Not:
    """Why not this class? For sigmoid outputs: the score is the negative logit, or one minus the probability.

    Attributes:
        target: class name or index.
    """

    target: str | int


Target = str | int | Contrast | Not | Clip


@dataclass(frozen=True)
class ResolvedTarget:
    """A target as outputs of a model.

    Attributes:
        index: the class, which numbers in reports are about.
        against: the class it is contrasted with, or None.
        negative: it is the class's absence that is explained.
    """

    index: int
    against: int | None = None
    negative: bool = False

    def words(self, model: AudioModel) -> str:
        """Return the target in words, which ``resolve_target`` reads again."""
        name = model.class_name(self.index)
        if self.against is not None:
            return f"{name} against {model.class_name(self.against)}"
        return f"not {name}" if self.negative else name

    def probability(self, probabilities: Tensor) -> Tensor:
        """Return the probability of the target, (batch,), of those of all classes (batch, classes).

        That of a contrast is the difference of two, -1..1.
        """
        found = probabilities[:, self.index]
        if self.against is not None:
            return found - probabilities[:, self.against]
        return 1 - found if self.negative else found


def resolve_target(model: AudioModel, target: str | int | Contrast | Not) -> ResolvedTarget:
    """Find a target among a model's outputs.

    Args:
        model: the classifier.
        target: class name or index, a ``Contrast``, a ``Not``, or these in words: "dog against rooster", "not dog".
            A class whose name is the whole text comes first.

    Raises:
        ParameterError: no such class, or the target does not go with the model's activation.
    """
    if isinstance(target, str) and target not in model.labels:
        target = _parsed(model, target)
    if isinstance(target, Contrast):
        index, against = model.class_index(target.target), model.class_index(target.against)
        if index == against:
            raise ParameterError(f"target is {model.class_name(index)!r} against itself; expected two classes")
        return ResolvedTarget(index, against)
    if isinstance(target, Not):
        wanted = ResolvedTarget(model.class_index(target.target), negative=True)
        if model.activation != "sigmoid":
            raise ParameterError(f"target is {wanted.words(model)!r}, which goes with sigmoid outputs only, but the "
                                 f"model's activation is {model.activation!r}; expected a class, or a contrast of two "
                                 "such as 'dog against rooster'")
        return wanted
    if not isinstance(target, str | int) or isinstance(target, bool):
        raise ParameterError(f"target is a {type(target).__name__}; expected a class name or index, or one of "
                             "earwitness.targets.target")
    return ResolvedTarget(model.class_index(target))


def _parsed(model: AudioModel, text: str) -> str | Contrast | Not:
    for word in re.finditer(" against ", text):
        first, second = text[: word.start()], text[word.end() :]
        if _known(model, first) and _known(model, second):
            return Contrast(first, second)
    if text.startswith("not ") and _known(model, text[4:]):
        return Not(text[4:])
    if " against " in text:  # one of the two is wrong: say which
        first, _, second = text.partition(" against ")
        return Contrast(first, second)
    return text


def _known(model: AudioModel, name: str) -> bool:
    try:
        model.class_index(name)
    except ParameterError:
        return False
    return True


def check_range(at_s: float | Sequence[float], *, duration_s: float) -> tuple[float, float]:
    """Return a time, or a range of times, as (first, last) in seconds.

    Raises:
        ParameterError: not one or two rising numbers inside the recording.
    """
    pair = tuple(at_s) if isinstance(at_s, list | tuple) else (at_s, at_s)
    good = len(pair) == 2 and all(fits(each, float) for each in pair)
    if not good or not 0 <= pair[0] <= pair[1] or pair[0] >= duration_s:
        raise ParameterError(f"at_s is {str(at_s)[:40]!r}; expected a time or a range (from, to) in seconds, inside "
                             f"the {duration_s:.3f} s recording")
    return float(pair[0]), float(pair[1])


def with_negated_class(model: AudioModel, wanted: ResolvedTarget) -> AudioModel:
    """Return a model with one more class, the absence of a sigmoid class: sigmoid(-logit) is 1 - sigmoid(logit)."""
    if not wanted.negative:
        return model
    if wanted.words(model) in model.labels:
        raise unknown_name("target", wanted.words(model), model.labels)
    return replace(model, network=_WithNo(model.network, wanted.index), labels=(*model.labels, wanted.words(model)))


class _WithNo(nn.Module):
    """A network with the negative of one of its outputs as its last."""

    def __init__(self, network: nn.Module, index: int) -> None:
        super().__init__()
        self.network, self.index = network, index

    def forward(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.network(features)
        return torch.cat([outputs, -outputs[:, self.index : self.index + 1]], 1)
