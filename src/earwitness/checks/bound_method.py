"""A method with all its choices made, to be run again on other features or another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features
from earwitness.methods import Evidence, MethodSpec, spec
from earwitness.methods.registry import check_network
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.models.inference import optimise_for_inference
from earwitness.targets.objective import Question
from earwitness.targets.scores import SCORES, CountedScore, Score, Similarity


@dataclass(frozen=True)
class BoundMethod:
    """A method, its target and settings, without model and sound.

    Attributes:
        method: a name of ``METHODS``.
        score: "logit", "probability" or "similarity".
        index: class that is explained; None for similarity.
        seed: of the method's draws; the same in every run, so that only what is changed makes a difference.
        settings: of the method.
        question: what is explained, where that is more than one class or the item's own embedding; ``index`` is not
            looked at then.
    """

    method: str
    score: str
    index: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None

    def __post_init__(self) -> None:
        self.spec.check(self.settings)
        if self.score not in (*SCORES, "similarity"):
            raise unknown_name("score", self.score, (*SCORES, "similarity"))
        if self.question is None and (self.index is None) != (self.score == "similarity"):
            raise ParameterError(f"index is {self.index} for score {self.score!r}; expected a class for a logit or a "
                                 "probability, and None for similarity")

    @property
    def spec(self) -> MethodSpec:
        """What the method says of itself."""
        return spec(self.method)

    def score_of(self, model: AudioModel, features: Features) -> Score:
        """Return what is explained, see ``question``; a similarity is that to the given features' own embedding."""
        if self.question is not None:
            return self.question.about(model, features)
        return Similarity.to_item(model, features) if self.index is None else SCORES[self.score](model, self.index)

    def __call__(self, model: AudioModel, features: Features) -> Tensor:
        """Return the explanation (freq, time) of one item of features; the model is left as it was found."""
        return self.run(model, features).values[0].detach()

    def run(self, model: AudioModel, features: Features) -> Evidence:
        """Return all that the method found of one item of features, asking a prepared network as ``explain`` does."""
        method, extra = self.spec.function, dict[str, Any]()
        check_network(self.spec, model.network)
        if "generator" in self.spec.parameters:
            extra["generator"] = torch.Generator().manual_seed(self.seed)
        with eval_mode(model.network):
            if not self.spec.takes_copy:
                return method(self.score_of(model, features), features, **self.settings, **extra)
            return method(self.fast_score(model, features), features, **self.settings, **extra)

    def fast_score(self, model: AudioModel, features: Features) -> CountedScore:
        """Return what is explained, asked of a prepared copy of the network in batches that suit it."""
        ready = optimise_for_inference(model.network, model.front_end.network_input(features[:1]))
        return CountedScore(self.score_of(replace(model, network=ready.network), features), batch=ready.batch)
