"""The parts of an explanation as rows: which component speaks for the target, and how much."""

from __future__ import annotations

from dataclasses import dataclass

from earwitness.core.types import Attribution
from earwitness.report.tables import number

MOST_PARTS = 12


@dataclass(frozen=True)
class Part:
    """One row of the table of parts.

    Attributes:
        name: what people call the part.
        weight: its evidence, written out.
        share: its size over the largest size, in percent.
        speaks_for: it speaks for the target, not against it.
    """

    name: str
    weight: str
    share: float
    speaks_for: bool


def part_rows(attribution: Attribution) -> list[Part]:
    """Return the parts with the largest evidence, largest first; none where the method has no parts."""
    components = attribution.components
    if components is None or isinstance(components, list):
        return []
    weights = components.weights.tolist()
    largest = max((abs(w) for w in weights), default=0.0) or 1.0
    order = sorted(range(len(weights)), key=lambda k: -abs(weights[k]))[:MOST_PARTS]
    return [Part(str(components.names[k]), number(weights[k]), round(100 * abs(weights[k]) / largest, 1),
                 weights[k] >= 0) for k in order]
