"""SmoothGrad: the mean gradient over noisy copies of the features."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence
from earwitness.methods.mean_gradient import mean_gradient
from earwitness.methods.method_spec import DRAWS, method
from earwitness.targets.scores import Score


@method(needs="gradient", ranges={"n_samples": DRAWS, "noise_share": (0.0, 100.0)},
        summary="gradients of noisy copies", part="a bin", cost="32 forward and backward passes", chance="yes",
        source="Smilkov et al. 2017, signed")
def smoothgrad(
    score: Score, features: Features, *, generator: torch.Generator, n_samples: int = 32, noise_share: float = 0.05,
    progress: Progress | None = None,
) -> Evidence:
    """Explain by the mean gradient over noisy copies of the features.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        generator: source of randomness, on the CPU.
        n_samples: noisy copies.
        noise_share: standard deviation of the noise over the range of the values.
        progress: called with the share done.

    Source: Smilkov et al. 2017. Differs: signed.
    """
    values = []
    for k in range(len(features)):
        item = features[k : k + 1]
        spread = noise_share * (item.values.max() - item.values.min())
        seeds = torch.randint(2**62, (n_samples,), generator=generator).tolist()

        def inputs(
            first: int, last: int, x: Tensor = item.values, spread: Tensor = spread, seeds: list[int] = seeds
        ) -> Tensor:
            noise = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(seed))
                     for seed in seeds[first:last]]
            return x + spread * torch.stack(noise).to(x)

        weights = torch.full((n_samples,), 1 / n_samples, dtype=torch.float64)
        values.append(mean_gradient(score, item.with_values, inputs, weights, progress).to(item.values))
    return Evidence(torch.stack(values))
