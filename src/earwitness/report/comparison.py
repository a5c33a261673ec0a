"""Methods side by side: the sections of a page in groups, and what stands above each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from earwitness.metrics import DOMAINS
from earwitness.report import pictures, sounds
from earwitness.report.contents import Refusal, Report, Section
from earwitness.report.tables import MetricRow, best_rows, metric_rows, percent
from earwitness.report.views import Overlay, SectionView, anchor_of, png_uri, section_view

LAYERS = ("explanation", "mask", "truth")  # what the small pictures can show


@dataclass(frozen=True)
class Column:
    """One column of the table: its name, which way is better, and what it means."""

    name: str
    better: str
    meaning: str


@dataclass(frozen=True)
class Line:
    """One row of the table: a method with its numbers, each with whether it is the best, or with why there are none."""

    method: str
    anchor: str
    tags: tuple[str, ...]
    cells: tuple[tuple[str, bool], ...]
    reason: str


@dataclass(frozen=True)
class Tile:
    """A small picture of one method, with buttons for the sounds of its section."""

    method: str
    anchor: str
    hint: str
    overlays: Sequence[Overlay]


@dataclass(frozen=True)
class Comparison:
    """What stands above the methods' sections of one stretch.

    Attributes:
        anchor: of this card.
        span: when the stretch is.
        target: what most methods explain.
        columns: of the table, without the method's name.
        lines: of the table, a method each.
        image: the spectrogram, behind every tile.
        tiles: in the order of the sections.
        layers: what can be laid over the spectrogram, (key, label).
        first: anchor of the section that has the original sound.
        domain: what the metrics were measured on.
    """

    anchor: str
    span: str
    target: str
    columns: Sequence[Column]
    lines: Sequence[Line]
    image: str
    tiles: Sequence[Tile]
    layers: Sequence[tuple[str, str]]
    first: str
    domain: str


@dataclass(frozen=True)
class Group:
    """Sections that belong together on the page: the methods of one stretch, or one section alone.

    Attributes:
        first: the section that speaks for the group in the page's head: one that explains a class, if there is one.
        sections: ready for the page.
        comparison: None where a method stands alone.
    """

    first: Section
    sections: Sequence[SectionView]
    comparison: Comparison | None


def page_groups(report: Report) -> list[Group]:
    """Return the sections of a report in the groups in which the page shows them."""
    if not report.methods:
        return [Group(section, [section_view(section, k)], None) for k, section in enumerate(report.sections, 1)]
    stretches: dict[float, list[tuple[int, Section]]] = {}
    for k, section in enumerate(report.sections, 1):
        stretches.setdefault(section.start_s, []).append((k, section))
    return [_group(f"stretch-{number}", members, [r for r in report.refusals if r.start_s == start_s])
            for number, (start_s, members) in enumerate(stretches.items(), 1)]


def _group(anchor: str, members: list[tuple[int, Section]], refusals: list[Refusal]) -> Group:
    sections = [section for _, section in members]
    gain = min(sounds.common_gain(section.sounds) for section in sections)
    beside = anchor_of(members[0][0])
    views = [section_view(section, k, gain=gain, beside=beside) for k, section in members]
    first = next((section for section in sections if section.attribution.target is not None), sections[0])
    drawn = views[0].layers
    labels = {overlay.key: overlay.label for view in views for overlay in view.overlays}
    return Group(first, views, Comparison(
        anchor=anchor, span=views[0].span, target=first.attribution.target or "the embedding",
        columns=_columns(sections[0]), lines=_lines(sections, views, refusals),
        image=png_uri(pictures.paint_levels(drawn.original, *drawn.levels)),
        tiles=[Tile(view.method, view.anchor, f"keeps {percent(section.measures.kept_area)}",
                    [overlay for overlay in view.overlays if overlay.key in LAYERS])
               for section, view in zip(sections, views, strict=True)],
        layers=[(key, labels[key]) for key in LAYERS if key in labels], first=beside,
        domain=first.domain,
    ))


def _columns(section: Section) -> list[Column]:
    area, *metrics = _numbers(section)
    return [
        Column("p kept", "", "probability of the class for the features of the kept part alone"),
        Column("as sound", "", "probability of the class for the sound of the kept part alone"),
        Column("p removed", "", "probability of the class for the features of everything else"),
        Column("as sound", "", "probability of the class for the sound of everything else"),
        *(Column(metric.short, metric.better, metric.meaning) for metric in (area, *metrics)),
        Column("forward", "", "forward passes of the network that the method spent"),
        Column("backward", "", "backward passes of the network that the method spent"),
        Column("seconds", "", "how long the method took on this machine"),
    ]


def _lines(sections: list[Section], views: list[SectionView], refusals: list[Refusal]) -> list[Line]:
    best = best_rows([section.measures for section in sections])
    lines = []
    for k, (section, view) in enumerate(zip(sections, views, strict=True)):
        tags = ["the embedding"] if section.attribution.target is None else []
        tags += ["constant mask"] if section.measures.degenerate else []
        passes = section.attribution.passes
        cells = [(percent(p), False) for p in _probabilities(section)]
        cells += [(metric.value if metric.defined else "n/a", k in best.get(metric.short, ()))
                  for metric in _numbers(section)]
        cells += [(f"{passes[name]:,}" if name in passes else "n/a", False) for name in ("forward", "backward")]
        cells.append(("n/a" if section.seconds is None else f"{section.seconds:.2f}", False))
        lines.append(Line(view.method, view.anchor, tuple(tags), tuple(cells), ""))
    return lines + [Line(refusal.method, "", (), (), refusal.reason) for refusal in refusals]


def _probabilities(section: Section) -> list[float]:
    """Of the class for the kept part as features and as sound, then for the removed part."""
    by_domain = section.by_domain or {section.domain: section.measures}
    pair = [by_domain.get(domain) for domain in DOMAINS]
    return [getattr(measures, name) if measures else math.nan for name in ("p_kept", "p_removed") for measures in pair]


def _numbers(section: Section) -> list[MetricRow]:
    """The kept area, then the metrics; a constant mask is a tag."""
    rows = metric_rows(section.measures)
    return [row for row in rows if row.short == "kept area"] + [row for row in rows if row.name]
