"""KernelSHAP: Shapley values of components."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence, Progress, stacked
from earwitness.methods.method_spec import DRAWS, PENALTY, method
from earwitness.perturb import coalitions, estimators
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.game import Answers, ask_about_parts
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
    found, used = [], []
    for k in range(len(features)):
        answers = ask_about_parts(
            score, features[k : k + 1], components=components, fill=fill, generator=generator, minimum=minimum,
            draw=lambda n: _rows(n, n_samples, generator), progress=progress,
            enough=None if tolerance is None else lambda some: _error(some) <= tolerance)
        found.append(_values(answers))
        used.append(answers)
    return stacked(found, facts={"n_samples_used": [len(each.index) for each in used],
                                 "standard_error": [_error(each) for each in used]})


def _rows(n: int, n_samples: int | None, generator: torch.Generator) -> Tensor:
    if n_samples is None and n <= coalitions.MOST_EXHAUSTIVE:
        return coalitions.every(n)
    ends = torch.tensor([[False], [True]]).expand(2, n)
    return torch.cat([ends, coalitions.shapley_kernel(n_samples or 2048, n, generator=generator)])


def _values(answers: Answers) -> WeightedComponents:
    n = answers.rows.shape[1]
    empty, full = _ends(answers)
    if answers.is_exhaustive:
        numbers = (answers.rows.long() << torch.arange(n)).sum(1)
        return WeightedComponents(answers.parts, estimators.exact_shapley(answers.scores[numbers.argsort()], n), empty)
    rows, scores = answers.rows[answers.index[2:]], answers.scores[answers.index[2:]]
    weights = estimators.kernel_shapley(rows, scores, empty=empty, full=full, weights=torch.ones(len(rows)))
    return WeightedComponents(answers.parts, weights, empty)


def _error(answers: Answers) -> float:
    """Largest standard error of a value; draws come in pairs after the empty and the full coalition."""
    if answers.is_exhaustive:
        return 0.0
    empty, full = _ends(answers)
    rows, scores = answers.rows[answers.index[2:]], answers.scores[answers.index[2:]]
    return float(estimators.jackknife_error(
        lambda kept: estimators.kernel_shapley(rows[kept], scores[kept], empty=empty, full=full,
                                             weights=torch.ones(int(kept.sum()))), len(rows), block=2).max())


def _ends(answers: Answers) -> tuple[float, float]:
    """Scores of the empty and of the full coalition."""
    sizes = answers.rows.sum(1)
    return float(answers.scores[sizes == 0][0]), float(answers.scores[sizes == answers.rows.shape[1]][0])
