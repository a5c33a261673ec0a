"""One explained stretch, ready for the page: pictures, sounds, axes and tables with nothing left to compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from earwitness.core.errors import ParameterError
from earwitness.report import pictures, sounds
from earwitness.report.axes import Axis, clock, frequency_axis, tick_centres, time_axis
from earwitness.report.contents import Answer, Section
from earwitness.report.hearing import disagreements
from earwitness.report.parts import Part, part_rows
from earwitness.report.pictures import EvidenceScale, Values
from earwitness.report.tables import MetricRow, metric_rows, number, percent

SHARE_OPACITY = 0.7  # a full mask still shows the sound below it


@dataclass(frozen=True)
class Layers:
    """The arrays behind the pictures of a section, (freq, time), lowest frequency first.

    Attributes:
        original: spectrogram, finite.
        kept: what the model was given of the kept part.
        removed: what the model was given of the rest.
        evidence: explanation, finite.
        mask: 0..1.
        levels: levels drawn darkest and brightest.
        scale: what the colours of the explanation mean.
        time: axis under the pictures.
        frequency: axis beside them.
    """

    original: Values
    kept: Values
    removed: Values
    evidence: Values
    mask: Values
    levels: tuple[float, float]
    scale: EvidenceScale
    time: Axis
    frequency: Axis


@dataclass(frozen=True)
class Overlay:
    """A layer that can be laid over the spectrogram: its name, PNG and what its colour means at both ends."""

    key: str
    label: str
    image: str
    colours: tuple[str, ...]
    low: str
    high: str


@dataclass(frozen=True)
class Panel:
    """A picture with its player, and what the model says of it, (what it is asked about, class, rest).

    ``sound`` is empty where another section has it.
    """

    key: str
    title: str
    hint: str
    image: str
    sound: str
    says: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class ClassRow:
    """One class in the predictions table; shares in percent for the bars, texts for the reader."""

    label: str
    is_target: bool
    cells: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True)
class SectionView:
    """Everything the template shows of one section.

    ``original_in`` is the anchor of the section whose player has the original sound, "" where it is this one.
    """

    anchor: str
    span: str
    target: str
    method: str
    summary: str
    layers: Layers
    levels: tuple[str, str, str]
    padding: float
    start_s: float
    duration_s: float
    overlays: Sequence[Overlay]
    panels: Sequence[Panel]
    gain: str
    adds_up: bool
    rows: Sequence[ClassRow]
    metrics: Sequence[MetricRow]
    parts: Sequence[Part]
    degenerate: bool
    original_in: str
    domain: str
    disagreements: Sequence[str]


def layers(section: Section) -> Layers:
    """Prepare the arrays and axes of a section.

    Raises:
        ParameterError: spectrogram, explanation and mask differ in shape, or an axis does not fit them.
    """
    optional = {"uncertainty": section.attribution.uncertainty, "evidence": section.evidence}
    for name, values in {"attribution": section.attribution.values, "mask": section.mask, **optional}.items():
        if values is not None and (values.shape != section.spectrogram.shape or values.ndim != 2):
            raise ParameterError(
                f"{name} has shape {tuple(values.shape)} but spectrogram {tuple(section.spectrogram.shape)}; "
                "expected (freq, time) for both"
            )
    floor, attribution = section.floor, section.attribution
    original = pictures.to_array(section.spectrogram, instead=floor)
    mask = pictures.to_array(section.mask)
    evidence = pictures.to_array(attribution.values)
    n_bins, n_frames = original.shape
    return Layers(
        original=original, kept=(original - floor) * mask + floor, removed=(original - floor) * (1 - mask) + floor,
        evidence=evidence, mask=mask, levels=pictures.level_range(original, floor=floor, unit=section.unit),
        scale=pictures.evidence_scale(evidence),
        time=time_axis(tick_centres(attribution.times_s), n_frames, start_s=section.start_s,
                       duration_s=section.duration_s),
        frequency=frequency_axis(tick_centres(attribution.frequencies_hz), n_bins),
    )


def section_view(section: Section, index: int, *, gain: float | None = None, beside: str | None = None) -> SectionView:
    """Return what the page shows of a section.

    Args:
        section: one explained stretch.
        index: place on the page, from 1.
        gain: of its sounds; None takes the section's own.
        beside: where methods stand side by side, the anchor of the first section of the stretch, whose player has
            the original sound for all of them; None where a method stands alone.
    """
    anchor = anchor_of(index)
    drawn = layers(section)
    target = section.attribution.target or "the embedding"
    low, high = drawn.levels
    width_s = drawn.time.high - drawn.time.low
    gain = sounds.common_gain(section.sounds) if gain is None else gain
    original_in = "" if beside in (None, anchor) else str(beside)
    return SectionView(
        anchor=anchor, span=span(section.start_s, section.duration_s), target=target,
        method=section.attribution.method, summary=_summary(section, section.measured or target), layers=drawn,
        levels=(number(low), number(high), section.unit),
        padding=max(0.0, 1 - (section.duration_s - drawn.time.low) / width_s),
        start_s=section.start_s, duration_s=section.duration_s, overlays=_overlays(section, drawn, target),
        panels=_panels(section, drawn, gain, original_in=original_in, compact=beside is not None),
        gain=sounds.describe_gain(gain),
        adds_up=sounds.adds_up(section.sounds), rows=_rows(section),
        metrics=metric_rows(section.measures), parts=part_rows(section.attribution),
        degenerate=section.measures.degenerate, original_in=original_in, domain=section.domain,
        disagreements=disagreements(section.answers),
    )


def anchor_of(index: int) -> str:
    """Return the anchor of the section at a place on the page, from 1."""
    return f"section-{index}"


def span(start_s: float, duration_s: float) -> str:
    """Write a stretch of time.

    >>> span(0.0, 5.0), span(120.0, 5.0)
    ('0.0 to 5.0 s', '2:00.0 to 2:05.0')
    """
    first, last = clock(start_s), clock(start_s + duration_s)
    return f"{first.removesuffix(' s')} to {last}" if last.endswith(" s") else f"{first} to {last}"


def _summary(section: Section, target: str) -> str:
    m = section.measures
    area = percent(m.kept_area)
    if not all(math.isfinite(p) for p in (m.p, m.p_kept, m.p_removed)):
        return f"The mask keeps {area} of the picture."
    what = "the sound of that part" if section.domain == "audio" else "that part"
    return (
        f"The mask keeps {area} of the picture. From {what} alone the model gives “{target}” "
        f"{percent(m.p_kept)}; from the rest {percent(m.p_removed)}; from the whole sound {percent(m.p)}."
    )


def png_uri(pixels: pictures.Pixels) -> str:
    """Return a picture inside a URI."""
    return pictures.data_uri(pictures.png_bytes(pixels), "image/png")


def _overlays(section: Section, drawn: Layers, target: str) -> list[Overlay]:
    """The explanation, the mask, and where there are any its uncertainty and the known evidence."""
    scale = drawn.scale
    colours = ((pictures.AGAINST_COLOUR,) if scale.signed else ()) + ("transparent", pictures.FOR_COLOUR)
    rows = [
        Overlay("explanation", "Explanation", png_uri(pictures.paint_evidence(drawn.evidence, scale)), colours,
                f"against {target}" if scale.signed else f"little ({number(scale.low)})",
                f"for {target}" if scale.signed else f"much for {target} ({number(scale.high)})"),
        _share_overlay("mask", "Mask", drawn.mask, pictures.KEPT_COLOUR, "removed", "kept"),
    ]
    if section.attribution.uncertainty is not None:
        doubt = pictures.to_array(section.attribution.uncertainty)
        low, high = float(doubt.min()), float(doubt.max())
        rows.append(_share_overlay("uncertainty", "Uncertainty", (doubt - low) / max(high - low, 1e-12),
                                    pictures.UNCERTAIN_COLOUR, f"sure ({number(low)})", f"unsure ({number(high)})"))
    if section.evidence is not None:
        rows.append(_share_overlay("truth", "True evidence", pictures.to_array(section.evidence),
                                    pictures.TRUE_COLOUR, "background", "the sound to find"))
    return rows


def _share_overlay(key: str, label: str, share: Values, colour: str, low: str, high: str) -> Overlay:
    pixels = pictures.paint_share(SHARE_OPACITY * share, colour)
    return Overlay(key, label, png_uri(pixels), ("transparent", colour), low, high)


def _panels(section: Section, drawn: Layers, gain: float, *, original_in: str, compact: bool) -> list[Panel]:
    split = section.sounds
    parts = (
        ("original", "Original", "what the model heard", drawn.original, split.original),
        ("kept", "Kept", "what the mask keeps", drawn.kept, split.kept),
        ("removed", "Removed", "everything else", drawn.removed, split.removed),
    )
    return [
        Panel(key, title, hint, png_uri(pictures.paint_levels(levels, *drawn.levels)),
              "" if key == "original" and original_in else
              sounds.sound_uri(sound, sample_rate_hz=split.sample_rate_hz, gain=gain, compact=compact),
              _says([answer for answer in section.answers if answer.part == key]))
        for key, title, hint, levels, sound in parts
    ]


def _says(of_part: list[Answer]) -> list[tuple[str, str, str]]:
    """What the model says of one part; of the original, features and sound are the same."""
    domain_words = {"features": "its features", "audio": "its sound"}
    says = [(domain_words[answer.domain], answer.label, percent(answer.probability)
              + ("" if answer.label == answer.target else f", {answer.target} {percent(answer.p)}"))
             for answer in of_part]
    return [("it", *says[0][1:])] if of_part and of_part[0].part == "original" else says


def _rows(section: Section) -> list[ClassRow]:
    return [
        ClassRow(p.label, p.label == (section.measured or section.attribution.target), tuple(
            (key, round(100 * min(max(value, 0.0), 1.0), 2) if math.isfinite(value) else 0.0, percent(value))
            for key, value in (("original", p.original), ("kept", p.kept), ("removed", p.removed))
        ))
        for p in section.predictions
    ]
