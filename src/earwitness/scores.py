"""Any model -> one number per item: what a method explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from earwitness.errors import ParameterError
from earwitness.models.audio_model import ACTIVATIONS, AudioModel
from earwitness.types import Features

Precision = Literal["fp32", "bf16"]


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
        return _column(self.model.logits(features), self.index)


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
        return _column(ACTIVATIONS[self.model.activation](self.model.logits(features)), self.index)


@dataclass(frozen=True, eq=False)
class Similarity:
    """Cosine similarity of the embedding to a reference embedding.

    Attributes:
        model: a model with embeddings.
        reference: (dim,).

    Source: Wickstrøm et al. 2023, eq. 3.
    """

    model: AudioModel
    reference: Tensor

    @classmethod
    def to_item(cls, model: AudioModel, item: Features) -> Similarity:
        """Compare with the embedding of one item of features."""
        with torch.no_grad():
            return cls(model, model.embed(item)[0])

    def __call__(self, features: Features) -> Tensor:
        """Return similarities, (batch,), -1..1."""
        return torch.nn.functional.cosine_similarity(self.model.embed(features), self.reference[None], dim=1)


class Asked:
    """A score that counts the passes it causes, at the precision that was asked for.

    Attributes:
        passes: forward and backward passes so far, in items.
        batch: items that the model takes at once.
        deviation: largest difference that bf16 made to the first scores; None in fp32.
    """

    def __init__(self, score: Score, *, batch: int = 32, precision: Precision = "fp32") -> None:
        self.score = score
        self.batch = batch
        self.precision = precision
        self.passes = {"forward": 0, "backward": 0}
        self.deviation: float | None = None

    @property
    def model(self) -> AudioModel:
        """The model that is asked."""
        return self.score.model

    def __call__(self, features: Features) -> Tensor:
        """Return the score's numbers, (batch,)."""
        scores = self.score(features) if self.precision == "fp32" else self._in_bf16(features)
        self.passes["forward"] += len(scores)
        if features.values.requires_grad and torch.is_grad_enabled() and not scores.requires_grad:
            raise ParameterError("the network gives no gradient (does it run under no_grad?); use a method that needs "
                                 "none, such as lime or slime")
        if scores.requires_grad:
            scores.register_hook(self._count_backward)  # type: ignore[no-untyped-call]
        return scores

    def _in_bf16(self, features: Features) -> Tensor:
        with torch.autocast(features.values.device.type, torch.bfloat16):
            scores = self.score(features).to(features.values.dtype)
        if self.deviation is None:
            with torch.no_grad():
                exact = self.score(features)
            self.passes["forward"] += len(exact)
            self.deviation = float((scores.detach() - exact).abs().max())
        return scores

    def _count_backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += len(gradient)


def _column(outputs: Tensor, index: int) -> Tensor:
    if index >= outputs.shape[1]:
        raise ParameterError(f"target is {index}; expected 0 to {outputs.shape[1] - 1}, one of the network's outputs")
    return outputs[:, index]


def predicted_class(model: AudioModel, features: Features) -> int:
    """Return the class with the highest probability, averaged over the items (windows of one clip)."""
    return int(torch.argmax(model.probabilities(features).mean(0)))


SCORES: dict[str, Callable[[AudioModel, int], Score]] = {"logit": ClassLogit, "probability": ClassProbability}
