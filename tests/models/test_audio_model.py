import json

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import EarwitnessError, ParameterError, WeightsError
from earwitness.models.eval_mode import eval_mode


class Loudness(nn.Module):
    """Two classes: loud and quiet, by the mean level."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        level = self.dropout(x).mean((1, 2)) * self.scale
        return torch.stack([level, -level], 1)


@pytest.fixture
def model():
    return ew.AudioModel(Loudness(), ew.frontends.StftDb(), labels=["loud", "quiet"], window_s=1.0)


@pytest.mark.parametrize(("rate", "seconds", "windows"), [
    (16000, 1.0, 1), (44100, 0.001, 1), (8000, 2.5, 3), (48000, 3.0, 3),
])
def test_clips_of_any_rate_and_length_become_windows(model, rate, seconds, windows):
    features = model.features(ew.Clip(torch.ones(max(10, round(rate * seconds))), rate))
    assert features.values.shape == (windows, 257, 63)
    assert model.probabilities(features).shape == (windows, 2)


def test_dropped_and_kept_rests(model, generator):
    sound = torch.randn(16000 * 2 + 100, generator=generator)
    kept = model.waveforms(ew.Clip(sound, 16000))
    assert torch.equal(kept[2], torch.cat([sound[32000:], torch.zeros(15900)]))
    dropping = ew.AudioModel(Loudness(), ew.frontends.StftDb(), window_s=1.0, keep_partial=False)
    assert torch.equal(dropping.waveforms(ew.Clip(sound, 16000)), kept[:2])


def test_windows_are_normalised_one_by_one(generator):
    model = ew.AudioModel(Loudness(), ew.frontends.StftDb(), window_s=1.0, normalise="peak")
    sound = torch.randn(16000, generator=generator)
    both = model.features(ew.Clip(torch.cat([sound, 0.01 * sound]), 16000)).values
    assert torch.allclose(both[0], both[1], atol=1e-3)


def test_the_network_is_left_as_it_was_found(model):
    model.network.train()
    model.network.scale.requires_grad_(False)
    ew.explain(model, ew.Clip(torch.ones(16000), 16000), "saliency")
    assert model.network.training
    assert model.network.dropout.training
    assert not model.network.scale.requires_grad
    modes = []

    def fail_inside():
        with eval_mode(model.network):
            modes.append(model.network.dropout.training)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_inside()
    assert [*modes, model.network.dropout.training] == [False, True]


def test_targets_by_name_and_number(model):
    assert [model.class_index(t) for t in ("quiet", 1, "1")] == [1, 1, 1]
    for bad in ("quite", 2, -1, "7"):
        with pytest.raises(ParameterError, match="unknown target"):
            model.class_index(bad)
    unlabelled = ew.AudioModel(Loudness(), ew.frontends.StftDb())
    assert unlabelled.class_index(1) == 1
    assert unlabelled.class_name(1) == "1"


def test_what_does_not_fit_is_said(model):
    with pytest.raises(ParameterError, match=r"torch\.nn\.Module"):
        ew.AudioModel(lambda x: x, ew.frontends.StftDb())
    with pytest.raises(ParameterError, match=r"one of earwitness\.frontends"):
        ew.AudioModel(Loudness(), None)
    with pytest.raises(ParameterError, match="unknown activation 'softmx'; did you mean 'softmax'"):
        ew.AudioModel(Loudness(), ew.frontends.StftDb(), activation="softmx")
    with pytest.raises(ParameterError, match="duplicates"):
        ew.AudioModel(Loudness(), ew.frontends.StftDb(), labels=["a", "a"])
    three = ew.AudioModel(Loudness(), ew.frontends.StftDb(), labels=["a", "b", "c"])
    with pytest.raises(ParameterError, match=r"\(1, 2\); expected \(batch, 3\)"):
        three.probabilities(ew.Clip(torch.ones(16000), 16000))
    with pytest.raises(ParameterError, match="no embed method"):
        model.embed(model.features(ew.Clip(torch.ones(16000), 16000)))


def test_unknown_models_suggest_a_name(tmp_path):
    with pytest.raises(ParameterError, match="did you mean 'esc10-mel'"):
        ew.load_model("esc10-mle")
    (tmp_path / "card.json").write_text('{"name": "mine", "arch": "small"}')
    with pytest.raises(WeightsError, match="has no summary, origin, licence, front_end, weights, checksum"):
        ew.load_model(tmp_path)


@pytest.mark.parametrize(("entry", "value", "words"), [
    ("hop_s", "x", '"x"; expected a number or null'), ("labels", None, "null; expected a list"),
    ("name", 5, "5; expected text"), ("front_end", "mel", '"mel"; expected an object'),
    ("keep_partial", 1, "1; expected true or false"),
])
def test_a_card_is_corrected_in_the_words_of_its_writer(tmp_path, entry, value, words):
    (tmp_path / "card.json").write_text(json.dumps({entry: value}))
    with pytest.raises(WeightsError, match=f"card.json: {entry} is {words}"):
        ew.load_model(tmp_path)


@pytest.mark.parametrize("change", [
    {"hop_s": 0}, {"hop_s": -1}, {"hop_s": "x"}, {"window_s": 1e9}, {"window_s": [5]}, {"labels": 3}, {"arch": "big"},
    {"front_end": {"type": "MelDb", "n_fft": "x"}}, {"front_end": {"type": "MelDb", "n_fft": -4}},
    {"front_end": {"type": "Mel"}}, {"front_end": {"type": "MelDb", "n_mels": 1000000}},
    {"front_end": {"type": "StftDb", "hop_samples": 1}}, {"arch_settings": {"n_classes": -1, "n_bins": 64}},
    {"activation": "relu"},
    {"normalise": "loud"}, {"checksum": "sha999:00"}, {"checksum": ""}, {"weights": "missing.safetensors"},
    {"nonsense": 1}, {"name": 5},
])
def test_broken_cards_are_one_line(tmp_path, change):
    import shutil
    from importlib import resources

    bundled = resources.files("earwitness.models") / "bundled"
    shutil.copy(str(bundled / "esc10-mel.safetensors"), tmp_path)
    card = json.loads((bundled / "esc10-mel.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps(card | change))
    with pytest.raises(EarwitnessError) as caught:
        ew.load_model(tmp_path).features(ew.Clip(torch.zeros(16000), 16000))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "[" * 100_000, "", "not json", "3"])
def test_what_is_no_card_is_said(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(WeightsError, match="not a model card"):
        ew.load_model(tmp_path)


def test_double_precision_models_hear_double_precision(model):
    model.network.double()
    assert model.features(ew.Clip(torch.ones(16000), 16000)).values.dtype == torch.float64


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", sorted(ew.METHODS))
def test_the_same_explanation_on_the_gpu(mel_model, scene, method):
    here = ew.explain(mel_model, scene.clip, method).values
    there = ew.load_model("esc10-mel")
    there.network.to("cuda")
    got = ew.explain(there, scene.clip, method).values.cpu()
    assert torch.allclose(got, here, atol=1e-3 * float(here.abs().max()))
