"""What a method returns, before it is joined and named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Evidence:
    """Evidence for a batch of items.

    Attributes:
        values: (batch, freq, time); positive speaks for the target.
        uncertainty: (batch, freq, time), or None.
        components: interpretable parts with their weights, or None.
    """

    values: Tensor
    uncertainty: Tensor | None = None
    components: Any | None = None
