"""A method bound to its target and settings, to be run again on other features or another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import unknown_name
from earwitness.core.types import Features
from earwitness.methods import Evidence, MethodSpec, spec
from earwitness.methods.registry import check_network
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.models.inference import optimise_for_inference
from earwitness.targets.counted_score import CountedScore
from earwitness.targets.resolved import SCORE_NAMES, ResolvedTarget


@dataclass(frozen=True)
class BoundMethod:
    """A method with its target and settings, without model and sound.

    Attributes:
        method: a name of ``METHODS``.
        target: what is explained, see ``earwitness.targets``.
        seed: of the method's draws; the same in every run, so that only what is changed makes a difference.
        settings: of the method.
    """

    method: str
    target: ResolvedTarget
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spec.check(self.settings)
        if self.target.score not in SCORE_NAMES:
            raise unknown_name("score", self.target.score, SCORE_NAMES)

    @property
    def spec(self) -> MethodSpec:
        """What the method says of itself."""
        return spec(self.method)

    def __call__(self, model: AudioModel, features: Features) -> Tensor:
        """Return the explanation (freq, time) of one item of features; the model is left as it was found."""
        return self.run(model, features).values[0].detach()

    def run(self, model: AudioModel, features: Features) -> Evidence:
        """Return all evidence of one item of features, from an optimised network where ``explain`` uses one."""
        method, extra = self.spec.function, dict[str, Any]()
        check_network(self.spec, model.network)
        if "generator" in self.spec.parameters:
            extra["generator"] = torch.Generator().manual_seed(self.seed)
        with eval_mode(model.network):
            if not self.spec.takes_copy:
                return method(self.target.score_for(model, features), features, **self.settings, **extra)
            return method(self.fast_score(model, features), features, **self.settings, **extra)

    def fast_score(self, model: AudioModel, features: Features) -> CountedScore:
        """Return what is explained, from an optimised copy of the network in batches that suit it."""
        optimised = optimise_for_inference(model.network, model.front_end.network_input(features[:1]))
        score = self.target.score_for(replace(model, network=optimised.network), features)
        return CountedScore(score, batch=optimised.batch)
