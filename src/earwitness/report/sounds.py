"""Original, kept and removed sound inside the page, at levels that compare."""

from __future__ import annotations

import io
import math

import soundfile
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.listening import SplitSound
from earwitness.report.pictures import data_uri

PEAK = 0.9
CEILING = 0.99


def common_gain(sounds: SplitSound) -> float:
    """Return the one gain for all three sounds: the original peaks at 0.9 unless another would clip.

    >>> import torch
    >>> common_gain(SplitSound(torch.tensor([0.45]), torch.tensor([0.2]), torch.tensor([0.25]), 8000))
    2.0
    """
    peaks = [_peak(sound) for sound in (sounds.original, sounds.kept, sounds.removed)]
    if not all(math.isfinite(peak) for peak in peaks):
        raise ParameterError("sounds has samples that are NaN or infinite; expected finite sound")
    loudest = max(peaks)
    gain_to_peak = PEAK / peaks[0] if peaks[0] > 0 else 1.0
    gain = min(gain_to_peak, CEILING / loudest) if loudest > 0 else 1.0
    return round(gain, 6)


def describe_gain(gain: float) -> str:
    """Say in words what the gain does; nothing where it does nothing.

    >>> describe_gain(2.0)
    'Played 6.0 dB louder than the recording; original, kept and removed by the same amount, so their levels compare.'
    """
    gain_db = 20 * math.log10(gain)
    if abs(gain_db) < 0.05:
        return ""
    return (
        f"Played {abs(gain_db):.1f} dB {'louder' if gain_db > 0 else 'quieter'} than the recording; "
        "original, kept and removed by the same amount, so their levels compare."
    )


def sound_uri(waveform: Tensor, *, sample_rate_hz: int, gain: float, compact: bool = False) -> str:
    """Return a sound inside a URI: 16-bit WAV, or the same samples as FLAC.

    Args:
        waveform: (time,), full scale ±1 after the gain.
        sample_rate_hz: samples per second.
        gain: factor, see ``common_gain``.
        compact: FLAC, which is half as long; for pages with many sounds.
    """
    form = "FLAC" if compact else "WAV"
    samples = (waveform.detach().cpu().float() * gain).clamp(-1.0, 1.0).numpy()
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate_hz, subtype="PCM_16", format=form)
    return data_uri(buffer.getvalue(), f"audio/{form.lower()}")


def adds_up(sounds: SplitSound) -> bool:
    """Say whether kept and removed sound together are the original, to within -60 dB of its peak."""
    return _peak(sounds.original - sounds.kept - sounds.removed) <= 1e-3 * _peak(sounds.original)


def _peak(sound: Tensor) -> float:
    return float(sound.detach().abs().max()) if sound.numel() else 0.0
