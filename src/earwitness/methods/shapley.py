"""KernelSHAP: Shapley values of components."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence, painted
from earwitness.methods.method_spec import DRAWS, PENALTY, method
from earwitness.perturb import coalitions, estimators
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.game import CoalitionValues, make_game, play
from earwitness.perturb.registry import ComponentsLike
from earwitness.targets.scores import Score


@method(complete=True, ranges={"n_samples": DRAWS, "tolerance": PENALTY}, summary="what each part adds",
        part="a stretch, a band", cost="all 2ⁿ coalitions of n ≤ 14 parts, or 2,048", chance="no, for n ≤ 14",
        source="Lundberg & Lee 2017")
def kernel_shap(
    score: Score, features: Features, *, generator: torch.Generator, components: ComponentsLike = "temporal",
    fill: str = "silence", n_samples: int | None = None, minimum: float | None = None,
    tolerance: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by Shapley values of components: what each adds, averaged over all orders of adding them.

    Args:
        score: what is explained; a class logit by default.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: a name of ``perturb.registry.COMPONENTS``, components, or stems by name.
        fill: a name of ``perturb.fills.FILLS``.
        n_samples: paired coalitions drawn, the most where a tolerance is given; None computes exact values where
            n <= 14 and draws 2,048 otherwise.
        minimum: smallest value of the data set, for the fill "min_data".
        tolerance: stop as soon as the largest standard error of a weight is not above this.
        progress: called with the share done.

    Returns:
        Evidence with components; the weights add up to the full score minus the score of the fill alone. The facts
        ``n_samples_used`` and ``standard_error`` (of the least certain weight), one number per item.

    Source: Lundberg & Lee 2017; Covert & Lee 2021 (pairs). Differs: exact for few components.
    """
    components_of_items, played = [], []
    for k in range(len(features)):
        game = make_game(score, features[k : k + 1], components=components, fill=fill, generator=generator,
                         minimum=minimum)
        values = play(game, _draws(game.n, n_samples, generator), progress=progress,
                      enough=None if tolerance is None else lambda so_far: _error(so_far) <= tolerance)
        components_of_items.append(_shapley_values(values))
        played.append(values)
    return painted(components_of_items, facts={"n_samples_used": [len(values.index) for values in played],
                                               "standard_error": [_error(values) for values in played],
                                               "route": [values.route for values in played]})


def _draws(n: int, n_samples: int | None, generator: torch.Generator) -> Tensor:
    if n_samples is None and n <= coalitions.MOST_EXHAUSTIVE:
        return coalitions.every(n)
    ends = torch.tensor([[False], [True]]).expand(2, n)
    return torch.cat([ends, coalitions.shapley_kernel(n_samples or 2048, n, generator=generator)])


def _shapley_values(values: CoalitionValues) -> WeightedComponents:
    n = values.coalitions.shape[1]
    empty, full = _ends(values)
    if values.is_exhaustive:
        in_order = values.scores[coalitions.codes(values.coalitions).argsort()]
        return WeightedComponents(values.components, estimators.exact_shapley(in_order, n), empty)
    rows, scores = _pairs(values)
    weights = estimators.kernel_shapley(rows, scores, empty=empty, full=full, weights=torch.ones(len(rows)))
    return WeightedComponents(values.components, weights, empty)


def _error(values: CoalitionValues) -> float:
    """Largest standard error of a value."""
    if values.is_exhaustive:
        return 0.0
    empty, full = _ends(values)
    rows, scores = _pairs(values)
    return float(estimators.jackknife_error(
        lambda kept: estimators.kernel_shapley(rows[kept], scores[kept], empty=empty, full=full,
                                               weights=torch.ones(int(kept.sum()))), len(rows), block=2).max())


def _pairs(values: CoalitionValues) -> tuple[Tensor, Tensor]:
    """Draws and scores without the empty and the full coalition, which come first; the others come in pairs."""
    draws = values.index[2:]
    return values.coalitions[draws], values.scores[draws]


def _ends(values: CoalitionValues) -> tuple[float, float]:
    """Scores of the empty and of the full coalition."""
    sizes = values.coalitions.sum(1)
    return float(values.scores[sizes == 0][0]), float(values.scores[sizes == values.coalitions.shape[1]][0])
