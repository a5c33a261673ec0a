import sys
import types

import numpy as np
import pytest
import torch

import earwitness as ew
from earwitness.metrics import log_spectral_distance, measure, measure_masks, pesq, si_sdr, stoi


@pytest.fixture
def sounds(generator):
    return torch.randn(2, 3, 4000, generator=generator)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 30.0])
def test_si_sdr_of_a_sound_with_orthogonal_noise_is_its_level(snr_db):
    t = torch.arange(8000) / 8000
    wanted, noise = torch.sin(2 * torch.pi * 50 * t), torch.sin(2 * torch.pi * 70 * t)
    heard = 0.3 * (wanted + noise * 10 ** (-snr_db / 20)) + 0.1
    assert float(si_sdr(wanted, heard)) == pytest.approx(snr_db, abs=1e-3)


def test_si_sdr_as_the_formula_has_it(sounds):
    reference, estimate = (s.double().numpy() for s in sounds)
    for k in range(3):
        s, e = reference[k] - reference[k].mean(), estimate[k] - estimate[k].mean()
        a = e @ s / (s @ s)
        expected = 10 * np.log10(np.sum((a * s) ** 2) / np.sum((a * s - e) ** 2))
        assert float(si_sdr(*sounds)[k]) == pytest.approx(expected, rel=1e-5)


def test_log_spectral_distance_of_another_level_is_the_difference(sounds):
    assert log_spectral_distance(sounds[0], sounds[0]).tolist() == [0.0] * 3
    assert log_spectral_distance(sounds[0], sounds[0] / 2).tolist() == pytest.approx([6.02] * 3, abs=0.01)


def test_log_spectral_distance_as_the_formula_has_it(sounds):
    reference, estimate = sounds[0, 0].numpy(), sounds[1, 0].numpy()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    levels = []
    for sound in (reference, estimate):
        frames = np.stack([sound[n : n + 512] * window for n in range(0, 4000 - 511, 256)])
        levels.append(np.abs(np.fft.rfft(frames)) ** 2)
    floor = levels[0].max() * 1e-8
    difference = 10 * np.log10(np.maximum(levels[0], floor) / np.maximum(levels[1], floor))
    expected = np.sqrt((difference**2).mean(1)).mean()
    assert float(log_spectral_distance(*sounds[:, 0])) == pytest.approx(expected, rel=1e-4)


def test_silence_has_no_ratio(sounds):
    assert si_sdr(sounds[0], 0 * sounds[0]).isnan().all()
    assert si_sdr(0 * sounds[0], sounds[0]).isnan().all()
    assert bool((log_spectral_distance(sounds[0], 0 * sounds[0]) > 50).all())


def test_lengths_that_differ_are_named(sounds):
    for metric in (si_sdr, log_spectral_distance):
        with pytest.raises(ew.ParameterError, match="last axes must match"):
            metric(sounds[0], sounds[0, :, 1:])
    with pytest.raises(ew.ParameterError, match="expected at least 512"):
        log_spectral_distance(sounds[..., :100], sounds[..., :100])


def test_packages_for_speech_are_asked_item_by_item(sounds, monkeypatch):
    calls = []
    fake = types.SimpleNamespace(
        pesq=lambda rate, a, b, mode, on_error: calls.append((rate, mode, len(a))) or -1.0 + 3 * (len(calls) > 1),
        PesqError=types.SimpleNamespace(RETURN_VALUES=1), stoi=lambda a, b, rate: float(a[0] > b[0]))
    monkeypatch.setitem(sys.modules, "pesq", fake)
    monkeypatch.setitem(sys.modules, "pystoi", fake)
    assert pesq(sounds[0, :1], sounds[1], sample_rate_hz=16000).tolist()[1:] == [2.0, 2.0]
    assert calls == [(16000, "wb", 4000)] * 3
    assert pesq(sounds[0], 0 * sounds[1], sample_rate_hz=8000).isnan().all()
    expected = (sounds[0, :, 0] > sounds[1, :, 0]).float()
    assert stoi(sounds[0], sounds[1], sample_rate_hz=8000).tolist() == expected.tolist()
    with pytest.raises(ew.ParameterError, match="PESQ expects 8000 or 16000"):
        pesq(sounds[0], sounds[1], sample_rate_hz=44100)


def test_packages_for_speech_have_a_hint(sounds, monkeypatch):
    for name, metric in (("pesq", pesq), ("pystoi", stoi)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ew.MissingExtraError, match=r"pip install 'earwitness\[quality\]'"):
            metric(sounds[0], sounds[1], sample_rate_hz=16000)


def test_many_masks_at_once_measure_as_one_by_one(mel_model, scene, generator):
    features = mel_model.features(scene.clip)[:1]
    masks = torch.rand(20, *features.values.shape[1:], generator=generator).round()
    masks[3] = 1.0
    together, probabilities = measure_masks(mel_model, features, masks, 7)
    assert probabilities.shape == (41, 10)
    for mask, found in zip(masks, together, strict=True):
        alone, _ = measure(mel_model, features, mask, 7)
        for name, value in alone.as_dict().items():
            assert getattr(found, name) == pytest.approx(value, abs=1e-4, nan_ok=True), name


def test_masks_that_do_not_fit_are_named(mel_model, scene):
    features = mel_model.features(scene.clip)[:1]
    with pytest.raises(ew.ParameterError, match=r"expected \(k, freq, time\)"):
        measure_masks(mel_model, features, torch.ones(2, 3, 4), 0)
    with pytest.raises(ew.ParameterError, match="not in 0 to 1"):
        measure_masks(mel_model, features, torch.full((1, *features.values.shape[1:]), 2.0), 0)
