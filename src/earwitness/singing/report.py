"""A detection as a folder: page with player, figure, stretches and curve as tables."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import EarwitnessError
from earwitness.report import pictures
from earwitness.report.axes import clock, time_axis
from earwitness.report.figures import save_figure
from earwitness.report.tables import percent
from earwitness.report.templating import render_page

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.figure import Figure

SHOWN_POINTS = 2000
PAGE_WIDTH = 1000.0
MAX_PLAYED_S = 1800.0


@dataclass(frozen=True)
class SungSegment:
    """A stretch of a recording in which the decision stays the same.

    Attributes:
        start_s: where it begins, seconds.
        end_s: where it ends.
        vocal: the decision.
        probability: mean of the smoothed curve in it, 0..1.
    """

    start_s: float
    end_s: float
    vocal: bool
    probability: float


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector says of a recording.

    Attributes:
        name: of the recording.
        duration_s: its length in seconds.
        times_s: middle of each frame in seconds, (frames,).
        probability: as the network gives it, (frames,).
        smooth: its running median, (frames,).
        threshold: above it a frame is vocal.
        stretches: from the first to the last second, without gaps.
        sound: the recording as MP3, None where it is too long to be played from a page.
        facts: recording and model in words.
    """

    name: str
    duration_s: float
    times_s: Tensor
    probability: Tensor
    smooth: Tensor
    threshold: float
    stretches: tuple[SungSegment, ...]
    sound: bytes | None
    facts: dict[str, str]

    @property
    def vocal_share(self) -> float:
        """Share of the recording that is called vocal, 0..1."""
        return sum(s.end_s - s.start_s for s in self.stretches if s.vocal) / self.duration_s


def write_detection(detection: Detection, folder: Path) -> Path:
    """Write ``detection.html``, ``timeline.png``, ``stretches.csv`` and ``curve.csv``.

    Args:
        detection: what to write.
        folder: made if it is missing; files of the same name are replaced.

    Returns:
        The page.

    Raises:
        EarwitnessError: the folder cannot be written.
    """
    make_folder(folder)
    try:
        _write_text(folder / "stretches.csv", _table(
            ("start_s", "end_s", "label", "probability"),
            ((f"{s.start_s:.3f}", f"{s.end_s:.3f}", "vocal" if s.vocal else "other", f"{s.probability:.4f}")
             for s in detection.stretches)))
        smooth = detection.smooth.tolist()
        _write_text(folder / "curve.csv", _table(
            ("time_s", "probability", "smooth", "vocal"),
            ((f"{t:.4f}", f"{p:.5f}", f"{m:.5f}", int(m > detection.threshold)) for t, p, m in
             zip(detection.times_s.tolist(), detection.probability.tolist(), smooth, strict=True))))
        save_figure(draw_detection(detection), folder / "timeline.png")
        _write_text(folder / "detection.html", render_detection(detection))
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise EarwitnessError(f"{folder}: cannot be written ({error}); choose another place with --out") from error
    return folder / "detection.html"


def render_detection(detection: Detection) -> str:
    """Return the page as text; it needs no network, and shows every name literally."""
    duration_s, smooth = detection.duration_s, _shown(detection.smooth)
    x = PAGE_WIDTH / duration_s * _shown(detection.times_s)
    sung = [{"left": round(PAGE_WIDTH * s.start_s / duration_s, 3), "start_s": round(s.start_s, 3),
             "width": round(PAGE_WIDTH * (s.end_s - s.start_s) / duration_s, 3),
             "span": f"{clock(s.start_s)} to {clock(s.end_s)}", "probability": percent(s.probability)}
            for s in detection.stretches if s.vocal]
    axis = time_axis(None, len(smooth), duration_s=duration_s)
    return render_page(
        "detection.html", "player.js", style="page.css",
        detection=detection, sung=sung, share=percent(detection.vocal_share), ticks=axis.ticks,
        points=" ".join(f"{a:.1f},{100 - 100 * b:.1f}" for a, b in zip(x, smooth, strict=True)),
        limit=round(100 - 100 * detection.threshold, 2), colour=pictures.FOR_COLOUR,
        sound=None if detection.sound is None else pictures.data_uri(detection.sound, "audio/mpeg"),
        most_minutes=round(MAX_PLAYED_S / 60))


def draw_detection(detection: Detection) -> Figure:
    """Draw the curve over the recording, with the vocal stretches coloured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 2.8), layout="constrained")
    axes = figure.subplots()
    times, smooth, raw = (_shown(c) for c in (detection.times_s, detection.smooth, detection.probability))
    for stretch in detection.stretches:
        if stretch.vocal:
            axes.axvspan(stretch.start_s, stretch.end_s, color=pictures.FOR_COLOUR, alpha=0.3, lw=0)
    axes.plot(times, raw, color="#a9acb2", lw=0.5, label="as the network gives it")
    axes.plot(times, smooth, color="#33363d", lw=1.0, label="running median")
    axes.axhline(detection.threshold, color="#6d717a", lw=0.8, ls="--", label="threshold")
    axis = time_axis(None, len(smooth), duration_s=detection.duration_s)
    axes.set(xlim=(0, detection.duration_s), ylim=(0, 1), xlabel=f"time ({axis.unit})", ylabel="p(singing)")
    axes.set_xticks([tick.value for tick in axis.ticks], [tick.label for tick in axis.ticks])
    axes.legend(loc="upper right", fontsize="small", ncols=3)
    axes.set_title(f"vocal in {percent(detection.vocal_share)} of the recording", fontsize="medium")
    return figure


def _shown(curve: Tensor) -> NDArray[Any]:
    """At most 2,000 points: means of pieces, whose lengths differ by one at most; take those of the times for x."""
    pieces = np.array_split(curve.numpy(), min(len(curve), SHOWN_POINTS))
    return np.array([piece.mean() for piece in pieces])


def _table(header: tuple[str, ...], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
