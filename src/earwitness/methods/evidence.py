"""What a method returns, before it is joined and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from earwitness.perturb.components import WeightedComponents


@dataclass(frozen=True)
class Evidence:
    """Evidence for a batch of items.

    Attributes:
        values: (batch, freq, time); positive speaks for the target.
        uncertainty: (batch, freq, time), or None.
        components: interpretable parts with their weights, one entry per item, or None.
        facts: what the method measured of itself, such as a completeness gap.
    """

    values: Tensor
    uncertainty: Tensor | None = None
    components: Sequence[WeightedComponents] | None = None
    facts: dict[str, Any] | None = None


def painted(components: Sequence[WeightedComponents], *, facts: dict[str, Any] | None = None) -> Evidence:
    """Paint the weights of each item's parts on its plane."""
    planes = [item.parts.paint(item.weights).float() for item in components]
    return Evidence(torch.stack(planes), components=list(components), facts=facts)
