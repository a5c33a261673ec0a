from importlib import resources
from pathlib import Path

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.models import SingingVoiceNet
from earwitness.training import borrowed_rng

WINDOW_S = 36934 / 22050


@pytest.fixture(scope="module")
def network():
    with borrowed_rng(0):
        return SingingVoiceNet().eval()


@pytest.fixture(scope="module")
def model(network):
    return ew.AudioModel(network, ew.frontends.SingingVoiceLogMel(), labels=["vocal"], activation="sigmoid",
                         window_s=WINDOW_S)


@pytest.fixture
def clip(generator):
    return ew.Clip(0.1 * torch.randn(36934, generator=generator), 22050, "noise")


def test_layers_are_those_of_the_publication():
    shapes = {name: tuple(value.shape) for name, value in SingingVoiceNet().state_dict().items()}
    assert shapes == {
        "conv1.weight": (64, 1, 3, 3), "conv1.bias": (64,), "conv2.weight": (32, 64, 3, 3), "conv2.bias": (32,),
        "conv4.weight": (128, 32, 3, 3), "conv4.bias": (128,), "conv5.weight": (64, 128, 3, 3), "conv5.bias": (64,),
        "fc7.weight": (256, 4928), "fc7.bias": (256,), "fc8.weight": (64, 256), "fc8.bias": (64,),
        "fc9.weight": (1, 64), "fc9.bias": (1,)}
    assert all(layer.negative_slope == 0.01 for layer in SingingVoiceNet().modules()
               if isinstance(layer, torch.nn.LeakyReLU))


def test_dropout_comes_before_every_dense_layer(network):
    kinds = [type(layer).__name__ for layer in network.children()]
    assert [kinds[k - 1] for k, kind in enumerate(kinds) if kind == "Linear"] == ["Dropout"] * 3


@pytest.mark.parametrize("n_frames", [115, 116, 118, 123, 124, 150])
def test_sliding_is_calling_the_network_on_every_excerpt(network, n_frames, generator):
    features = torch.randn(80, n_frames, generator=generator)
    with torch.no_grad():
        slow = torch.cat([network(features[None, :, t : t + 115])[:, 0] for t in range(n_frames - 114)])
        fast = network.slide(features)
    assert n_frames == 115 or slow.std() > 1e-3
    assert torch.allclose(fast, slow, atol=1e-5)


def test_wrong_shapes_are_refused(network):
    with pytest.raises(ParameterError, match=r"\(1, 80, 114\); expected \(batch, 80, 115\)"):
        network(torch.zeros(1, 80, 114))
    with pytest.raises(ParameterError, match=r"expected \(80, time >= 115\)"):
        network.slide(torch.zeros(80, 100))


def test_one_label_is_a_probability_of_its_own(model, clip):
    features = model.features(clip)
    probability = model.probabilities(features)
    assert probability.shape == (1, 1)
    assert torch.allclose(probability, torch.sigmoid(model.logits(features)))
    assert ew.targets.scores.predicted_class(model, features) == 0
    assert float(ew.targets.scores.ClassProbability(model, 0)(features).detach()) == pytest.approx(float(probability))
    assert model.embed(features).shape == (1, 64)


@pytest.mark.parametrize(("method", "settings"), [
    ("saliency", {}), ("gradcam", {}), ("deep_shap", {}), ("occlusion", {}),
    ("slime", {"n_samples": 12, "fill": "mean_inp"}), ("slime", {"n_samples": 12, "fill": "noise_data"})])
def test_methods_explain_a_single_class(model, clip, method, settings):
    found = ew.explain(model, clip, method, **settings)
    assert found.target == "vocal"
    assert found.values.shape == (80, 115)
    assert bool(torch.isfinite(found.values).all())
    assert found.values.std() > 0
    if method == "deep_shap":
        assert abs(found.settings["completeness_gap"][0]) < 1e-3


def test_measures_and_sounds_of_a_single_class(model, clip):
    attribution = ew.explain(model, clip, "saliency", "vocal")
    mask = ew.masks.make(attribution, "topK_30_pos")
    features = model.features(clip)
    measures, probabilities = ew.metrics.measure(model, features, mask, 0)
    assert probabilities.shape == (3, 1)
    silent = ew.frontends.blend(features.values, 1 - mask, fill=model.front_end.silent(mask))
    assert measures.p_removed == pytest.approx(float(model.probabilities(features.with_values(silent))), abs=1e-6)
    assert measures.FidIn == float((measures.p >= 0.5) == (measures.p_kept >= 0.5))
    heard = ew.listen(model, clip, mask)
    inside = slice(1024, 35000)
    assert torch.allclose((heard.kept + heard.removed)[inside], heard.original[inside], atol=1e-5)


def test_the_bundled_detector_says_what_it_was_measured_on():
    model = ew.load_model("svd-jamendo")
    measured = model.card["measured"]
    assert model.labels == ("vocal",)
    assert len(model.front_end.mean) == len(model.front_end.std) == 80
    assert model.front_end.minimum < model.front_end.silence / 2
    assert 0 < model.card["training"]["threshold"] < 1
    assert set(measured) >= {"error", "precision", "recall", "specificity", "f_score", "n_songs", "error_per_song"}
    assert len(measured["error_per_song"]) == measured["n_songs"]
    weights = Path(str(resources.files("earwitness.models"))) / "bundled" / model.card["weights"]
    assert weights.stat().st_size <= 3_000_000


def test_the_readme_states_the_figures_of_the_card():
    measured = ew.load_model("svd-jamendo").card["measured"]
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    assert f"error {100 * measured['error']:.1f} % on {measured['n_songs']} held-out songs" in text
