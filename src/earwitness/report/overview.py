"""The explanation of a whole long recording: one picture of bounded width, and sounds beside the page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earwitness.core.atomic_files import replacing
from earwitness.report import pictures
from earwitness.report.axes import Axis, frequency_axis, tick_centres, time_axis
from earwitness.report.contents import FullLengthMap
from earwitness.report.pictures import Pixels
from earwitness.report.tables import number

OVERLAY_OPACITY = 0.85


@dataclass(frozen=True)
class Overview:
    """What the page shows of the overview.

    Attributes:
        image: spectrogram with the evidence over it, as a URI.
        time: axis below it.
        frequency: axis beside it.
        signed: there is evidence against the target too.
        high: evidence that is fully coloured.
        sounds: (title, file name) of the players.
        tables: names of the files beside the page.
        n_windows: how many were explained.
    """

    image: str
    time: Axis
    frequency: Axis
    signed: bool
    high: str
    sounds: tuple[tuple[str, str], ...]
    tables: tuple[str, ...]
    n_windows: int


def make_overview(overview: FullLengthMap | None) -> Overview | None:
    """Return what the page shows; None where there is no overview."""
    if overview is None:
        return None
    n_bins, columns = overview.evidence.shape
    scale = pictures.evidence_scale(pictures.to_array(overview.evidence))
    return Overview(
        image=pictures.data_uri(pictures.png_bytes(_pixels(overview)), "image/png"),
        time=time_axis(None, columns, duration_s=overview.duration_s),
        frequency=frequency_axis(tick_centres(overview.frequencies_hz), n_bins),
        signed=scale.signed, high=number(scale.high),
        sounds=tuple((name.capitalize(), path.name) for name, path in overview.sounds.items()),
        tables=tuple(overview.tables), n_windows=overview.n_windows)


def write_overview(overview: FullLengthMap, folder: Path) -> dict[str, Any]:
    """Write the picture ``overview.png``, the sounds and the tables; each appears whole or not at all.

    Returns:
        What ``explanation.json`` says of it.
    """
    for path in (*overview.sounds.values(), *overview.tables.values()):
        with replacing(folder / path.name) as temporary:
            shutil.copyfile(path, temporary)
    with replacing(folder / "overview.png") as temporary:
        temporary.write_bytes(pictures.png_bytes(_pixels(overview)))
    return {"n_windows": overview.n_windows, "picture": "overview.png", "tables": list(overview.tables),
            "sounds": [path.name for path in overview.sounds.values()]}


def _pixels(overview: FullLengthMap) -> Pixels:
    """The spectrogram with the evidence over it, RGBA, (freq, columns, 4)."""
    levels = pictures.to_array(overview.spectrogram, instead=overview.floor)
    evidence = pictures.to_array(overview.evidence)
    below = pictures.paint_levels(levels, *pictures.level_range(levels, floor=overview.floor, unit=overview.unit))
    above = pictures.paint_evidence(evidence, pictures.evidence_scale(evidence))
    share = OVERLAY_OPACITY * above[..., 3:] / 255.0
    below[..., :3] = (below[..., :3] * (1 - share) + above[..., :3] * share).round().astype(np.uint8)
    return below
