"""Waveform -> Features -> waveform."""

from earwitness.frontends.decibels import MelDb, StftDb
from earwitness.frontends.front_end import FrontEnd, Inversion, blend
from earwitness.frontends.ideal_mask import ideal_binary_mask
from earwitness.frontends.mel import mel_filters, project_to_bins
from earwitness.frontends.registry import FRONT_ENDS, build, describe
from earwitness.frontends.sample_plane import SamplePlane
from earwitness.frontends.stft import Stft
from earwitness.frontends.svd_log_mel import SvdLogMel
from earwitness.frontends.vggish_log_mel import VggishLogMel
from earwitness.frontends.waveform_plane import WaveformPlane

__all__ = ["FRONT_ENDS", "FrontEnd", "Inversion", "MelDb", "SamplePlane", "Stft", "StftDb", "SvdLogMel", "VggishLogMel",
           "WaveformPlane", "blend", "build", "describe", "ideal_binary_mask", "mel_filters", "project_to_bins"]
