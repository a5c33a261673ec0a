"""The linear surrogate of LIME: fitted to coalitions, with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness.perturb import coalitions, estimators
from earwitness.perturb.components import WeightedComponents
from earwitness.perturb.control_variate import fit_gaussian_processes
from earwitness.perturb.estimators import Distance
from earwitness.perturb.game import Answers

CoalitionSampling = Literal["balanced", "independent"]
VIRTUAL_ROWS = 4096  # coalitions that only the stand-in is asked about
VIRTUAL_SEED = 0  # they are the same for every sound


@dataclass(frozen=True, eq=False)
class SurrogateFit:
    """Components with their weights.

    Attributes:
        parts: components and weights.
        error: largest standard error of a weight; 0 where every coalition was scored.
        n_samples: draws that were used.
    """

    parts: WeightedComponents
    error: float
    n_samples: int


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

    def fit(self, answers: Answers, sampling: CoalitionSampling) -> SurrogateFit:
        """Fit answers; with balanced coalitions the stand-in's part of the weights is not left to chance."""
        plain = self._weights(answers.rows, answers.scores, answers.counts)
        coefficients, intercept = plain
        rows, scores, error = answers.rows[answers.index], answers.scores[answers.index], 0.0
        n, block = rows.shape[1], coalitions.balanced_block(rows.shape[1])
        if not answers.is_exhaustive:
            learnt = []
            if sampling == "balanced" and n > 1:
                learnt = fit_gaussian_processes(rows[1:], scores[1:], block=block)
            if learnt:
                rows, scores = rows[1:], torch.cat([each.residuals for each in learnt])
                virtual = coalitions.balanced(VIRTUAL_ROWS, n, generator=torch.Generator().manual_seed(VIRTUAL_SEED))
                expected = sum(each.predict(virtual) * (len(each.residuals) / len(rows)) for each in learnt)
                share = torch.full((VIRTUAL_ROWS,), len(rows) / VIRTUAL_ROWS)
                known, offset = self._weights(virtual, torch.as_tensor(expected), share)
                missed, rest = self._weights(rows, scores, torch.ones(len(rows)))
                coefficients, intercept = known + missed, offset + rest
            error = self._error(rows, scores, block if sampling == "balanced" else 1)
        found = WeightedComponents(answers.parts, coefficients, float(intercept), self._r2(answers, *plain))
        return SurrogateFit(found, error, len(answers.index))

    def _weights(self, rows: Tensor, scores: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        return estimators.weighted_ridge(rows, scores, self._closeness(rows) * counts, alpha=self.alpha)

    def _closeness(self, rows: Tensor) -> Tensor:
        return estimators.lime_weights(rows, distance=self.distance, kernel_width=self.kernel_width)

    def _error(self, rows: Tensor, scores: Tensor, block: int) -> float:
        closeness = self._closeness(rows)
        return float(estimators.jackknife_error(
            lambda kept: estimators.weighted_ridge(rows[kept], scores[kept], closeness[kept], alpha=self.alpha)[0],
            len(rows), block=block).max())

    def _r2(self, answers: Answers, coefficients: Tensor, intercept: Tensor) -> float:
        weights = self._closeness(answers.rows) * answers.counts
        rest = answers.scores - intercept - answers.rows.double() @ coefficients
        spread = answers.scores - (weights @ answers.scores) / weights.sum()
        return 1 - float(weights @ rest**2) / max(float(weights @ spread**2), 1e-300)
