"""The linear surrogate of LIME: fitted to coalitions, with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness.perturb import coalitions, estimators
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.control_variate import GaussianProcess, fit_gaussian_processes
from earwitness.perturb.estimators import Distance
from earwitness.perturb.game import CoalitionValues

CoalitionSampling = Literal["balanced", "independent"]
VIRTUAL_ROWS = 4096  # coalitions that only the control variate is asked about
VIRTUAL_SEED = 0  # they are the same for every sound


@dataclass(frozen=True, eq=False)
class SurrogateFit:
    """Components with their weights.

    Attributes:
        components: with their weights.
        error: largest standard error of a weight; 0 where every coalition was scored.
        n_samples: draws that were used.
        route: how their coalitions were scored, in words.
    """

    components: WeightedComponents
    error: float
    n_samples: int
    route: str = ""


@dataclass(frozen=True)
class LimeSurrogate:
    """A ridge regression of scores on coalitions, weighted by their closeness to the full one.

    Attributes:
        distance: "cosine" or "l2" distance from the full coalition.
        kernel_width: of the exponential kernel.
        alpha: ridge penalty.
    """

    distance: Distance
    kernel_width: float
    alpha: float

    def fit(self, values: CoalitionValues, sampling: CoalitionSampling) -> SurrogateFit:
        """Fit scores; with balanced coalitions what the control variate explains is not left to chance."""
        coefficients, intercept = self._ridge(values.coalitions, values.scores, values.counts)
        r2 = self._r2(values, coefficients, intercept)
        draws, scores = values.coalitions[values.index], values.scores[values.index]
        n, error = draws.shape[1], 0.0
        block = coalitions.balanced_block(n)
        if not values.is_exhaustive:
            # the first draw is the full coalition, which belongs to no block of balanced ones
            processes = (fit_gaussian_processes(draws[1:], scores[1:], block=block)
                         if sampling == "balanced" and n > 1 else [])
            if processes:
                draws, scores = draws[1:], torch.cat([process.residuals for process in processes])
                coefficients, intercept = self._controlled(draws, scores, processes)
            error = self._error(draws, scores, block if sampling == "balanced" else 1)
        weighted = WeightedComponents(values.components, coefficients, float(intercept), r2)
        return SurrogateFit(weighted, error, len(values.index), values.route)

    def _controlled(
        self, draws: Tensor, residuals: Tensor, processes: Sequence[GaussianProcess]
    ) -> tuple[Tensor, Tensor]:
        """Coefficients and intercept with the Gaussian processes as control variate.

        Ridge regression is linear in the scores, so the fit to score = prediction + residual is the sum of two fits:
        that of the prediction over very many coalitions, which cost no pass and so carry no sampling error to speak
        of, and that of the residuals on the coalitions that were drawn. Only the second is left to chance. The share
        keeps the weight of both fits against the penalty the same.
        """
        generator = torch.Generator().manual_seed(VIRTUAL_SEED)
        virtual = coalitions.balanced(VIRTUAL_ROWS, draws.shape[1], generator=generator)
        prediction = sum(process.predict(virtual) * (len(process.residuals) / len(draws)) for process in processes)
        share = torch.full((VIRTUAL_ROWS,), len(draws) / VIRTUAL_ROWS)
        predicted, predicted_intercept = self._ridge(virtual, torch.as_tensor(prediction), share)
        residual, residual_intercept = self._ridge(draws, residuals, torch.ones(len(draws)))
        return predicted + residual, predicted_intercept + residual_intercept

    def _ridge(self, rows: Tensor, scores: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        return estimators.weighted_ridge(rows, scores, self._closeness(rows) * counts, alpha=self.alpha)

    def _closeness(self, rows: Tensor) -> Tensor:
        return estimators.lime_weights(rows, distance=self.distance, kernel_width=self.kernel_width)

    def _error(self, rows: Tensor, scores: Tensor, block: int) -> float:
        closeness = self._closeness(rows)
        return float(estimators.jackknife_error(
            lambda kept: estimators.weighted_ridge(rows[kept], scores[kept], closeness[kept], alpha=self.alpha)[0],
            len(rows), block=block).max())

    def _r2(self, values: CoalitionValues, coefficients: Tensor, intercept: Tensor) -> float:
        weights = self._closeness(values.coalitions) * values.counts
        rest = values.scores - intercept - values.coalitions.double() @ coefficients
        spread = values.scores - (weights @ values.scores) / weights.sum()
        return 1 - float(weights @ rest**2) / max(float(weights @ spread**2), 1e-300)
