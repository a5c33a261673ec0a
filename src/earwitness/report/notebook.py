"""How clips, attributions and reports show themselves in a notebook: text that needs nothing from outside it."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING

import torch

from earwitness.core.types import Attribution, Clip
from earwitness.frontends import StftDb
from earwitness.report import pictures, sounds
from earwitness.report.axes import clock
from earwitness.report.contents import Report
from earwitness.report.html import render_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_S = 60.0  # of a clip; the rest is neither drawn nor played
WINDOW_S = 0.032
MOST_COLUMNS = 1000
FRAME_HEIGHT_PX = 900


def clip_html(clip: Clip) -> str:
    """Return a clip as its name, its spectrogram with axes in seconds and Hz, and a player.

    Args:
        clip: at most its first minute is drawn and played; samples that are not finite are silent.
    """
    first = torch.nan_to_num(clip.waveform.detach().cpu().float(), nan=0.0, posinf=0.0, neginf=0.0)
    first = first[: max(1, round(SHOWN_S * clip.sample_rate_hz))]
    shorter = f", of which the first {SHOWN_S:g} s are shown" if clip.duration_s > SHOWN_S else ""
    facts = f"{clock(clip.duration_s, decimals=2)}, {clip.sample_rate_hz} Hz{shorter}"
    return (f"<div><p><b>{escape(clip.name)}</b> ({facts})</p>{_picture(_clip_figure(clip, first), clip.name)}"
            f"{player(first, clip.sample_rate_hz)}</div>")


def attribution_html(attribution: Attribution) -> str:
    """Return an attribution as a picture with axes in seconds and Hz, and what made it."""
    from earwitness.report.figures import draw_attribution

    target = attribution.target or "the embedding"
    passes = ", ".join(f"{count} {name} passes" for name, count in attribution.passes.items() if count)
    facts = f"{attribution.method}, seed {attribution.seed}{', ' if passes else ''}{passes}"
    return (f"<div><p>Evidence for <b>{escape(target)}</b> ({escape(facts)})</p>"
            f"{_picture(draw_attribution(attribution), f'evidence for {target}')}</div>")


def report_html(report: Report) -> str:
    """Return the whole page in a frame of its own, where its scripts and styles touch nothing else."""
    page = escape(render_html(report), quote=True)
    return (f'<iframe sandbox="allow-scripts" style="width:100%;height:{FRAME_HEIGHT_PX}px;border:0" '
            f'title="{escape(report.clip_name, quote=True)}" srcdoc="{page}"></iframe>')


def player(waveform: torch.Tensor, sample_rate_hz: int, *, gain: float = 1.0) -> str:
    """Return a player of a sound (time,) that is part of the page."""
    uri = sounds.sound_uri(waveform, sample_rate_hz=sample_rate_hz, gain=gain, compact=sample_rate_hz <= 192_000)
    return f'<audio controls preload="metadata" src="{uri}"></audio>'


def _clip_figure(clip: Clip, waveform: torch.Tensor) -> Figure:
    from earwitness.report.figures import draw_levels

    n_fft = max(16, 2 ** round(WINDOW_S * clip.sample_rate_hz).bit_length() // 2)
    n_fft = min(n_fft, 65536)
    hop = min(n_fft, max(n_fft // 4, waveform.numel() // MOST_COLUMNS))
    front_end = StftDb(clip.sample_rate_hz, n_fft, hop)
    missing = max(0, front_end.stft.min_samples - waveform.numel())
    levels = front_end(torch.nn.functional.pad(waveform, (0, missing))[None]).values[0]
    return draw_levels(levels, front_end.times_s(levels.shape[1]), front_end.frequencies_hz, floor=front_end.silence,
                       unit=front_end.unit)


def _picture(figure: Figure, words: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    uri = pictures.data_uri(buffer.getvalue(), "image/png")
    return f'<img src="{uri}" alt="{escape(words, quote=True)}" style="max-width:100%">'
