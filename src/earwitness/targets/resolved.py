"""A target found among a model's outputs, with the score that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip, Features
from earwitness.core.validation import fits
from earwitness.models.audio_model import AudioModel
from earwitness.models.windows import Windows
from earwitness.targets.scores import SCORES, Absence, Difference, OutputScore, Similarity
from earwitness.targets.target import Contrast, Not, Target, parse_target

SCORE_NAMES = (*SCORES, "similarity")


@dataclass(frozen=True)
class ClassTarget:
    """A class, a contrast of two, or the absence of one.

    Attributes:
        index: the class, which numbers in reports are about.
        against: the class it is contrasted with, or None.
        negative: it is the class's absence that is explained.
        score: "logit", "output" (another word for it) or "probability".
        at_s: first and last second of the answers of a frame-wise network; None: all of them.
    """

    index: int
    against: int | None = None
    negative: bool = False
    score: str = "logit"
    at_s: tuple[float, float] | None = None

    def words(self, model: AudioModel) -> str:
        """Return the target in words, which ``parse_target`` reads again."""
        name = model.class_name(self.index)
        if self.against is not None:
            return f"{name} against {model.class_name(self.against)}"
        return f"not {name}" if self.negative else name

    def probability(self, probabilities: Tensor) -> Tensor:
        """Return the probability of the target, (batch,), of those of all classes (batch, classes).

        That of a contrast is the difference of two, -1..1.
        """
        present = probabilities[:, self.index]
        if self.against is not None:
            return present - probabilities[:, self.against]
        return 1 - present if self.negative else present

    def record(self) -> dict[str, Any]:
        """Return what besides the target's words is needed to ask again."""
        return {"score": self.score} | ({} if self.at_s is None else {"at_s": self.at_s})

    def overlaps(self, start_s: float, window_s: float) -> bool:
        """Say whether any answer that is explained lies in a window."""
        if self.at_s is None:
            return True
        first, last = self.at_s
        return first < start_s + window_s and (last > start_s or first == last >= start_s)

    def score_for(self, model: AudioModel, item: Features, *, start_s: float = 0.0) -> OutputScore:
        """Return the score of one window.

        Args:
            model: with the network that is asked.
            item: the window.
            start_s: where it begins in the recording, for ``at_s``.
        """
        frames = None
        if self.at_s is not None and model.frames is not None:
            first_s, last_s = (time_s - start_s for time_s in self.at_s)
            window_s = item.length_samples / model.sample_rate_hz
            frames = partial(model.frames.between, first_s=first_s, last_s=last_s, window_s=window_s)
        present = SCORES[self.score](model, self.index, frames)
        if self.against is not None:
            return Difference(present, SCORES[self.score](model, self.against, frames))
        return Absence(present) if self.negative else present


@dataclass(frozen=True, eq=False)
class EmbeddingTarget:
    """The embedding: why it is what it is, or why it is like that of another recording.

    Attributes:
        reference: the embedding that is compared with, (dim,); None takes the window's own.
        like: name of the recording it is of, or None.
    """

    reference: Tensor | None = None
    like: str | None = None
    score: str = "similarity"

    def words(self, model: AudioModel) -> str | None:
        """Return the target in words; None for the similarity to the window itself."""
        return None if self.like is None else f"like {self.like}"

    def record(self) -> dict[str, Any]:
        """Return what besides the target's words is needed to ask again."""
        return {"score": self.score} | ({} if self.like is None else {"like": self.like})

    def overlaps(self, start_s: float, window_s: float) -> bool:
        """Say that every window counts."""
        return True

    def score_for(self, model: AudioModel, item: Features, *, start_s: float = 0.0) -> OutputScore:
        """Return the score of one window; see ``ClassTarget.score_for``."""
        return Similarity.to_item(model, item) if self.reference is None else Similarity(model, self.reference)


ResolvedTarget = ClassTarget | EmbeddingTarget


def resolve_class(model: AudioModel, target: str | int | Contrast | Not) -> ClassTarget:
    """Find a target among a model's outputs; its score is the logit.

    Args:
        model: the classifier.
        target: class name or index, a ``Contrast``, a ``Not``, or these in words, see ``parse_target``.

    Raises:
        ParameterError: no such class, or the target does not go with the model's activation.
    """
    if isinstance(target, str):
        target = parse_target(model, target)
    if isinstance(target, Contrast):
        index, against = model.class_index(target.target), model.class_index(target.against)
        if index == against:
            raise ParameterError(f"target is {model.class_name(index)!r} against itself; expected two classes")
        return ClassTarget(index, against)
    if isinstance(target, Not):
        absence = ClassTarget(model.class_index(target.target), negative=True)
        if model.activation != "sigmoid":
            raise ParameterError(f"target is {absence.words(model)!r}, which goes with sigmoid outputs only, but the "
                                 f"model's activation is {model.activation!r}; expected a class, or a contrast of two "
                                 "such as 'dog against rooster'")
        return absence
    if not isinstance(target, str | int) or isinstance(target, bool):
        raise ParameterError(f"target is a {type(target).__name__}; expected a class name or index, or one of "
                             "earwitness.targets")
    return ClassTarget(model.class_index(target))


def resolve_target(
    model: AudioModel, windows: Windows, target: Target | None, score: str, at_s: tuple[float, float] | None = None
) -> ResolvedTarget:
    """Find what is explained; a missing target is the class with the highest probability, averaged over the windows.

    Args:
        model: the model.
        windows: of the recording.
        target: as a person gave it.
        score: as ``score_name`` gives it.
        at_s: first and last second of the answers of a frame-wise network; None: all of them.

    Raises:
        ParameterError: the target does not fit the model or the score.
    """
    if at_s is not None and (model.frames is None or score == "similarity"):
        reason = "score 'similarity' has no frames" if score == "similarity" else (
            f"model {model.name!r} gives one answer per window (frames is None)")
        raise ParameterError(f"at_s is {at_s}, but {reason}; leave it out")
    if isinstance(target, Clip):
        return EmbeddingTarget(_mean_embedding(model, target), target.name)
    if score == "similarity":
        if target is not None:
            raise ParameterError(f"target {target!r} does not go with score 'similarity', which explains the "
                                 "embedding; expected another recording, or no target")
        return EmbeddingTarget()
    chosen = _predicted(model, windows) if target is None else resolve_class(model, target)
    return ClassTarget(chosen.index, chosen.against, chosen.negative, score, at_s)


def score_name(model: AudioModel, score: str | None, usual: str, targets: Sequence[Target | None]) -> str:
    """Return the score that is explained.

    Args:
        model: the model.
        score: as given.
        usual: of the method.
        targets: all that are explained together.

    Raises:
        ParameterError: unknown score, or one that does not go with the model or the targets.
    """
    are_clips = [isinstance(target, Clip) for target in targets]
    if any(are_clips) and not all(are_clips):
        raise ParameterError("targets mix recordings and classes; expected one kind at a time")
    if score is not None and score not in SCORE_NAMES:
        raise unknown_name("score", score, SCORE_NAMES)
    if any(are_clips):
        if score not in (None, "similarity"):
            raise ParameterError(f"score {score!r} does not go with a recording as target; expected 'similarity'")
        return "similarity"
    if model.activation == "identity":
        if score == "probability":
            raise ParameterError(f"model {model.name!r} gives plain numbers (activation 'identity'), no "
                                 "probabilities; expected score 'output'")
        return score or ("output" if usual in SCORES else usual)
    return score or usual


def check_range(at_s: float | Sequence[float], *, duration_s: float) -> tuple[float, float]:
    """Return a time, or a range of times, as (first, last) in seconds.

    Raises:
        ParameterError: not one or two rising numbers inside the recording.
    """
    pair = tuple(at_s) if isinstance(at_s, list | tuple) else (at_s, at_s)
    good = len(pair) == 2 and all(fits(time_s, float) for time_s in pair)
    if not good or not 0 <= pair[0] <= pair[1] or pair[0] >= duration_s:
        raise ParameterError(f"at_s is {str(at_s)[:40]!r}; expected a time or a range (from, to) in seconds, inside "
                             f"the {duration_s:.3f} s recording")
    return float(pair[0]), float(pair[1])


def _predicted(model: AudioModel, windows: Windows) -> ClassTarget:
    if not model.labels:
        raise ParameterError(f"model {model.name!r} has no labels; name the target's index, or use score='similarity'")
    if model.activation == "identity":
        if len(model.labels) > 1:
            raise ParameterError(f"model {model.name!r} gives plain numbers, none of which is the predicted one; name "
                                 f"the target: {', '.join(model.labels)}")
        return ClassTarget(0)
    mean = torch.stack([model.probabilities(item)[0] for item in windows]).mean(0)
    return ClassTarget(int(mean.argmax()))


def _mean_embedding(model: AudioModel, clip: Clip) -> Tensor:
    """The mean embedding of a recording's windows, (dim,)."""
    with torch.no_grad():
        return torch.stack([model.embed(item)[0] for item in model.windows(clip)]).mean(0)
