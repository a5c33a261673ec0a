"""Waveform -> Features -> waveform."""

from earwitness.frontends.mel import mel_filters, project_to_bins
from earwitness.frontends.spectrograms import (
    FRONT_ENDS,
    FrontEnd,
    MelDb,
    StftDb,
    VggishLogMel,
    blend,
    build,
    describe,
)
from earwitness.frontends.stft import Stft

__all__ = ["FRONT_ENDS", "FrontEnd", "MelDb", "Stft", "StftDb", "VggishLogMel", "blend", "build", "describe",
           "mel_filters", "project_to_bins"]
