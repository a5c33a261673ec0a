"""Figures for papers and notebooks: spectrogram, explanation over it, and what the mask keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earwitness.files import replacing
from earwitness.report import pictures
from earwitness.report.contents import Section
from earwitness.report.pictures import EvidenceScale, Pixels
from earwitness.report.tables import percent
from earwitness.report.views import Layers, layers, span

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
    heard, explained, kept = figure.subplots(1, 3, sharex=True, sharey=True)
    _show(heard, pictures.paint_levels(drawn.original, *drawn.levels), drawn, "what the model heard")
    _show(explained, pictures.paint_levels(drawn.original, *drawn.levels), drawn, _explanation_title(section))
    _lay(explained, pictures.paint_evidence(drawn.evidence, drawn.scale))
    _show(kept, pictures.paint_levels(drawn.kept, *drawn.levels), drawn,
          f"what the mask keeps ({percent(section.measures.kept_area)} of the picture)")
    heard.set_ylabel(f"frequency ({drawn.frequency.unit})")
    level = figure.colorbar(_levels_mappable(drawn.levels), ax=heard, extend="min")
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
    _show(axes, pictures.paint_levels(getattr(drawn, name), *drawn.levels), drawn, name)
    axes.set_ylabel(f"frequency ({drawn.frequency.unit})")
    figure.colorbar(_levels_mappable(drawn.levels), ax=axes, extend="min").set_label(section.unit)
    return figure


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


def _show(axes: Axes, pixels: Pixels, drawn: Layers, title: str) -> None:
    axes.imshow(pixels, origin="lower", extent=(0.0, 1.0, 0.0, 1.0), aspect="auto", interpolation="nearest")
    axes.set_xticks([t.position for t in drawn.time.ticks], [t.label for t in drawn.time.ticks])
    axes.set_yticks([t.position for t in drawn.frequency.ticks], [t.label for t in drawn.frequency.ticks])
    axes.tick_params(labelsize="small")
    axes.set_xlabel(f"time ({drawn.time.unit})")
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
