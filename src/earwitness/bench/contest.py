"""Ours, the peers and the floor on the same work, in turn, in one process."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from earwitness.bench.row import Peer
from earwitness.bench.setup import Setup
from earwitness.bench.timing import Timing, interleaved
from earwitness.core.errors import MissingExtraError

Work = Callable[[], object]
NOT_INSTALLED = "not installed: pip install 'earwitness[peers]'"


@dataclass(frozen=True)
class Rival:
    """A peer before it has run.

    Attributes:
        name: of the package, or what the way is.
        enter: imports what is needed and returns the work.
        package: whether ``name`` is that of an installed package, with a version.
        scale: what the seconds are multiplied by, where only a part is run.
        note: says so.
    """

    name: str
    enter: Callable[[], Work]
    package: bool = True
    scale: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Contest:
    """What was timed.

    Attributes:
        ours: our timing.
        floor: that of the bare passes.
        peers: the rivals, as they ran.
    """

    ours: Timing
    floor: Timing
    peers: tuple[Peer, ...]

    @property
    def cost_notes(self) -> tuple[str, ...]:
        """What ours, the peers and the floor add to the memory in use, and how long they kept the processor."""
        memory = [("ours", self.ours.added_mib), *((peer.name, peer.added_mib) for peer in self.peers),
                  ("floor", self.floor.added_mib)]
        measured = [f"{name} {mib:.0f} MiB" for name, mib in memory if mib is not None]
        ours_s, floor_s = median(self.ours.processor_s), median(self.floor.processor_s)
        return (f"memory added: {', '.join(measured) or 'not measured on this system'}",
                f"processor time: ours {ours_s:.3g} s, floor {floor_s:.3g} s, ratio {ours_s / max(floor_s, 1e-9):.2f}")


def compete(
    ours: Work, floor: Work, rivals: Sequence[Rival], setup: Setup, *, repeats: int | None = None,
    warm_up: bool = False,
) -> Contest:
    """Time ours, every rival that is installed, and the floor, in turn.

    Args:
        ours: our work.
        floor: the same number of bare passes.
        rivals: peers; one that is missing or fails is reported, not raised.
        setup: says how often and where.
        repeats: runs of each, instead of those of the setup.
        warm_up: run each once before; for short work.
    """
    works: dict[str, Work] = {"ours": ours}
    peers: dict[str, Peer] = {}
    for rival in rivals:
        try:
            works[rival.name] = _tolerant(rival.enter())
        except MissingExtraError:
            peers[rival.name] = Peer(rival.name, note=NOT_INSTALLED)
    works["floor"] = floor
    timings = interleaved(works, repeats=repeats or setup.repeats, device=setup.device, warm_up=warm_up)
    for rival in rivals:
        if rival.name in timings:
            peers[rival.name] = _as_peer(rival, timings[rival.name])
    return Contest(timings["ours"], timings["floor"], tuple(peers[rival.name] for rival in rivals))


@dataclass(frozen=True)
class _Failure:
    reason: str


def _tolerant(work: Work) -> Work:
    def run() -> object:
        try:
            return work()
        except Exception as error:  # a peer may raise anything; its row says so
            return _Failure(f"failed: {type(error).__name__}: {error}".splitlines()[0])

    return run


def _as_peer(rival: Rival, timing: Timing) -> Peer:
    version = importlib.metadata.version(rival.name) if rival.package else ""
    if isinstance(timing.result, _Failure):
        return Peer(rival.name, version, note=timing.result.reason)
    return Peer(rival.name, version, timing.median_s * rival.scale, rival.note, timing.added_mib)
