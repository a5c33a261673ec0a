"""KernelSHAP: Shapley values of components."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.methods.evidence import Evidence, Progress, stacked
from earwitness.methods.parts import Answers, ask_about_parts
from earwitness.perturb import coalitions, estimate
from earwitness.perturb.kinds import Choice
from earwitness.perturb.weighted import WeightedComponents
from earwitness.scores import Score
from earwitness.types import Features


def kernel_shap(
    score: Score, features: Features, *, generator: torch.Generator, components: Choice = "temporal",
    fill: str = "silence", n_samples: int | None = None, minimum: float | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Explain by Shapley values of components: what each adds, averaged over all orders of adding them.

    Args:
        score: what is explained; a class logit by default.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: a name of ``perturb.kinds.KINDS``, components, or stems by name.
        fill: a name of ``perturb.fill.FILLS``.
        n_samples: paired coalitions drawn; None computes exact values where n <= 14 and draws 2,048 otherwise.
        minimum: smallest value of the data set, for the fill "min_data".
        progress: called with the share done.

    Returns:
        Evidence with components; the weights add up to the full score minus the score of the fill alone.

    Source: Lundberg & Lee 2017; Covert & Lee 2021 (pairs). Differs: exact for few components.
    """
    found = []
    for k in range(len(features)):
        answers = ask_about_parts(
            score, features[k : k + 1], components=components, fill=fill, generator=generator, minimum=minimum,
            draw=lambda n: _rows(n, n_samples, generator), progress=progress)
        found.append(_values(answers))
    return stacked(found)


def _rows(n: int, n_samples: int | None, generator: torch.Generator) -> Tensor:
    if n_samples is None and n <= coalitions.MOST_EXHAUSTIVE:
        return coalitions.every(n)
    ends = torch.tensor([[False], [True]]).expand(2, n)
    return torch.cat([ends, coalitions.shapley_kernel(n_samples or 2048, n, generator=generator)])


def _values(answers: Answers) -> WeightedComponents:
    sizes, n = answers.rows.sum(1), answers.rows.shape[1]
    empty, full = (float(answers.scores[sizes == size][0]) for size in (0, n))
    if len(answers.rows) == 2**n and bool((answers.counts == 1).all()):
        numbers = (answers.rows.long() << torch.arange(n)).sum(1)
        return WeightedComponents(answers.parts, estimate.exact_shapley(answers.scores[numbers.argsort()], n), empty)
    inner = (sizes > 0) & (sizes < n)
    weights = estimate.kernel_shapley(answers.rows[inner], answers.scores[inner], empty=empty, full=full,
                                      weights=answers.counts[inner])
    return WeightedComponents(answers.parts, weights, empty)
