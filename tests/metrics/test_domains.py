"""Metrics on features beside metrics on the sound that a listener gets."""

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness import metrics
from earwitness.core.errors import ParameterError
from earwitness.frontends import MelDb, StftDb
from earwitness.listening import features_of_sounds

STFT, MEL = StftDb(8000, 256, 128), MelDb(8000, 256, 128, 20, 0, 4000)


class Loudness(nn.Module):
    """Two classes: more power below the middle row, or above it."""

    def forward(self, values):
        power = 10 ** (values / 10)
        half = values.shape[1] // 2
        return torch.stack([power[:, :half].mean((1, 2)), power[:, half:].mean((1, 2))], 1).log() / 4


def wrap(front_end, **how):
    return ew.AudioModel(Loudness(), front_end, labels=["low", "high"], window_s=0.512, **how)


@pytest.fixture
def clip(generator):
    """Noise, and a tone in the lower half."""
    tone = torch.sin(2 * torch.pi * 700 * torch.arange(4096) / 8000)
    return ew.Clip(0.1 * torch.randn(4096, generator=generator) + 0.5 * tone, 8000, "tone")


@pytest.mark.parametrize("inversion", ["projection", "least_squares"])
@pytest.mark.parametrize("normalise", [None, "peak", "rms"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_both_domains_agree_where_all_or_nothing_is_kept(clip, inversion, normalise, share):
    model = wrap(STFT, normalise=normalise)
    features = model.features(clip)
    mask = torch.full(features.values.shape[1:], share)
    given, heard = (metrics.measure(model, features, mask, 0, domain=domain, inversion=inversion)[1]
                    for domain in ("features", "audio"))
    assert torch.allclose(given, heard, atol=2e-4)
    silent, whole = (2, 1) if share else (1, 2)
    assert torch.allclose(given[whole], given[0], atol=1e-5)
    assert float(given[silent, 0]) < float(given[0, 0]) - 0.1


@pytest.mark.parametrize("inversion", ["projection", "least_squares"])
@pytest.mark.parametrize("name", ["mel_model", "stft_model"])
def test_the_audio_domain_is_the_model_on_what_is_played(request, scene, generator, name, inversion):
    """Slow twin: listen, make a clip of each part, ask the model."""
    model = request.getfixturevalue(name)
    features = model.features(scene.clip)
    quiet = ew.Clip(0.1 * scene.clip.waveform, scene.clip.sample_rate_hz)
    masks = torch.rand(3, *features.values.shape[1:], generator=generator)
    masks[1] = masks[1].round()
    masks[2] = scene.evidence(model.front_end)
    found, probabilities = metrics.measure_masks(model, features, masks, 7, domain="audio", inversion=inversion)
    for k, mask in enumerate(masks):
        heard = ew.listen(model, quiet, mask, inversion=inversion)
        kept, removed = (model.probabilities(ew.Clip(sound, heard.sample_rate_hz))[0]
                         for sound in (heard.kept, heard.removed))
        assert torch.allclose(probabilities[1 + k], kept, atol=2e-3)
        assert torch.allclose(probabilities[4 + k], removed, atol=2e-3)
        assert found[k].p_kept == pytest.approx(float(kept[7]), abs=2e-3)
        assert found[k].FF == pytest.approx(found[k].p - found[k].p_removed, abs=1e-6)
    assert torch.allclose(model.probabilities(scene.clip), probabilities[:1], atol=1e-5)


def test_a_mel_mask_leaks_into_the_bands_beside_it(clip):
    """Of what the low bands lose, the sound keeps some: bins between two bands carry both."""
    model = wrap(MEL)
    features = model.features(clip)
    half = MEL.n_bins // 2
    mask = (torch.arange(MEL.n_bins) >= half).float()[:, None].expand(features.values.shape[1:])
    given = ew.frontends.blend(features.values, mask, fill=-100.0)
    kept = model.front_end.inverse(features, mask)
    heard = model.front_end(kept).values
    assert float(given[:, half - 1].max()) == -100.0
    assert float(heard[:, half - 1].mean()) > -60.0
    on_features, on_audio = (metrics.measure(model, features, mask, 0, domain=domain)[0]
                             for domain in ("features", "audio"))
    assert on_features.p_kept < 0.05
    assert on_audio.p_kept > on_features.p_kept + 0.1  # the low class is heard again
    assert on_audio.p_removed > on_audio.p_kept
    assert on_features.kept_area == on_audio.kept_area


def test_the_models_own_levelling_is_part_of_what_it_hears(clip):
    """A faint mask keeps a faint sound; a model that sets the level first hears all of it."""
    mask = torch.full((MEL.n_bins, 33), 0.25)
    mask[0, 0] = 0.26
    levelled, plain = wrap(MEL, normalise="peak"), wrap(MEL)
    for model, gain_db in ((levelled, 0.0), (plain, 20 * torch.tensor(0.25).log10())):
        features = model.features(clip)
        kept = model.front_end.inverse(features, mask)
        heard = features_of_sounds(model, kept)
        assert float((heard.values - features.values)[:, 1:, 2:-2].median()) == pytest.approx(float(gain_db), abs=0.1)


def test_what_is_measured_does_not_depend_on_how_many_at_once(mel_model, scene, generator):
    features = mel_model.features(scene.clip)
    masks = torch.rand(9, *features.values.shape[1:], generator=generator).round()
    together, _ = metrics.measure_masks(mel_model, features, masks, 7, domain="audio")
    alone, _ = metrics.measure(mel_model, features, masks[8], 7, domain="audio")
    for name, value in alone.as_dict().items():
        assert getattr(together[8], name) == pytest.approx(value, abs=1e-3, nan_ok=True), name


def test_unknown_names_are_refused(clip):
    model = wrap(STFT)
    features = model.features(clip)
    mask = torch.ones(features.values.shape[1:])
    with pytest.raises(ParameterError, match=r"unknown domain 'sound'; .*known: audio, features"):
        metrics.measure(model, features, mask, 0, domain="sound")
    with pytest.raises(ParameterError, match="unknown inversion"):
        metrics.measure(model, features, mask, 0, domain="audio", inversion="magic")
