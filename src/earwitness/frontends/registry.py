"""Front ends by name, for model cards and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_type_hints

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.validation import fits
from earwitness.frontends.front_end import FrontEnd
from earwitness.frontends.mel_db import MelDb
from earwitness.frontends.sample_plane import SamplePlane
from earwitness.frontends.singing_log_mel import SingingVoiceLogMel
from earwitness.frontends.stft_db import StftDb
from earwitness.frontends.vggish_log_mel import VggishLogMel
from earwitness.frontends.waveform_plane import WaveformPlane

FRONT_ENDS: dict[str, type[FrontEnd]] = {
    "StftDb": StftDb,
    "MelDb": MelDb,
    "SingingVoiceLogMel": SingingVoiceLogMel,
    "SvdLogMel": SingingVoiceLogMel,  # as older cards say it
    "VggishLogMel": VggishLogMel,
    "WaveformPlane": WaveformPlane,
    "SamplePlane": SamplePlane,
}


def describe_front_end(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as plain values, for model cards and reports.

    >>> describe_front_end(StftDb())
    {'type': 'StftDb', 'sample_rate_hz': 16000, 'n_fft': 512, 'hop_samples': 256}
    """
    return {"type": type(front_end).__name__, **asdict(front_end)}  # type: ignore[call-overload]


def short_name(front_end: FrontEnd) -> str:
    """Return what tables and plans call a front end.

    >>> short_name(MelDb()), short_name(SamplePlane())
    ('mel', 'SamplePlane')
    """
    return front_end.short_name or type(front_end).__name__


def front_end_named(name: str) -> FrontEnd:
    """Return a front end by its short name, with its own defaults.

    Raises:
        ParameterError: no front end has this short name.

    >>> front_end_named("stft")
    StftDb(sample_rate_hz=16000, n_fft=512, hop_samples=256)
    """
    by_short_name = {kind.short_name: kind for kind in FRONT_ENDS.values() if kind.short_name}
    if name not in by_short_name:
        raise unknown_name("front end", name, by_short_name)
    return by_short_name[name]()


def build_front_end(description: dict[str, Any]) -> FrontEnd:
    """Make the front end that ``describe_front_end`` described.

    >>> build_front_end({"type": "StftDb", "sample_rate_hz": 8000, "n_fft": 256, "hop_samples": 128})
    StftDb(sample_rate_hz=8000, n_fft=256, hop_samples=128)
    """
    settings = dict(description)
    name = settings.pop("type", None)
    if name not in FRONT_ENDS:
        raise unknown_name("front end", name, FRONT_ENDS)
    hints = get_type_hints(FRONT_ENDS[name])
    for setting, value in settings.items():
        if setting not in hints or not fits(value, hints[setting]):
            raise ParameterError(f"{name}: {setting} is {str(value)[:40]!r}; expected settings as {name}() has them")
    return FRONT_ENDS[name](**settings)
