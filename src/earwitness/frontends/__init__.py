"""Waveform -> Features -> waveform."""

from typing import Any

from earwitness.core import moved
from earwitness.frontends.front_end import FrontEnd, Inversion, blend
from earwitness.frontends.ideal_mask import ideal_binary_mask
from earwitness.frontends.mel import mel_filters, project_to_bins
from earwitness.frontends.mel_db import MelDb
from earwitness.frontends.registry import FRONT_ENDS, build_front_end, describe_front_end, front_end_named, short_name
from earwitness.frontends.sample_plane import SamplePlane
from earwitness.frontends.singing_log_mel import SingingVoiceLogMel
from earwitness.frontends.stft import Stft
from earwitness.frontends.stft_db import StftDb
from earwitness.frontends.vggish_log_mel import VggishLogMel
from earwitness.frontends.waveform_plane import WaveformPlane

__all__ = ["FRONT_ENDS", "FrontEnd", "Inversion", "MelDb", "SamplePlane", "SingingVoiceLogMel", "Stft", "StftDb",
           "VggishLogMel", "WaveformPlane", "blend", "build_front_end", "describe_front_end", "front_end_named",
           "ideal_binary_mask", "mel_filters", "project_to_bins", "short_name"]


def __getattr__(name: str) -> Any:
    if name in FRONT_ENDS and name != "SvdLogMel":  # one that was added needs no line here
        return FRONT_ENDS[name]
    return moved.attribute(__name__, name)
