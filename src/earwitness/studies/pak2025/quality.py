"""Audio quality of what masks keep: the reconstructed sounds beside the recording."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from earwitness.audio.resampling import resample_array
from earwitness.core.types import Features
from earwitness.metrics import log_spectral_distance, pesq, si_sdr, stoi
from earwitness.models import AudioModel
from earwitness.studies.pak2025.plan import AUDIO_QUALITY

SPEECH_RATE_HZ = 16000


def audio_quality(
    model: AudioModel, features: Features, masks: Tensor, metrics: Sequence[str]
) -> dict[str, list[float]]:
    """Compare the sounds that masks keep with the recording, both at the level the model hears.

    Args:
        model: gives the front end.
        features: a batch of one.
        masks: (k, freq, time).
        metrics: names; those that are not of audio quality are left out.

    Returns:
        One number per mask, by name, in the order of ``AUDIO_QUALITY``.
    """
    wanted = [name for name in AUDIO_QUALITY if name in metrics]
    if not wanted:
        return {}
    with torch.no_grad():
        recording = model.front_end.inverse(features)
        kept = model.front_end.inverse(features.with_values(features.values.expand_as(masks)), masks)
    found: dict[str, list[float]] = {}
    if "SISDR" in wanted:
        found["SISDR"] = si_sdr(recording, kept).tolist()
    if "LSD" in wanted:
        found["LSD"] = log_spectral_distance(recording, kept).tolist()
    if {"PESQ", "STOI"} & set(wanted):
        slow = [torch.from_numpy(resample_array(sound.cpu().numpy().T, model.sample_rate_hz, SPEECH_RATE_HZ).T)
                for sound in (recording, kept)]
        for name, metric in (("PESQ", pesq), ("STOI", stoi)):
            if name in wanted:
                found[name] = metric(slow[0], slow[1], sample_rate_hz=SPEECH_RATE_HZ).tolist()
    return found
