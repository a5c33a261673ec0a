"""The page: one file that opens offline, draws the evidence and plays what is kept and what is removed."""

from __future__ import annotations

import os
from pathlib import Path

from earwitness.core.atomic_files import replacing
from earwitness.report import pictures
from earwitness.report.axes import clock
from earwitness.report.comparison import page_groups
from earwitness.report.contents import Report, Section
from earwitness.report.overview import make_overview
from earwitness.report.tables import flat_settings, percent
from earwitness.report.templating import render_page
from earwitness.report.timeline import timeline
from earwitness.report.views import span


def write_html(report: Report, path: str | os.PathLike[str]) -> Path:
    """Write a report as one HTML file that needs no network; it appears whole or not at all.

    Args:
        report: what to show; every text in it is shown literally, whatever it contains.
        path: an existing file is replaced; its folder must exist.

    Returns:
        The path.

    Raises:
        ParameterError: the arrays of a section do not fit together.
        OSError: the folder is missing or cannot be written.
    """
    path = Path(path)
    page = render_html(report).encode("utf-8", errors="replace")
    with replacing(path) as temporary:
        temporary.write_bytes(page)
    return path


def render_html(report: Report) -> str:
    """Return the page as text; the same report gives the same page."""
    groups = page_groups(report)
    firsts = [group.first for group in groups]
    anchor = "stretch" if report.methods else "section"
    seeds = sorted({section.attribution.seed for section in report.sections})
    return render_page(
        "page.html",
        "player.js",
        style="page.css",
        report=report,
        groups=groups,
        stretches=[_stretch(section, f"#{anchor}-{k}", len(report.methods)) for k, section in enumerate(firsts, 1)],
        timeline=timeline(report.timeline, firsts, anchor=anchor),
        overview=make_overview(report.overview),
        settings=list(flat_settings(report.settings)),
        seeds=", ".join(str(seed) for seed in seeds),
        colours=pictures,
        clock=clock,
    )


def _stretch(section: Section, anchor: str, n_methods: int) -> dict[str, str]:
    """What the model said of a stretch, and what is explained there by one method or by several."""
    top = max(section.predictions, key=lambda p: p.original, default=None)
    return {
        "anchor": anchor,
        "span": span(section.start_s, section.duration_s),
        "label": top.label if top else "",
        "probability": percent(top.original) if top else "",
        "target": section.attribution.target or "the embedding",
        "target_probability": percent(section.measures.p),
        "method": f"{n_methods} methods" if n_methods else section.attribution.method,
    }
