"""Any model -> one number per item: what a method explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from earwitness.models.audio_model import ACTIVATIONS, AudioModel
from earwitness.types import Features


class Score(Protocol):
    """A function of features with one number per item; higher means more of what is explained."""

    @property
    def model(self) -> AudioModel:
        """The model that is asked."""
        ...

    def __call__(self, features: Features) -> Tensor:
        """Return (batch,) numbers of features with values (batch, freq, time); differentiable."""
        ...


@dataclass(frozen=True)
class ClassLogit:
    """Logit of one class.

    Attributes:
        model: the classifier.
        index: the class.
    """

    model: AudioModel
    index: int

    def __call__(self, features: Features) -> Tensor:
        """Return logits, (batch,)."""
        return self.model.logits(features)[:, self.index]


@dataclass(frozen=True)
class ClassProbability:
    """Probability of one class, through the model's activation.

    Attributes:
        model: the classifier.
        index: the class.
    """

    model: AudioModel
    index: int

    def __call__(self, features: Features) -> Tensor:
        """Return probabilities, (batch,)."""
        return ACTIVATIONS[self.model.activation](self.model.logits(features))[:, self.index]


def predicted_class(model: AudioModel, features: Features) -> int:
    """Return the class with the highest probability, averaged over the items (windows of one clip)."""
    return int(torch.argmax(model.probabilities(features).mean(0)))


SCORES: dict[str, Callable[[AudioModel, int], Score]] = {"logit": ClassLogit, "probability": ClassProbability}
