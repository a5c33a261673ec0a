"""Everything on disk or in the wild enters here: load, save, resample, normalise, mix.

Recordings are mono inside earwitness: the channels of a file are averaged. A silent clip stays
silent whatever the normalisation; a short one is padded with silence to the model's window; a long
one is read window by window (``windows``), never whole.
"""

from earwitness.audio.finding import find_files
from earwitness.audio.levels import Level, fit_length, mix_at_snr, mix_rms, normalise
from earwitness.audio.reading import MAX_DURATION_S, SUFFIXES, FileInfo, info, load, windows
from earwitness.audio.resampling import resample
from earwitness.audio.saving import save

__all__ = ["MAX_DURATION_S", "SUFFIXES", "FileInfo", "Level", "find_files", "fit_length", "info", "load", "mix_at_snr",
           "mix_rms", "normalise", "resample", "save", "windows"]
