"""What the steps found, as HTML: pictures and players of the report, every text shown literally."""

from __future__ import annotations

import base64
import json
import math

import torch

from earwitness import audio
from earwitness.app.regions import edges
from earwitness.app.sessions import Explained
from earwitness.app.steps import RegionSound
from earwitness.core.errors import EarwitnessError
from earwitness.core.types import Clip
from earwitness.report import sounds
from earwitness.report.axes import clock
from earwitness.report.tables import percent
from earwitness.report.templating import render_fragment, template_text
from earwitness.report.views import ClassRow, anchor_of, section_view

LONGEST_MESSAGE = 600
PACKAGE = "earwitness.app"


def result_html(explained: Explained) -> str:
    """Return the explanation: a column per method, with spectrogram, players, predictions and verdict."""
    report = explained.report
    gain = min(sounds.common_gain(section.sounds) for section in report.sections)
    views = [section_view(section, k, gain=gain, beside=anchor_of(k)) for k, section in enumerate(report.sections, 1)]
    verdicts = {title.rpartition(", ")[2] if len(views) > 1 else "": dict(rows).get("verdict", "")
                for title, rows in report.extra.items()}
    return _render(
        "result.html", views=views, name=report.clip_name, notes=report.notes, refusals=report.refusals,
        facts=report.facts["Recording"],
        edges=[json.dumps([round(edge, 3) for edge in edges(_rows_of(section.attribution.frequencies_hz))])
               for section in report.sections],
        verdicts=[verdicts.get(view.method if len(views) > 1 else "", "") for view in views],
    )


def region_html(region: RegionSound, *, deleted: bool) -> str:
    """Return what is heard of a region: player, and predictions before and after."""
    peak = float(region.like.waveform.abs().max())
    loudest = max(peak, float(region.clip.waveform.abs().max()))
    gain = min(sounds.PEAK / peak if peak > 0 else 1.0, sounds.CEILING / loudest if loudest > 0 else 1.0)
    rows = [ClassRow(p.label, p.label == region.target, tuple(
        (key, round(100 * value, 2) if math.isfinite(value) else 0.0, percent(value))
        for key, value in (("original", p.original), ("kept", p.kept)))) for p in region.predictions]
    return _render("region.html", title=region.title, sound=_sound_uri(region.clip, gain), rows=rows, deleted=deleted)


def sound_html(facts: audio.FileInfo, beginning: Clip) -> str:
    """Return the chosen sound: its name, what its header says, and a player of its beginning."""
    channels = {1: "mono", 2: "stereo"}.get(facts.channels, f"{facts.channels} channels")
    words = f"{clock(facts.duration_s, decimals=2)}, {facts.sample_rate_hz} Hz, {channels}"
    if beginning.duration_s < facts.duration_s - 0.01:
        words += f"; the player has the first {beginning.duration_s:g} s"
    peak = float(beginning.waveform.abs().max())
    return _render("sound.html", name=beginning.name, facts=words,
                   sound=_sound_uri(beginning, min(1.0, sounds.CEILING / peak) if peak > 0 else 1.0))


def message_html(text: str, *, kind: str = "status", share: float | None = None) -> str:
    """Return one line for the reader.

    Args:
        text: shown literally, control characters spelled out.
        kind: "status", "error" or "done".
        share: of the work done, 0..1; None shows no bar.
    """
    plain = "".join(c if c.isprintable() else " " for c in text)[:LONGEST_MESSAGE]
    return _render("message.html", text=plain[:1].upper() + plain[1:] if kind != "error" else plain, kind=kind,
                   share=None if share is None else round(100 * min(max(share, 0.0), 1.0)))


def archive_html(name: str, content: bytes) -> str:
    """Return a link that holds a file; the page's script follows it and takes it away."""
    uri = "data:application/zip;base64," + base64.b64encode(content).decode("ascii")
    return _render("archive.html", name=name, uri=uri)


def text_of(name: str) -> str:
    """Return a file of the app's templates folder."""
    return template_text(name, package=PACKAGE)


def result_script() -> str:
    """Return the script of the result: the pages' player, and how a region is chosen."""
    return template_text("player.js") + text_of("region.js")


def _rows_of(frequencies_hz: torch.Tensor | None) -> torch.Tensor:
    if frequencies_hz is None:
        raise EarwitnessError("the explanation has no frequencies, so that it cannot be drawn")
    return frequencies_hz


def _sound_uri(clip: Clip, gain: float) -> str:
    return sounds.sound_uri(clip.waveform, sample_rate_hz=clip.sample_rate_hz, gain=gain,
                            compact=clip.sample_rate_hz <= 192_000)


def _render(template: str, /, **values: object) -> str:
    return render_fragment(template, package=PACKAGE, **values)
