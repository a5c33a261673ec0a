"""Occlusion: what the score loses when one part is switched off."""

from __future__ import annotations

import torch

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence, painted
from earwitness.methods.method_spec import method
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.game import make_game
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
    components_of_items = []
    for k in range(len(features)):
        game = make_game(score, features[k : k + 1], components=components, fill=fill, generator=generator,
                         minimum=minimum)
        full_and_one_off = torch.cat([torch.ones(1, game.n, dtype=torch.bool), ~torch.eye(game.n, dtype=torch.bool)])
        scores = game(full_and_one_off, progress=progress)
        components_of_items.append(WeightedComponents(game.components, scores[0] - scores[1:]))
    return painted(components_of_items)
