"""LIME, SoundLIME and audioLIME: a weighted linear surrogate over components."""

from __future__ import annotations

import torch

from earwitness.methods.evidence import Evidence, Progress, stacked
from earwitness.methods.parts import Answers, ask_about_parts
from earwitness.perturb import coalitions, estimate
from earwitness.perturb.estimate import Distance
from earwitness.perturb.kinds import Choice
from earwitness.perturb.weighted import WeightedComponents
from earwitness.scores import Score
from earwitness.types import Features


def lime(
    score: Score, features: Features, *, generator: torch.Generator, components: Choice = "superpixels",
    fill: str = "segment_mean", n_samples: int = 1000, distance: Distance = "cosine", kernel_width: float = 0.25,
    alpha: float = 1.0, minimum: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by a ridge regression of the score on components that are switched at random.

    Args:
        score: what is explained; a class probability as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: a name of ``perturb.kinds.KINDS``, components, or stems by name.
        fill: a name of ``perturb.fill.FILLS``.
        n_samples: coalitions drawn with each component on by chance ½; equal ones are scored once.
        distance: of a coalition from the full one, "cosine" or "l2".
        kernel_width: of the exponential kernel.
        alpha: ridge penalty.
        minimum: smallest value of the data set, for the fill "min_data".
        progress: called with the share done.

    Returns:
        Evidence with components and weights.

    Source: Ribeiro et al. 2016; Pak & Teryokhina 2025 for the settings.
    """
    return slime(score, features, generator=generator, components=components, fill=fill, n_samples=n_samples,
                 distance=distance, kernel_width=kernel_width, alpha=alpha, minimum=minimum, progress=progress)


def slime(
    score: Score, features: Features, *, generator: torch.Generator, components: Choice = "temporal",
    fill: str = "silence", n_samples: int | None = None, distance: Distance = "cosine", kernel_width: float = 0.25,
    alpha: float = 1.0, minimum: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain as LIME does, over temporal, spectral or time-frequency segments.

    Args:
        score: what is explained; a class probability as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: "temporal", "spectral", "grid", or any other.
        fill: a name of ``perturb.fill.FILLS``.
        n_samples: coalitions drawn; None takes all 2ⁿ once where n <= 14, which leaves nothing to chance, and
            1,000 otherwise.
        distance: of a coalition from the full one, "cosine" (2017) or "l2" (2020).
        kernel_width: of the exponential kernel.
        alpha: ridge penalty.
        minimum: smallest value of the data set, for the fill "min_data".
        progress: called with the share done.

    Returns:
        Evidence with components and weights.

    Source: Mishra et al. 2017; Mishra et al. 2020. Differs: exhaustive by default.
    """
    found = []
    for k in range(len(features)):
        answers = ask_about_parts(
            score, features[k : k + 1], components=components, fill=fill, generator=generator, minimum=minimum,
            draw=lambda n: _every_or_some(n, n_samples, generator), progress=progress)
        found.append(_surrogate(answers, distance, kernel_width, alpha))
    return stacked(found)


def audio_lime(
    score: Score, features: Features, *, generator: torch.Generator, components: Choice = "hpss",
    n_samples: int | None = None, kernel_width: float = 0.25, alpha: float = 1.0, progress: Progress | None = None,
) -> Evidence:
    """Explain as LIME does, over sources that add up to the sound: what is off is absent.

    Args:
        score: what is explained; a class probability as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: "hpss", "nmf", or stems by name.
        n_samples: coalitions drawn; None takes all 2ⁿ once where n <= 14, and 1,000 otherwise.
        kernel_width: of the exponential kernel on cosine distances.
        alpha: ridge penalty.
        progress: called with the share done.

    Returns:
        Evidence with components and weights; a bin gets the mean weight of the sources in it, by power.

    Source: Haunschmid, Manilow & Widmer 2020. Differs: sources need no separator model.
    """
    return slime(score, features, generator=generator, components=components, n_samples=n_samples,
                 kernel_width=kernel_width, alpha=alpha, progress=progress)


def _every_or_some(n: int, n_samples: int | None, generator: torch.Generator) -> torch.Tensor:
    if n_samples is None and n <= coalitions.MOST_EXHAUSTIVE:
        return coalitions.every(n)
    return coalitions.bernoulli(n_samples or 1000, n, generator=generator)


def _surrogate(answers: Answers, distance: Distance, kernel_width: float, alpha: float) -> WeightedComponents:
    closeness = estimate.lime_weights(answers.rows, distance=distance, kernel_width=kernel_width)
    weights = closeness * answers.counts
    coefficients, intercept = estimate.weighted_ridge(answers.rows, answers.scores, weights, alpha=alpha)
    rest = answers.scores - intercept - answers.rows.double() @ coefficients
    spread = answers.scores - (weights @ answers.scores) / weights.sum()
    r2 = 1 - float(weights @ rest**2) / max(float(weights @ spread**2), 1e-300)
    return WeightedComponents(answers.parts, coefficients, float(intercept), r2)
