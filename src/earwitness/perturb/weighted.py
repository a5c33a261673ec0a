"""Components with what was found of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from earwitness.perturb.components import Components


@dataclass(frozen=True, eq=False)
class WeightedComponents:
    """Parts of a sound and their evidence.

    Attributes:
        parts: the components.
        weights: one number per part, (n,); positive speaks for the target.
        intercept: score that no part explains, or None.
        r2: share of the scores' weighted variance that the linear surrogate explains, or None.
    """

    parts: Components
    weights: Tensor
    intercept: float | None = None
    r2: float | None = None

    @property
    def names(self) -> Sequence[str]:
        """One name per part."""
        return self.parts.names

    def top(self, n: int = 3) -> list[int]:
        """Return the numbers of the ``n`` parts with the largest weights, largest first."""
        order: list[int] = self.weights.argsort(descending=True, stable=True)[:n].tolist()
        return order
