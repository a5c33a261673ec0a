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

FRONT_ENDS: dict[str, type[FrontEnd]] = {"StftDb": StftDb, "MelDb": MelDb, "SingingVoiceLogMel": SingingVoiceLogMel,
                                         "SvdLogMel": SingingVoiceLogMel,  # as cards say it
                                         "VggishLogMel": VggishLogMel, "WaveformPlane": WaveformPlane,
                                         "SamplePlane": SamplePlane}


def describe_front_end(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as plain values, for model cards and reports.

    >>> describe(StftDb())
    {'type': 'StftDb', 'sample_rate_hz': 16000, 'n_fft': 512, 'hop_samples': 256}
    """
    return {"type": type(front_end).__name__, **asdict(front_end)}  # type: ignore[call-overload]


def build_front_end(description: dict[str, Any]) -> FrontEnd:
    """Make the front end that ``describe_front_end`` described.

    >>> build({"type": "StftDb", "sample_rate_hz": 8000, "n_fft": 256, "hop_samples": 128})
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
