"""Saliency: the gradient of the score with respect to the features."""

from __future__ import annotations

import torch

from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import method
from earwitness.targets.scores import Score


@method(needs="gradient", one_pass=True, summary="the gradient", part="a bin",
        cost="one forward and one backward pass", source="Simonyan et al. 2014, signed")
def saliency(score: Score, features: Features) -> Evidence:
    """Explain by the signed gradient of the score.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).

    Returns:
        Evidence in score per unit of the features, e.g. logits per dB.

    Source: Simonyan et al. 2014; signed as in Pak & Teryokhina 2025. One forward and one backward pass.
    """
    values = features.values.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(features.with_values(values)).sum(), values)
    return Evidence(gradient)
