"""What is explained, before it is bound to a network and a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip, Features
from earwitness.models.audio_model import AudioModel
from earwitness.models.windows import Windows
from earwitness.targets.scores import SCORES, Absence, Difference, OutputScore, Similarity
from earwitness.targets.target import ResolvedTarget, Target, resolve_target

SCORE_NAMES = (*SCORES, "similarity")


@dataclass(frozen=True, eq=False)
class Question:
    """What is explained.

    Attributes:
        score: "logit", "output" (another word for it), "probability" or "similarity".
        wanted: the classes; None for similarity.
        like: name of the recording whose embedding is compared with; None: the item's own.
        reference: that embedding, (dim,).
        at_s: first and last second of the answers of a frame-wise network; None: all of them.
    """

    score: str
    wanted: ResolvedTarget | None = None
    like: str | None = None
    reference: Tensor | None = None
    at_s: tuple[float, float] | None = None

    def words(self, model: AudioModel) -> str | None:
        """Return the target in words; None for the similarity to the item itself."""
        if self.wanted is not None:
            return self.wanted.words(model)
        return None if self.like is None else f"like {self.like}"

    def facts(self) -> dict[str, Any]:
        """Return what besides the target is needed to ask again."""
        return ({} if self.like is None else {"like": self.like}) | ({} if self.at_s is None else {"at_s": self.at_s})

    def touches(self, start_s: float, window_s: float) -> bool:
        """Say whether any answer that is asked about lies in a window."""
        if self.at_s is None:
            return True
        first, last = self.at_s
        return first < start_s + window_s and (last > start_s or first == last >= start_s)

    def about(self, model: AudioModel, item: Features, *, start_s: float = 0.0) -> OutputScore:
        """Return the score of one window.

        Args:
            model: with the network that is asked.
            item: the window.
            start_s: where it begins in the recording, for ``at_s``.
        """
        if self.wanted is None:
            return Similarity.to_item(model, item) if self.reference is None else Similarity(model, self.reference)
        frames = None
        if self.at_s is not None and model.frames is not None:
            first_s, last_s = (each - start_s for each in self.at_s)
            window_s = item.length_samples / model.sample_rate_hz
            frames = partial(model.frames.between, first_s=first_s, last_s=last_s, window_s=window_s)
        present = SCORES[self.score](model, self.wanted.index, frames)
        if self.wanted.against is not None:
            return Difference(present, SCORES[self.score](model, self.wanted.against, frames))
        return Absence(present) if self.wanted.negative else present


def score_name(model: AudioModel, score: str | None, usual: str, asked: Sequence[Target | None]) -> str:
    """Return the score that is explained.

    Args:
        model: the model.
        score: as given.
        usual: of the method.
        asked: the targets.

    Raises:
        ParameterError: unknown score, or one that does not go with the model or the targets.
    """
    clips = [isinstance(each, Clip) for each in asked]
    if any(clips) and not all(clips):
        raise ParameterError("targets mix recordings and classes; expected one kind at a time")
    if score is not None and score not in SCORE_NAMES:
        raise unknown_name("score", score, SCORE_NAMES)
    if any(clips):
        if score not in (None, "similarity"):
            raise ParameterError(f"score {score!r} does not go with a recording as target; expected 'similarity'")
        return "similarity"
    if model.activation == "identity":
        if score == "probability":
            raise ParameterError(f"model {model.name!r} gives plain numbers (activation 'identity'), no "
                                 "probabilities; expected score 'output'")
        return score or ("output" if usual in SCORES else usual)
    return score or usual


def question_of(
    model: AudioModel, windows: Windows, target: Target | None, score: str, at_s: tuple[float, float] | None
) -> Question:
    """Find out what is asked; a missing target is the class with the highest probability, averaged over the windows.

    Raises:
        ParameterError: the target does not fit the model or the score.
    """
    if at_s is not None and (model.frames is None or score == "similarity"):
        reason = "score 'similarity' has no frames" if score == "similarity" else (
            f"model {model.name!r} gives one answer per window (frames is None)")
        raise ParameterError(f"at_s is {at_s}, but {reason}; leave it out")
    if isinstance(target, Clip):
        return Question(score, like=target.name, reference=_embedding(model, target))
    if score == "similarity":
        if target is not None:
            raise ParameterError(f"target {target!r} does not go with score 'similarity', which explains the "
                                 "embedding; expected another recording, or no target")
        return Question(score)
    if target is not None:
        return Question(score, resolve_target(model, target), at_s=at_s)
    if not model.labels:
        raise ParameterError(f"model {model.name!r} has no labels; name the target's index, or use score='similarity'")
    if model.activation == "identity":
        if len(model.labels) > 1:
            raise ParameterError(f"model {model.name!r} gives plain numbers, none of which is the predicted one; name "
                                 f"the target: {', '.join(model.labels)}")
        return Question(score, ResolvedTarget(0), at_s=at_s)
    mean = torch.stack([model.probabilities(item)[0] for item in windows]).mean(0)
    return Question(score, ResolvedTarget(int(mean.argmax())), at_s=at_s)


def _embedding(model: AudioModel, clip: Clip) -> Tensor:
    """The mean embedding of a recording's windows, (dim,)."""
    with torch.no_grad():
        return torch.stack([model.embed(item)[0] for item in model.windows(clip)]).mean(0)
