"""The absence of a class as a class of its own."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from earwitness.core.errors import unknown_name
from earwitness.models.audio_model import AudioModel
from earwitness.targets.resolved import ClassTarget


def with_negated_class(model: AudioModel, target: ClassTarget) -> AudioModel:
    """Return a model with one more class, the absence of a sigmoid class: sigmoid(-logit) is 1 - sigmoid(logit)."""
    if not target.negative:
        return model
    if target.words(model) in model.labels:
        raise unknown_name("target", target.words(model), model.labels)
    return replace(model, network=_WithNegatedOutput(model.network, target.index),
                   labels=(*model.labels, target.words(model)))


class _WithNegatedOutput(nn.Module):
    """A network with the negative of one of its outputs as its last."""

    def __init__(self, network: nn.Module, index: int) -> None:
        super().__init__()
        self.network, self.index = network, index

    def forward(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.network(features)
        return torch.cat([outputs, -outputs[:, self.index : self.index + 1]], 1)
