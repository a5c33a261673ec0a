"""A report as a folder: page, pictures, sounds, numbers."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from earwitness import audio
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import EarwitnessError
from earwitness.core.types import Clip
from earwitness.methods import METHODS
from earwitness.report.contents import Report, Section
from earwitness.report.figures import draw_explanation, draw_sound, save_figure
from earwitness.report.hearing import disagreements
from earwitness.report.html import write_html
from earwitness.report.overview import write_overview

PARTS = ("kept", "removed", "explanation")


def write_folder(report: Report, folder: Path) -> dict[str, Any]:
    """Write ``report.html``, pictures, sounds, ``explanation.npz`` and ``explanation.json``.

    A recording with several stretches has files numbered ``-1``, ``-2`` ... except the page; where methods stand
    side by side, their files also have the method's name, as in ``kept-2-slime.wav``.

    Args:
        report: what to write.
        folder: made if it is missing; files of the same name are replaced, and the numbered files of an earlier
            report in the same folder, which has its ``explanation.json``, go.

    A report on a whole long recording also has ``overview.png``, ``overview.npy`` (the joined explanation, freq ×
    time), ``windows.csv``, and ``original``, ``kept`` and ``removed`` as compressed sounds.

    Returns:
        What ``explanation.json`` says.

    Raises:
        EarwitnessError: the folder cannot be written.
    """
    make_folder(folder)
    had_report = (folder / "explanation.json").is_file()
    try:
        stretches = {section.start_s: section for section in reversed(report.sections)}
        written = set()
        for k, start_s in enumerate(sorted(stretches), 1):
            number = f"-{k}" if len(stretches) > 1 else ""
            _write_sound(stretches[start_s], "original", folder, number)
            for section in (each for each in report.sections if each.start_s == start_s):
                suffix = number + (f"-{section.attribution.method}" if report.methods else "")
                _write_section(section, folder, suffix)
                written |= {f"original{number}", *(f"{name}{suffix}" for name in PARTS)}
        write_html(report, folder / "report.html")
        content = summary(report)
        if report.overview is not None:
            content["overview"] = write_overview(report.overview, folder)
        with replacing(folder / "explanation.json") as path:
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8",
                            errors="backslashreplace")
        if had_report:
            _remove_others(folder, written)
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise EarwitnessError(f"{folder}: cannot be written ({error}); choose another place with --out") from error
    return content


def _remove_others(folder: Path, written: set[str]) -> None:
    """Remove what an earlier report with more stretches or other methods left."""
    methods = "|".join(map(re.escape, METHODS))  # now: plug-ins may have added some since this module was imported
    numbered = re.compile(rf"(original|{'|'.join(PARTS)})(-\d+)?(-({methods}))?\.(wav|png|npz)")
    for path in folder.iterdir():
        if numbered.fullmatch(path.name) and path.stem not in written:
            path.unlink()


def folder_name(clip_name: str) -> str:
    """Turn a file's name into a harmless folder name.

    >>> folder_name("<script>alert(1)</script>.wav")
    'script_alert_1_script'
    """
    stem = os.path.splitext(clip_name)[0]
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:80] or "recording"


def summary(report: Report) -> dict[str, Any]:
    """Return a report's numbers and settings as plain values; NaN becomes None."""
    sections = [{
        "start_s": section.start_s, "duration_s": section.duration_s, "target": section.attribution.target,
        "measured": section.measured, "predictions": [asdict(prediction) for prediction in section.predictions],
        "domain": section.domain, "metrics": section.measures.as_dict(),
        "metrics_by_domain": {domain: measures.as_dict() for domain, measures in section.by_domain.items()},
        "answers": [asdict(answer) for answer in section.answers], "disagreements": disagreements(section.answers),
    } | (_of_method(section) if report.methods else {}) for section in report.sections]
    content: dict[str, Any] = _plain({
        "recording": report.clip_name, "facts": dict(report.facts), "notes": list(report.notes),
        "command": report.command, "settings": dict(report.settings), "sections": sections,
        "timeline": [asdict(moment) for moment in report.timeline], "extra": dict(report.extra),
    } | ({"refusals": [asdict(refusal) for refusal in report.refusals]} if report.methods else {}))
    return content


def _of_method(section: Section) -> dict[str, Any]:
    """What tells a method from those beside it."""
    attribution = section.attribution
    return {"method": attribution.method, "settings": dict(attribution.settings), "passes": dict(attribution.passes),
            "seconds": section.seconds}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _write_sound(section: Section, name: str, folder: Path, suffix: str) -> None:
    sound = Clip(getattr(section.sounds, name).clamp(-1, 1), section.sounds.sample_rate_hz, name)
    audio.save(folder / f"{name}{suffix}.wav", sound)
    save_figure(draw_sound(section, name), folder / f"{name}{suffix}.png")


def _write_section(section: Section, folder: Path, suffix: str) -> None:
    for name in PARTS[:2]:
        _write_sound(section, name, folder, suffix)
    save_figure(draw_explanation(section), folder / f"explanation{suffix}.png")
    attribution = section.attribution
    with replacing(folder / f"explanation{suffix}.npz") as path:
        np.savez_compressed(
            path, values=attribution.values.cpu().numpy(), mask=section.mask.cpu().numpy(),
            spectrogram=section.spectrogram.cpu().numpy(), frequencies_hz=np.asarray(attribution.frequencies_hz),
            times_s=np.asarray(attribution.times_s) + section.start_s,
        )
