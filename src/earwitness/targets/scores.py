"""Any model -> one number per item: what a method explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.models.audio_model import AudioModel

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


class OutputScore:
    """A score in two steps, so that several scores can share the first, which is the network's pass."""

    model: AudioModel

    def ask(self, features: Features) -> Tensor:
        """Return the network's outputs, (batch, classes) or (batch, classes, frames)."""
        return self.model.outputs(features)

    def of(self, outputs: Tensor) -> Tensor:
        """Return the numbers, (batch,), that outputs give."""
        raise NotImplementedError

    def __call__(self, features: Features) -> Tensor:
        """Return the numbers, (batch,)."""
        return self.of(self.ask(features))


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

    def of(self, outputs: Tensor) -> Tensor:
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

    def of(self, outputs: Tensor) -> Tensor:
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

    def of(self, outputs: Tensor) -> Tensor:
        """Return differences, (batch,)."""
        return self.first.of(outputs) - self.second.of(outputs)


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

    def of(self, outputs: Tensor) -> Tensor:
        """Return the numbers, (batch,)."""
        found = self.present.of(outputs)
        return 1 - found if isinstance(self.present, ClassProbability) else -found


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

    def ask(self, features: Features) -> Tensor:
        """Return embeddings, (batch, dim)."""
        return self.model.embed(features)

    def of(self, outputs: Tensor) -> Tensor:
        """Return similarities, (batch,), -1..1."""
        return torch.nn.functional.cosine_similarity(outputs, self.reference[None], dim=1)


class SharedForward:
    """Scores that are asked about the same inputs: whoever asks first pays for the pass, the others read.

    Attributes:
        scores: of the same network's outputs.
        known: their numbers for each batch so far, (batch, scores).
    """

    def __init__(self, scores: Sequence[OutputScore]) -> None:
        self.scores = scores
        self.known: list[Tensor] = []

    def __call__(self, features: Features) -> Tensor:
        """Return the numbers of all scores, (batch, scores), in one pass."""
        outputs = self.scores[0].ask(features)
        return torch.stack([score.of(outputs) for score in self.scores], 1)


class CountedScore:
    """A score that counts the passes it causes, at the precision that was asked for.

    Attributes:
        passes: forward and backward passes so far, in items.
        batch: items that the model takes at once.
        deviation: largest difference that bf16 made to the first scores; None in fp32.
    """

    def __init__(self, score: Score, *, batch: int = 32, precision: Precision = "fp32",
                 shared: SharedForward | None = None,
                 place: int = 0) -> None:
        self.score = score
        self.batch = batch
        self.precision = precision
        self.shared = shared
        self.place = place
        self.read = 0
        self.passes = {"forward": 0, "backward": 0}
        self.deviation: float | None = None

    @property
    def model(self) -> AudioModel:
        """The model that is asked."""
        return self.score.model

    def __call__(self, features: Features) -> Tensor:
        """Return the score's numbers, (batch,)."""
        scores = self._counted(self.score, features)
        if features.values.requires_grad and torch.is_grad_enabled() and not scores.requires_grad:
            raise ParameterError("the network gives no gradient (does it run under no_grad?); use a method that needs "
                                 "none, such as lime or slime")
        if scores.requires_grad:
            scores.register_hook(self._count_backward)  # type: ignore[no-untyped-call]
        return scores

    def of_next(self, make: Callable[[], Features]) -> Tensor:
        """Return the numbers of the next batch of inputs, which follow from the seed alone.

        Where scores are shared, only the first of them that gets here makes the inputs and passes them.
        """
        if self.shared is None:
            return self(make())
        if self.read == len(self.shared.known):
            self.shared.known.append(self._counted(self.shared, make()))
        self.read += 1
        return self.shared.known[self.read - 1][:, self.place]

    def _counted(self, score: Callable[[Features], Tensor], features: Features) -> Tensor:
        scores = score(features) if self.precision == "fp32" else self._in_bf16(score, features)
        self.passes["forward"] += len(scores)
        return scores

    def _in_bf16(self, score: Callable[[Features], Tensor], features: Features) -> Tensor:
        with torch.autocast(features.values.device.type, torch.bfloat16):
            scores = score(features).to(features.values.dtype)
        if self.deviation is None:
            with torch.no_grad():
                exact = score(features)
            self.passes["forward"] += len(exact)
            self.deviation = float((scores.detach() - exact).abs().max())
        return scores

    def _count_backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += len(gradient)


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
