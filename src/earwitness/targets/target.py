"""What may be asked about: a class, its absence, two classes against each other, or another recording."""

from __future__ import annotations

import re
from dataclasses import dataclass

from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip
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


def parse_target(model: AudioModel, text: str) -> str | Contrast | Not:
    """Read a target in words: "dog against rooster", "not dog", or a class.

    Args:
        model: knows the class names, which may hold these words themselves; a class whose name is the whole text comes
            first.
        text: as a person wrote it.

    Returns:
        The text itself where it says nothing more than a class, known or not.
    """
    if text in model.labels:
        return text
    for word in re.finditer(" against ", text):
        first, second = text[: word.start()], text[word.end() :]
        if _is_class(model, first) and _is_class(model, second):
            return Contrast(first, second)
    if text.startswith("not ") and _is_class(model, text[4:]):
        return Not(text[4:])
    if " against " in text:  # one of the two is wrong: resolving them says which
        first, _, second = text.partition(" against ")
        return Contrast(first, second)
    return text


def _is_class(model: AudioModel, name: str) -> bool:
    try:
        model.class_index(name)
    except ParameterError:
        return False
    return True
