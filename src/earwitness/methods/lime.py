"""LIME, SoundLIME and audioLIME: a weighted linear surrogate over components."""

from __future__ import annotations

import torch

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence, painted
from earwitness.methods.lime_surrogate import CoalitionSampling, LimeSurrogate
from earwitness.methods.method_spec import DRAWS, PENALTY, method
from earwitness.perturb import coalitions
from earwitness.perturb.estimators import Distance
from earwitness.perturb.game import CoalitionValues, make_game, play
from earwitness.perturb.registry import ComponentsLike
from earwitness.targets.scores import Score

RANGES = {"n_samples": DRAWS, "kernel_width": (1e-6, 1e6), "alpha": PENALTY, "tolerance": PENALTY}


@method(score="probability", series=True, ranges=RANGES, summary="which superpixels", part="a superpixel",
        cost="1,000 forward passes, or until sure", chance="yes, with standard error",
        source="Ribeiro et al. 2016, on superpixels; balanced sampling")
def lime(
    score: Score, features: Features, *, generator: torch.Generator, components: ComponentsLike = "superpixels",
    fill: str = "segment_mean", n_samples: int = 1000, distance: Distance = "cosine", kernel_width: float = 0.25,
    alpha: float = 1.0, minimum: float | None = None, sampling: CoalitionSampling = "balanced",
    tolerance: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain by a ridge regression of the score on components that are switched at random.

    Args:
        score: what is explained; a class probability as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: a name of ``perturb.registry.COMPONENTS``, components, or stems by name.
        fill: a name of ``perturb.fills.FILLS``.
        n_samples: coalitions drawn with each component on by chance ½, the most where a tolerance is given; equal
            ones are scored once.
        distance: of a coalition from the full one, "cosine" or "l2".
        kernel_width: of the exponential kernel.
        alpha: ridge penalty.
        minimum: smallest value of the data set, for the fill "min_data".
        sampling: "independent" coalitions as published; "balanced" ones with a stand-in for the model as control
            variate, which need about half of the samples for the same weights.
        tolerance: stop as soon as the largest standard error of a weight is not above this.
        progress: called with the share done.

    Returns:
        Evidence with components and weights; the facts ``n_samples_used`` and ``standard_error`` (of the least
        certain weight; 0 where nothing was left to chance), one number per item.

    Source: Ribeiro et al. 2016; Pak & Teryokhina 2025 for the settings. Differs: balanced sampling.
    """
    return slime(score, features, generator=generator, components=components, fill=fill, n_samples=n_samples,
                 distance=distance, kernel_width=kernel_width, alpha=alpha, minimum=minimum, sampling=sampling,
                 tolerance=tolerance, progress=progress)


@method(score="probability", series=True, ranges=RANGES, summary="which stretch or band", part="a stretch, a band",
        cost="all 2ⁿ coalitions of n ≤ 14 segments", chance="no, for n ≤ 14",
        source="Mishra et al. 2017, on temporal, spectral or time-frequency segments")
def slime(
    score: Score, features: Features, *, generator: torch.Generator, components: ComponentsLike = "temporal",
    fill: str = "silence", n_samples: int | None = None, distance: Distance = "cosine", kernel_width: float = 0.25,
    alpha: float = 1.0, minimum: float | None = None, sampling: CoalitionSampling = "balanced",
    tolerance: float | None = None, progress: Progress | None = None,
) -> Evidence:
    """Explain as LIME does, over temporal, spectral or time-frequency segments.

    Args:
        score: what is explained; a class probability as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        components: "temporal", "spectral", "grid", or any other.
        fill: a name of ``perturb.fills.FILLS``.
        n_samples: coalitions drawn; None takes all 2ⁿ once where n <= 14, which leaves nothing to chance, and
            1,000 otherwise.
        distance: of a coalition from the full one, "cosine" (2017) or "l2" (2020).
        kernel_width: of the exponential kernel.
        alpha: ridge penalty.
        minimum: smallest value of the data set, for the fill "min_data".
        sampling: "independent" coalitions as published; "balanced" ones with a stand-in for the model as control
            variate, which need about half of the samples for the same weights.
        tolerance: stop as soon as the largest standard error of a weight is not above this.
        progress: called with the share done.

    Returns:
        Evidence with components and weights; the facts ``n_samples_used`` and ``standard_error`` (of the least
        certain weight; 0 where nothing was left to chance), one number per item.

    Source: Mishra et al. 2017; Mishra et al. 2020. Differs: exhaustive by default.
    """
    surrogate, fits = LimeSurrogate(distance, kernel_width, alpha), []
    for k in range(len(features)):
        game = make_game(score, features[k : k + 1], components=components, fill=fill, generator=generator,
                         minimum=minimum)

        def enough(values: CoalitionValues) -> bool:
            return tolerance is not None and surrogate.fit(values, sampling).error <= tolerance

        values = play(game, _every_or_some(game.n, n_samples, sampling, generator), progress=progress,
                      enough=None if tolerance is None else enough)
        fits.append(surrogate.fit(values, sampling))
    return painted([fit.components for fit in fits], facts={
        "n_samples_used": [fit.n_samples for fit in fits], "standard_error": [fit.error for fit in fits],
        "route": [fit.route for fit in fits]})


@method(score="probability", ranges=RANGES, summary="which layer or stem", part="a layer",
        cost="all 2ⁿ coalitions of n ≤ 14 sources", chance="no, for n ≤ 14",
        source="Haunschmid et al. 2020, on sources")
def audio_lime(
    score: Score, features: Features, *, generator: torch.Generator, components: ComponentsLike = "hpss",
    n_samples: int | None = None, kernel_width: float = 0.25, alpha: float = 1.0,
    sampling: CoalitionSampling = "balanced",
    tolerance: float | None = None, progress: Progress | None = None,
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
        sampling: see ``lime``.
        tolerance: see ``lime``.
        progress: called with the share done.

    Returns:
        Evidence with components and weights; a bin gets the mean weight of the sources in it, by power.

    Source: Haunschmid, Manilow & Widmer 2020. Differs: sources need no separator model.
    """
    return slime(score, features, generator=generator, components=components, n_samples=n_samples,
                 kernel_width=kernel_width, alpha=alpha, sampling=sampling, tolerance=tolerance, progress=progress)


def _every_or_some(
    n: int, n_samples: int | None, sampling: CoalitionSampling, generator: torch.Generator
) -> torch.Tensor:
    if n_samples is None and n <= coalitions.MOST_EXHAUSTIVE:
        return coalitions.every(n)
    if sampling == "independent":
        return coalitions.bernoulli(n_samples or 1000, n, generator=generator)
    rows = coalitions.balanced((n_samples or 1000) - 1, n, generator=generator)
    return torch.cat([torch.ones(1, n, dtype=torch.bool), rows])
