"""One line of the table: what was timed, what was measured of it, and whether it is good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Condition:
    """What a figure must reach.

    Attributes:
        figure: a key of ``BenchRow.figures``.
        relation: "<=" or ">=".
        bound: the number on the other side.
    """

    figure: str
    relation: Literal["<=", ">="]
    bound: float

    def holds(self, figures: Mapping[str, float]) -> bool | None:
        """Say whether the figure reaches the bound; None where it was not measured.

        >>> Condition("ours/floor", "<=", 1.05).holds({"ours/floor": 1.2})
        False
        """
        if self.figure not in figures:
            return None
        value = figures[self.figure]
        return value <= self.bound if self.relation == "<=" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.figure} {'≤' if self.relation == '<=' else '≥'} {self.bound:g}"


@dataclass(frozen=True)
class Peer:
    """Somebody else's way to do the same work.

    Attributes:
        name: of the package, or what the way is.
        version: of the package; empty where there is none.
        seconds: median; None where it did not run.
        note: how the seconds came about, or why there are none.
        added_mib: memory that the work added at its peak, or None.
    """

    name: str
    version: str = ""
    seconds: float | None = None
    note: str = ""
    added_mib: float | None = None


@dataclass(frozen=True)
class BenchRow:
    """One piece of work.

    Attributes:
        work: what is done, with its counts.
        ours_s: median of ours, seconds; None where it could not run.
        floor_s: median of the same number of bare passes, seconds, or None.
        peers: other ways, as measured.
        goal: what must be reached; all of it.
        measured: further figures, by name.
        notes: what else there is to know.
        failed: ours could not run.
    """

    work: str
    ours_s: float | None = None
    floor_s: float | None = None
    peers: tuple[Peer, ...] = ()
    goal: tuple[Condition, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: bool = False

    @property
    def peer_s(self) -> float | None:
        """The fastest peer's seconds."""
        return min((peer.seconds for peer in self.peers if peer.seconds is not None), default=None)

    @property
    def figures(self) -> dict[str, float]:
        """Everything a condition may look at: "ours/floor", "peer/ours" where both were measured, and ``measured``.

        What is not a finite number was not measured.
        """
        figures = {name: value for name, value in self.measured.items() if math.isfinite(value)}
        if self.ours_s and self.floor_s:
            figures["ours/floor"] = self.ours_s / self.floor_s
        if self.ours_s and self.peer_s:
            figures["peer/ours"] = self.peer_s / self.ours_s
        return figures

    @property
    def reached(self) -> bool | None:
        """True if all conditions hold, False if one does not, None if one was not measured."""
        answers = [condition.holds(self.figures) for condition in self.goal]
        if False in answers:
            return False
        return None if None in answers or not answers else True
