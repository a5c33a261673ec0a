"""A score that counts the passes it causes, and shares them with others that ask about the same inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.models.audio_model import AudioModel
from earwitness.targets.scores import OutputScore

Precision = Literal["fp32", "bf16"]
BATCH = 32  # items at once where nobody knows better


class SharedForward:
    """Scores of the same outputs: the first of them to ask pays for a pass, the others read what it gave.

    Attributes:
        scores: of the same network's outputs.
        batches: their numbers for each batch so far, (batch, scores).
        whole: which of these are of inputs that were worked out together.
    """

    def __init__(self, scores: Sequence[OutputScore]) -> None:
        self.scores = scores
        self.batches: list[Tensor] = []
        self.whole: set[int] = set()

    def select(self, outputs: Tensor) -> Tensor:
        """Return the numbers of all scores, (batch, scores)."""
        return torch.stack([score.select(outputs) for score in self.scores], 1)


class CountedScore:
    """A score that counts the passes it causes, at the precision that was asked for.

    Attributes:
        score: what is explained.
        batch: items that the model takes at once.
        passes: forward and backward passes so far, in items.
        deviation: largest difference that bf16 made to the first scores; None in fp32.
    """

    def __init__(self, score: OutputScore, *, batch: int = BATCH, precision: Precision = "fp32",
                 shared: SharedForward | None = None) -> None:
        self.score = score
        self.batch = batch
        self.precision = precision
        self.shared = shared
        self.passes = {"forward": 0, "backward": 0}
        self.deviation: float | None = None
        self._batches_read = 0

    @property
    def model(self) -> AudioModel:
        """The model that is asked."""
        return self.score.model

    def __call__(self, features: Features) -> Tensor:
        """Return the score's numbers, (batch,); differentiable.

        Raises:
            ParameterError: a gradient is wanted, and the network gives none.
        """
        with self._autocast(features):
            scores = self.score.select(self.score.forward(features))
        scores = self._counted(features, self.score.select, scores)
        if features.values.requires_grad and torch.is_grad_enabled() and not scores.requires_grad:
            raise ParameterError("the network gives no gradient (does it run under no_grad?); use a method that needs "
                                 "none, such as lime or slime")
        if scores.requires_grad:
            scores.register_hook(self._count_backward)  # type: ignore[no-untyped-call]
        return scores

    def next_batch(self, make: Callable[[], Features]) -> Tensor:
        """Return the numbers, (batch,), of the next batch of inputs, which follow from the seed alone.

        Where scores share their passes, only the first of them that gets here makes the inputs and passes them.
        """
        if self.shared is None:
            return self(make())
        # Each target is explained in turn with the same seed, so the k-th batch is the same for all: counting batches
        # is enough, and inputs need not be kept or compared. A target that goes on longer than the others passes more.
        if self._batches_read == len(self.shared.batches):
            features = make()
            with self._autocast(features):
                scores = self.shared.select(self.score.forward(features))
            self.shared.batches.append(self._counted(features, self.shared.select, scores))
        self._batches_read += 1
        return self.shared.batches[self._batches_read - 1][:, self.shared.scores.index(self.score)]

    def next_outputs(self, forward: Callable[[], Tensor], *, passes: float) -> Tensor | None:
        """Return the numbers, (k,), of many inputs whose outputs are worked out together.

        Args:
            forward: gives the network's outputs, (k, ...); not called where another score has asked already.
            passes: what they cost, in passes of the network.

        Returns:
            None where another score has asked for these inputs one batch after the other: then do the same.
        """
        if self.shared is None:
            scores = self.score.select(forward())
            self.passes["forward"] += math.ceil(passes)
            return scores
        k = self._batches_read
        if k == len(self.shared.batches):
            self.shared.batches.append(self.shared.select(forward()))
            self.shared.whole.add(k)
            self.passes["forward"] += math.ceil(passes)
        if k not in self.shared.whole:
            return None
        self._batches_read += 1
        return self.shared.batches[k][:, self.shared.scores.index(self.score)]

    def _autocast(self, features: Features) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(features.values.device.type, torch.bfloat16)

    def _counted(self, features: Features, select: Callable[[Tensor], Tensor], scores: Tensor) -> Tensor:
        self.passes["forward"] += len(scores)
        if self.precision == "fp32":
            return scores
        scores = scores.to(features.values.dtype)
        if self.deviation is None:
            with torch.no_grad():
                exact = select(self.score.forward(features))
            self.passes["forward"] += len(exact)
            self.deviation = float((scores.detach() - exact).abs().max())
        return scores

    def _count_backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += len(gradient)
