"""Occlusion: what the score loses when one part is switched off."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence, Progress, stacked
from earwitness.methods.method_spec import method
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.game import ask_about_parts
from earwitness.perturb.registry import ComponentsLike
from earwitness.targets.scores import Score


@method(score="probability", series=True, summary="what is lost without a part", part="a cell of a grid",
        cost="one forward pass per part", source="Zeiler & Fergus 2014")
def occlusion(
    score: Score, features: Features, *, generator: torch.Generator, components: ComponentsLike = "grid",
    fill: str = "silence", minimum: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by the drop of the score when one component is replaced by the fill.

    Args:
        score: what is explained.
        features: values (batch, freq, time).
        generator: source of randomness of a random fill.
        components: a name of ``perturb.registry.COMPONENTS``, components, or stems by name.
        fill: a name of ``perturb.fills.FILLS``.
        minimum: smallest value of the data set, for the fill "min_data".
        progress: called with the share done.

    Returns:
        Evidence with components; n + 1 forward passes.

    Source: Zeiler & Fergus 2014. Differs: parts of any shape instead of a sliding square.
    """
    found = []
    for k in range(len(features)):
        answers = ask_about_parts(score, features[k : k + 1], components=components, fill=fill, generator=generator,
                                  minimum=minimum, draw=_one_off, progress=progress)
        sizes, n = answers.rows.sum(1), answers.rows.shape[1]
        full = answers.scores[sizes == n]
        off = (~answers.rows[sizes == n - 1]).long().argmax(1)
        weights = (full - answers.scores[sizes == n - 1])[off.argsort()]
        found.append(WeightedComponents(answers.parts, weights))
    return stacked(found)


def _one_off(n: int) -> Tensor:
    return torch.cat([torch.ones(1, n, dtype=torch.bool), ~torch.eye(n, dtype=torch.bool)])
