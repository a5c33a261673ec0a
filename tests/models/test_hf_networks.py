"""Models of transformers as AudioModels: the same answers, windows, labels, loading."""

import json
import sys

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import MissingExtraError, ParameterError, WeightsError
from tests import made_transformers as made

transformers = made.transformers


def heard(extractor, sound):
    return extractor(sound.numpy(), sampling_rate=16000, return_tensors="pt")


@pytest.mark.parametrize("name", made.CLASSIFIERS)
@pytest.mark.parametrize("seconds", [0.4, 1.2])
def test_probabilities_are_those_of_transformers(name, seconds, generator):
    network, extractor, model = made.made(name)
    clip = ew.Clip(made.speech_like(seconds, 16000, generator), 16000)
    with torch.no_grad():
        wanted = network(**heard(extractor, clip.waveform)).logits.softmax(-1)
    assert float(wanted.std()) > 0.01
    torch.testing.assert_close(model.probabilities(clip), wanted, atol=1e-4, rtol=0)
    assert model.labels == ("bird", "car", "rain")
    assert model.sample_rate_hz == 16000


@pytest.mark.parametrize("name", made.ENCODERS)
def test_embeddings_are_those_of_transformers(name, generator):
    network, extractor, model = made.made(name)
    clip = ew.Clip(made.speech_like(0.7, 16000, generator), 16000)
    inputs = heard(extractor, clip.waveform)
    with torch.no_grad():
        if name == "whisper_encoder":
            wanted = network.encoder(**inputs).last_hidden_state.mean(1)
        else:
            wanted = network(**inputs).audio_embeds if name == "clap" else (
                network.get_audio_features(**inputs).pooler_output)
        got = model.embed(model.features(clip))
        assert torch.equal(model.network(clip.waveform[None]), model.network.embed(clip.waveform[None]))
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)
    assert model.labels == ()


@pytest.mark.parametrize(("name", "window_s"), [("ast", 1.275), ("whisper", 2.0), ("wav2vec2", None), ("clap", 2.0)])
def test_windows_are_what_the_extractor_hears(name, window_s, generator):
    network, extractor, model = made.made(name)
    assert model.window_s == window_s
    long = ew.Clip(0.1 * torch.randn(48000, generator=generator), 16000)
    features = model.features(long)
    assert len(features) == (1 if window_s is None else -(-3 // window_s))
    if name in ("ast", "whisper"):  # they cut off what comes after the first window
        with torch.no_grad():
            wanted = network(**heard(extractor, long.waveform)).logits.softmax(-1)
        torch.testing.assert_close(model.probabilities(long)[:1], wanted, atol=1e-4, rtol=0)
    short = model.features(ew.Clip(torch.ones(8000), 16000))
    assert short.length_samples == 8000


def test_the_shortest_clips_are_heard():
    for name in ("ast", "wav2vec2", "clap"):
        model = made.made(name)[2]
        assert model.network(torch.ones(2, 20)).isfinite().all()


def test_embeddings_of_classifiers_are_their_encoders(generator):
    network, extractor, model = made.made("wav2vec2")
    sound = torch.randn(8000, generator=generator)
    with torch.no_grad():
        wanted = network.wav2vec2(**heard(extractor, sound)).last_hidden_state.mean(1)
        torch.testing.assert_close(model.network.embed(sound[None]), wanted)


def test_labels_and_activation_follow_the_configuration():
    network, extractor = made.ast()
    assert ew.AudioModel.from_transformers(network, extractor).activation == "softmax"
    assert ew.AudioModel.from_transformers(network, extractor, activation="sigmoid").activation == "sigmoid"
    network.config.problem_type = "multi_label_classification"
    network.config.id2label = {2: "rain", 0: "bird", 1: "bird"}
    model = ew.AudioModel.from_transformers(network, extractor, name="ours")
    assert (model.activation, model.labels, model.name) == ("sigmoid", ("bird (0)", "bird (1)", "rain"), "ours")
    network.config.problem_type = "regression"
    with pytest.raises(ParameterError, match="problem_type is 'regression'"):
        ew.AudioModel.from_transformers(network, extractor)


def test_what_does_not_fit_is_refused():
    network, extractor = made.ast()
    with pytest.raises(ParameterError, match="with the inputs of RawWaveform; expected AST"):
        ew.AudioModel.from_transformers(network, transformers.Wav2Vec2FeatureExtractor())
    with pytest.raises(ParameterError, match="feature_extractor is missing"):
        ew.AudioModel.from_transformers(network)
    with pytest.raises(ParameterError, match="model is a Linear; expected a model of transformers"):
        ew.AudioModel.from_transformers(torch.nn.Linear(2, 2), extractor)
    with pytest.raises(ParameterError, match="enable_fusion=False but feature_extractor fuses"):
        ew.AudioModel.from_transformers(made.clap()[0], made.clap_fused()[1])


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize("name", ["ast", "clap"])
def test_models_load_from_a_folder(name, tmp_path, generator):
    network, extractor, model = made.made(name)
    network.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    sound = torch.randn(1, 8000, generator=generator)
    loaded = ew.AudioModel.from_transformers(str(tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(loaded.network(sound), model.network(sound))
    assert (loaded.labels, loaded.name) == (model.labels, str(tmp_path))


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_pickled_weights_are_not_loaded(tmp_path):
    network, extractor = made.ast()
    network.config.architectures = ["ASTForAudioClassification"]
    network.config.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"cannot load .* expected .* safetensors") as caught:
        ew.AudioModel.from_transformers(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["MIT/ast-finetuned-audioset-10-10-0.4593", "no such name!", "/no/such/folder"])
def test_a_name_that_cannot_be_had_is_one_clear_line(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"cannot load .* from Hugging Face: ") as caught:
        ew.AudioModel.from_transformers(name)
    assert "\n" not in str(caught.value)


def test_a_folder_with_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "evil.py").write_text("raise SystemExit('code of a stranger ran')")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": {
        "AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}))
    with pytest.raises(WeightsError, match="cannot load"):
        ew.AudioModel.from_transformers(tmp_path)


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earwitness\[hf\]'"):
        ew.AudioModel.from_transformers("MIT/ast")
