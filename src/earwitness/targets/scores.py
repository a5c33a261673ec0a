"""Any model -> one number per item: what a method explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.models.audio_model import AudioModel


class Score(Protocol):
    """A function of features with one number per item; higher means more of what is explained."""

    @property
    def model(self) -> AudioModel:
        """The model that is asked."""
        ...

    def __call__(self, features: Features) -> Tensor:
        """Return (batch,) numbers of features with values (batch, freq, time); differentiable."""
        ...


class OutputScore:
    """A score in two steps, so that several scores can share the first, which is the network's pass."""

    model: AudioModel

    @property
    def forward(self) -> Callable[[Features], Tensor]:
        """The network's pass: features -> (batch, classes) or (batch, classes, frames)."""
        return self.model.outputs

    def select(self, outputs: Tensor) -> Tensor:
        """Return the numbers, (batch,), that outputs give."""
        raise NotImplementedError

    def __call__(self, features: Features) -> Tensor:
        """Return the numbers, (batch,)."""
        return self.select(self.forward(features))


@dataclass(frozen=True)
class ClassLogit(OutputScore):
    """Logit of one class.

    Attributes:
        model: the classifier.
        index: the class.
        frames: of a frame-wise network, number of frames -> those whose mean is taken; None pools all of them as the
            model says.
    """

    model: AudioModel
    index: int
    frames: Callable[[int], slice] | None = None

    def select(self, outputs: Tensor) -> Tensor:
        """Return logits, (batch,)."""
        return _column(self.model, outputs, self.index, self.frames)


@dataclass(frozen=True)
class ClassProbability(OutputScore):
    """Probability of one class, through the model's activation.

    Attributes:
        model: the classifier.
        index: the class.
        frames: of a frame-wise network, number of frames -> those whose mean probability is taken; None pools all.
    """

    model: AudioModel
    index: int
    frames: Callable[[int], slice] | None = None

    def select(self, outputs: Tensor) -> Tensor:
        """Return probabilities, (batch,)."""
        return _column(self.model, self.model.activated(outputs), self.index, self.frames)


@dataclass(frozen=True)
class Difference(OutputScore):
    """One score minus another of the same outputs: the contrast of two classes.

    Attributes:
        first: what is spoken for.
        second: what is spoken against.
    """

    first: OutputScore
    second: OutputScore

    @property
    def model(self) -> AudioModel:  # type: ignore[override]
        """The model that is asked."""
        return self.first.model

    def select(self, outputs: Tensor) -> Tensor:
        """Return differences, (batch,)."""
        return self.first.select(outputs) - self.second.select(outputs)


@dataclass(frozen=True)
class Absence(OutputScore):
    """The absence of a sigmoid class: minus its logit, or one minus its probability.

    Attributes:
        present: score of the class.
    """

    present: ClassLogit | ClassProbability

    @property
    def model(self) -> AudioModel:  # type: ignore[override]
        """The model that is asked."""
        return self.present.model

    def select(self, outputs: Tensor) -> Tensor:
        """Return the numbers, (batch,)."""
        present = self.present.select(outputs)
        return 1 - present if isinstance(self.present, ClassProbability) else -present


@dataclass(frozen=True, eq=False)
class Similarity(OutputScore):
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

    @property
    def forward(self) -> Callable[[Features], Tensor]:
        """The network's pass: features -> embeddings (batch, dim)."""
        return self.model.embed

    def select(self, outputs: Tensor) -> Tensor:
        """Return similarities, (batch,), -1..1."""
        return torch.nn.functional.cosine_similarity(outputs, self.reference[None], dim=1)


def _column(
    model: AudioModel, outputs: Tensor, index: int, frames: Callable[[int], slice] | None
) -> Tensor:
    if index >= outputs.shape[1]:
        raise ParameterError(f"target is {index}; expected 0 to {outputs.shape[1] - 1}, one of the network's outputs")
    column = outputs[:, index]
    if column.ndim == 1:
        return column
    if frames is None:
        return model.pooled(outputs[:, index : index + 1])[:, 0]
    return column[:, frames(column.shape[1])].mean(1)


def predicted_class(model: AudioModel, features: Features) -> int:
    """Return the class with the highest probability, averaged over the items (windows of one clip)."""
    return int(torch.argmax(model.probabilities(features).mean(0)))


SCORES: dict[str, Callable[..., ClassLogit | ClassProbability]] = {
    "logit": ClassLogit, "output": ClassLogit, "probability": ClassProbability}
