"""Audio quality of what masks keep: the reconstructed sounds beside the recording."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from earwitness.audio.resampling import resample_array
from earwitness.core.types import Features
from earwitness.metrics import sound_metrics
from earwitness.models import AudioModel

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
        One number per mask, by name, in the order of ``METRICS``.
    """
    chosen_metrics = {name: metric for name, metric in sound_metrics().items() if name in metrics}
    if not chosen_metrics:
        return {}
    with torch.no_grad():
        recording = model.front_end.inverse(features)
        kept = model.front_end.inverse(features.with_values(features.values.expand_as(masks)), masks)
    given = {"reference": recording, "estimate": kept}
    if any("sample_rate_hz" in metric.parameters for metric in chosen_metrics.values()):  # made for speech, at its rate
        slow = {name: torch.from_numpy(resample_array(sound.cpu().numpy().T, model.sample_rate_hz, SPEECH_RATE_HZ).T)
                for name, sound in given.items()} | {"sample_rate_hz": SPEECH_RATE_HZ}
    return {name: metric.of(slow if "sample_rate_hz" in metric.parameters else given, len(masks))
            for name, metric in chosen_metrics.items()}
