"""A long recording along time: one lane per class, one block per window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from earwitness.report.axes import Tick, clock, time_axis
from earwitness.report.contents import Section, WindowPrediction
from earwitness.report.tables import percent

MAX_LANES = 8
MAX_BLOCKS = 1500
OTHER = "other classes"


@dataclass(frozen=True)
class Block:
    """One window: place and width in percent of the recording, height in percent of its lane."""

    left: float
    width: float
    height: float
    tip: str
    anchor: str


@dataclass(frozen=True)
class Lane:
    """One class and the windows in which it is the most probable."""

    label: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Timeline:
    """Lanes, the most frequent class first, and the ticks below them."""

    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    unit: str


def timeline(
    moments: Sequence[WindowPrediction], sections: Sequence[Section], *, anchor: str = "section"
) -> Timeline | None:
    """Lay out the windows of a long recording; None where there are none.

    Args:
        moments: one per window, in order of time.
        sections: the explained windows; their blocks lead to them.
        anchor: where block k leads to is this, a dash and k, from 1.
    """
    if not moments:
        return None
    moments = _thinned(moments)
    starts = [moment.start_s for moment in moments]
    step = starts[1] - starts[0] if len(starts) > 1 else max([s.duration_s for s in sections], default=1.0)
    first, last = starts[0], starts[-1] + step
    ends = [*starts[1:], last]
    counts = Counter(moment.label for moment in moments)
    named = [label for label, _ in counts.most_common(len(counts) if len(counts) <= MAX_LANES else MAX_LANES - 1)]
    lanes: dict[str, list[Block]] = {label: [] for label in named}
    for moment, end in zip(moments, ends, strict=True):
        lane = moment.label if moment.label in lanes or moment.label in named else OTHER
        lanes.setdefault(lane, []).append(Block(
            left=100 * (moment.start_s - first) / (last - first),
            width=100 * (end - moment.start_s) / (last - first),
            height=100 * min(max(moment.probability, 0.08), 1.0),
            tip=f"{clock(moment.start_s)}: {moment.label}, {percent(moment.probability)}",
            anchor=_anchor(moment, end, sections, anchor),
        ))
    axis = time_axis(None, len(moments), start_s=first, duration_s=last - first)
    return Timeline([Lane(label, blocks) for label, blocks in lanes.items()], axis.ticks, axis.unit)


def _thinned(moments: Sequence[WindowPrediction]) -> Sequence[WindowPrediction]:
    """At most 1,500: of neighbours that share a block, the window that the model is surest of."""
    together = -(-len(moments) // MAX_BLOCKS)
    if together == 1:
        return moments
    groups = (moments[k : k + together] for k in range(0, len(moments), together))
    return [replace(max(group, key=lambda m: m.probability), start_s=group[0].start_s) for group in groups]


def _anchor(moment: WindowPrediction, end: float, sections: Sequence[Section], anchor: str) -> str:
    middle = (end - moment.start_s) / 2
    matching = (k for k, s in enumerate(sections, 1) if abs(s.start_s - moment.start_s) < middle)
    index = next(matching, None)
    return "" if index is None else f"#{anchor}-{index}"
