"""Figures for papers and notebooks: spectrogram, explanation over it, and what the mask keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from earwitness.core.atomic_files import replacing
from earwitness.core.types import Attribution
from earwitness.report import pictures
from earwitness.report.axes import Axis, frequency_axis, tick_centres, time_axis
from earwitness.report.contents import Section
from earwitness.report.pictures import EvidenceScale, Pixels
from earwitness.report.tables import percent
from earwitness.report.views import layers, span

if TYPE_CHECKING:  # matplotlib is slow to import, and the page does without it
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

OVERLAY_OPACITY = 0.8


def draw_explanation(section: Section) -> Figure:
    """Draw a section as three pictures side by side, with axes in seconds and Hz.

    Args:
        section: one explained stretch.

    Returns:
        Figure with the spectrogram, the explanation over it and the kept part; no global state is touched.

    Raises:
        ParameterError: the arrays of the section do not fit together.
    """
    from matplotlib.figure import Figure

    drawn = layers(section)
    figure = Figure(figsize=(13.0, 3.9), layout="constrained")
    original, explained, kept = figure.subplots(1, 3, sharex=True, sharey=True)
    _show(original, pictures.paint_levels(drawn.original, *drawn.levels), drawn.time, drawn.frequency,
          "what the model heard")
    _show(explained, pictures.paint_levels(drawn.original, *drawn.levels), drawn.time, drawn.frequency,
          _explanation_title(section))
    _lay(explained, pictures.paint_evidence(drawn.evidence, drawn.scale))
    _show(kept, pictures.paint_levels(drawn.kept, *drawn.levels), drawn.time, drawn.frequency,
          f"what the mask keeps ({percent(section.measures.kept_area)} of the picture)")
    original.set_ylabel(f"frequency ({drawn.frequency.unit})")
    level = figure.colorbar(_levels_mappable(drawn.levels), ax=original, extend="min")
    level.set_label(section.unit)
    evidence = figure.colorbar(_evidence_mappable(drawn.scale), ax=explained)
    evidence.set_label("evidence (< 0 against)" if drawn.scale.signed else "evidence")
    figure.suptitle(f"{_literal(section.attribution.method)}, {span(section.start_s, section.duration_s)}",
                    fontsize="medium")
    return figure


def draw_sound(section: Section, name: str) -> Figure:
    """Draw what the model was given as one picture, with axes in seconds and Hz.

    Args:
        section: one explained stretch.
        name: "original", "kept" or "removed".

    Returns:
        Figure; the colours mean the same level in all three.
    """
    from matplotlib.figure import Figure

    drawn = layers(section)
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    _show(axes, pictures.paint_levels(getattr(drawn, name), *drawn.levels), drawn.time, drawn.frequency, name)
    axes.set_ylabel(f"frequency ({drawn.frequency.unit})")
    figure.colorbar(_levels_mappable(drawn.levels), ax=axes, extend="min").set_label(section.unit)
    return figure


def draw_attribution(attribution: Attribution) -> Figure:
    """Draw an explanation alone, with axes in seconds and Hz; counted rows and columns where it has no axes.

    Args:
        attribution: values (freq, time).
    """
    from matplotlib.figure import Figure

    evidence = pictures.to_array(attribution.values)
    scale = pictures.evidence_scale(evidence)
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#33363d")
    times, rows = _axes_of(attribution.times_s, attribution.frequencies_hz, evidence.shape)
    _show(axes, pictures.paint_evidence(evidence, scale), times, rows, "")
    axes.set_ylabel(f"frequency ({rows.unit})")
    label = "evidence (< 0 against)" if scale.signed else "evidence"
    figure.colorbar(_evidence_mappable(scale), ax=axes).set_label(label)
    return figure


def draw_levels(levels: Tensor, times_s: Tensor, frequencies_hz: Tensor, *, floor: float, unit: str) -> Figure:
    """Draw a spectrogram alone, with axes in seconds and Hz.

    Args:
        levels: (freq, time).
        times_s: centre of each column, seconds, (time,).
        frequencies_hz: centre of each row, Hz, (freq,).
        floor: level of silence.
        unit: of the levels.
    """
    from matplotlib.figure import Figure

    array = pictures.to_array(levels, instead=floor)
    shown = pictures.level_range(array, floor=floor, unit=unit)
    figure = Figure(figsize=(7.6, 3.0), layout="constrained")
    axes = figure.subplots()
    times, rows = _axes_of(times_s, frequencies_hz, array.shape)
    _show(axes, pictures.paint_levels(array, *shown), times, rows, "")
    axes.set_ylabel(f"frequency ({rows.unit})")
    figure.colorbar(_levels_mappable(shown), ax=axes, extend="min").set_label(unit)
    return figure


def _axes_of(times_s: Tensor | None, frequencies_hz: Tensor | None, shape: tuple[int, ...]) -> tuple[Axis, Axis]:
    return time_axis(tick_centres(times_s), shape[1]), frequency_axis(tick_centres(frequencies_hz), shape[0])


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> Path:
    """Write a figure, in the format its suffix names; it appears whole or not at all.

    Args:
        figure: from ``draw_explanation``.
        path: ``.png``, ``.pdf`` or ``.svg``; an existing file is replaced.
        dpi: dots per inch of pixel formats.

    Returns:
        The path.

    Raises:
        OSError: the folder is missing or cannot be written.
        ValueError: a suffix that matplotlib does not know.
    """
    path = Path(path)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
    return path


def _show(axes: Axes, pixels: Pixels, times: Axis, rows: Axis, title: str) -> None:
    axes.imshow(pixels, origin="lower", extent=(0.0, 1.0, 0.0, 1.0), aspect="auto", interpolation="nearest")
    axes.set_xticks([t.position for t in times.ticks], [t.label for t in times.ticks])
    axes.set_yticks([t.position for t in rows.ticks], [t.label for t in rows.ticks])
    axes.tick_params(labelsize="small")
    axes.set_xlabel(f"time ({times.unit})")
    axes.set_title(title, fontsize="medium")


def _lay(axes: Axes, pixels: Pixels) -> None:
    pixels = pixels.copy()
    pixels[..., 3] = (OVERLAY_OPACITY * pixels[..., 3]).astype(np.uint8)
    axes.imshow(pixels, origin="lower", extent=(0.0, 1.0, 0.0, 1.0), aspect="auto", interpolation="nearest")


def _explanation_title(section: Section) -> str:
    target = section.attribution.target
    return "evidence in the embedding" if target is None else f"evidence for “{_literal(target)}”"


def _literal(text: str) -> str:
    """Keep matplotlib from reading dollar signs as formulas."""
    return text.replace("$", r"\$")


def _levels_mappable(levels: tuple[float, float]) -> ScalarMappable:
    return _mappable(pictures.LEVEL_COLOURS, *levels)


def _evidence_mappable(scale: EvidenceScale) -> ScalarMappable:
    against = [pictures.AGAINST_COLOUR] if scale.signed else []
    high = scale.high if scale.high > scale.low else scale.low + 1.0
    return _mappable([*against, "#ffffff", pictures.FOR_COLOUR], scale.low, high)


def _mappable(colours: Sequence[str], low: float, high: float) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    return ScalarMappable(Normalize(low, high), LinearSegmentedColormap.from_list("report", list(colours)))
