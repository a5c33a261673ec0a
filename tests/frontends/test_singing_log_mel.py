import json
import math

import numpy as np
import pytest
import torch

from earwitness import frontends
from earwitness.core.errors import ParameterError
from earwitness.frontends import SingingVoiceLogMel
from earwitness.frontends.singing_log_mel import sum_normalised_filters

MEAN, STD = [-4.0 + 0.01 * k for k in range(80)], [1.5 + 0.01 * k for k in range(80)]


def slow_filters(sample_rate_hz, n_fft, n_mels, low_hz, high_hz):
    """Triangles in Hz between points that are equally far apart in mel, one weight at a time."""
    def to_mel(hz):
        return 1127 * math.log(1 + hz / 700)

    step = (to_mel(high_hz) - to_mel(low_hz)) / (n_mels + 1)
    points = [700 * (math.exp((to_mel(low_hz) + k * step) / 1127) - 1) for k in range(n_mels + 2)]
    rows = np.zeros((n_mels, n_fft // 2 + 1))
    for m in range(n_mels):
        inside = [[k for k in range(n_fft // 2 + 1) if a <= k * sample_rate_hz / n_fft < b]
                  for a, b in zip(points[m : m + 2], points[m + 1 : m + 3], strict=True)]
        for k in inside[0]:
            rows[m, k] = (k * sample_rate_hz / n_fft - points[m]) / len(inside[0])
        for k in inside[1]:
            rows[m, k] = (points[m + 2] - k * sample_rate_hz / n_fft) / len(inside[1])
        rows[m] /= sum(rows[m])
    return rows


def test_values_are_those_of_the_slow_formula(generator):
    waveform = 0.1 * torch.randn(1, 1024 + 315 * 4, generator=generator, dtype=torch.float64)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = [waveform[0, 315 * k : 315 * k + 1024].numpy() * window for k in range(5)]
    mel = slow_filters(22050, 1024, 80, 27.5, 8000) @ np.abs(np.fft.rfft(frames, axis=1)).T
    expected = (np.log(np.maximum(mel, 1e-7)) - np.array(MEAN)[:, None]) / np.array(STD)[:, None]
    np.testing.assert_allclose(SingingVoiceLogMel(mean=MEAN, std=STD)(waveform).values[0], expected, atol=1e-9)


def test_an_excerpt_has_115_frames_70_a_second():
    front_end = SingingVoiceLogMel()
    assert front_end(torch.zeros(1, 36934)).values.shape == (1, 80, 115)
    times = front_end.times_s(115)
    assert float(times[1] - times[0]) == pytest.approx(1 / 70)
    assert float(times[0]) == pytest.approx(512 / 22050)


def test_silence_differs_from_band_to_band():
    front_end = SingingVoiceLogMel(mean=MEAN, std=STD)
    values = front_end(torch.zeros(1, 4000)).values
    assert torch.allclose(values[0], front_end.silent(values).expand(-1, values.shape[2]), atol=1e-5)
    assert front_end.silence == pytest.approx(float(values.double().mean()), abs=1e-5)


def test_the_way_back_undoes_the_z_score(generator):
    front_end = SingingVoiceLogMel(mean=MEAN, std=STD)
    waveform = 0.1 * torch.randn(1, 9000, generator=generator, dtype=torch.float64)
    features = front_end(waveform)
    mel = front_end.filters(features.values) @ features.stft.abs()
    assert torch.allclose(front_end.to_linear(features.values), mel)
    assert torch.allclose(front_end.inverse(features)[:, 1024:7000], waveform[:, 1024:7000])


def test_a_filter_bank_at_another_pitch_hears_a_tone_where_its_pitch_would_be():
    def band_of(hz, pitch):
        bins = np.zeros(513)
        bins[round(hz * 1024 / 22050)] = 1
        return int((sum_normalised_filters(22050, 1024, 80, 27.5, 8000.0, pitch) @ bins).argmax())

    assert band_of(1000, 1.3) == pytest.approx(band_of(1300, 1.0), abs=1)
    assert band_of(2000, 0.7) == pytest.approx(band_of(1400, 1.0), abs=1)


def test_a_card_brings_the_statistics_back():
    front_end = SingingVoiceLogMel(mean=MEAN, std=STD, minimum=-7.5)
    assert frontends.build_front_end(json.loads(json.dumps(frontends.describe_front_end(front_end)))) == front_end


@pytest.mark.parametrize(("settings", "message"), [
    ({"mean": [0.0] * 79}, "mean has 79 entries; expected a finite number for each of the 80 bands"),
    ({"std": [1.0] * 79 + [0.0]}, "std has 0.0; expected positive"),
    ({"std": [1.0] * 79 + [math.nan]}, "expected a finite number"),
    ({"mean": ["x"] * 80}, "expected a finite number"),
])
def test_wrong_statistics_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        SingingVoiceLogMel(**settings)


def test_more_bands_than_bins_are_refused():
    with pytest.raises(ParameterError, match="200 bands are too many for n_fft=1024: band "):
        SingingVoiceLogMel(n_mels=200)(torch.zeros(1, 2000))
