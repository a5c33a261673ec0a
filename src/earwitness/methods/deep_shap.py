"""DeepSHAP: DeepLIFT's rescale rule, averaged over backgrounds."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import method
from earwitness.methods.rescale import check_linear_between, rescaled
from earwitness.targets.scores import Score

BATCH = 3
DeepShapVariant = Literal["correct", "pak2025"]


@method(needs="layers", complete=True, summary="contributions against backgrounds", part="a bin",
        cost="one forward and one backward pass per background",
        source="Shrikumar et al. 2017, Lundberg & Lee 2017; completeness gap reported")
def deep_shap(
    score: Score, features: Features, *, backgrounds: Tensor | None = None, variant: DeepShapVariant = "correct",
    progress: Progress | None = None,
) -> Evidence:
    """Explain by DeepLIFT contributions against backgrounds, averaged.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        backgrounds: values to compare with, (k, freq, time), such as the first clips of each class; None compares
            with silence. On the plane of a waveform they have the features' phase.
        variant: "pak2025" is what the published code computes: the mean over backgrounds b of ∇score(b)·(x - b).
        progress: called with the share done.

    Returns:
        Evidence that adds up to score(x) minus the mean score of the backgrounds; the fact ``completeness_gap`` is
        what is missing, relative to that difference, one number per item.

    Raises:
        ParameterError: backgrounds of another shape, or a nonlinearity that is not a module of its own.

    Source: Shrikumar et al. 2017, rescale rule; Lundberg & Lee 2017. Differs: max pooling shares its difference out
    over the places of both maxima, so that nothing is lost; backgrounds pass through a batch at a time, and the
    features pass only once.
    """
    if variant not in ("correct", "pak2025"):
        raise unknown_name("variant", variant, ("correct", "pak2025"))
    if backgrounds is None:
        backgrounds = score.model.front_end.silent(features.values).expand_as(features.values[:1])
    if backgrounds.ndim != 3 or backgrounds.shape[1:] != features.values.shape[1:] or not len(backgrounds):
        raise ParameterError(f"backgrounds has shape {tuple(backgrounds.shape)} but features "
                             f"{tuple(features.values.shape)}; last two axes must match")
    values, gaps = [], []
    for k in range(len(features)):
        attribution, gap = _explain_item(score, features[k : k + 1], backgrounds.to(features.values), variant, progress)
        values.append(attribution)
        gaps.append(gap)
    return Evidence(torch.stack(values), facts={"completeness_gap": gaps})


def _explain_item(
    score: Score, item: Features, backgrounds: Tensor, variant: DeepShapVariant, progress: Progress | None
) -> tuple[Tensor, float]:
    total = torch.zeros(item.values.shape[1:], dtype=torch.float64)
    background_scores = []
    front_end = score.model.front_end
    end = front_end.to_linear_space(item, item.values)
    with rescaled(score.model.network, enabled=variant == "correct") as rules:
        with torch.no_grad():
            own_score = float(score(item)[0])
        rules.watching = False
        for first in range(0, len(backgrounds), BATCH):
            start = front_end.to_linear_space(item, backgrounds[first : first + BATCH]).detach().requires_grad_()
            scores = score(front_end.from_linear_space(item, start))
            if variant == "correct" and first == 0:
                check_linear_between(scores)
            (slope,) = torch.autograd.grad(scores.sum(), start)
            total += (slope * (end - start.detach())).cpu().double().sum(0)
            background_scores.append(scores.detach().cpu().double())
            if progress is not None:
                progress(min(1.0, (first + BATCH) / len(backgrounds)))
    contribution = total / len(backgrounds)
    difference = own_score - float(torch.cat(background_scores).mean())
    gap = (float(contribution.sum()) - difference) / max(abs(difference), 1e-12)
    return contribution.to(item.values), gap
