"""Functions, pipelines, ONNX and TorchScript files, explained like any network."""

import sys
import warnings

import librosa
import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn

import earwitness as ew
from earwitness.core.errors import MissingExtraError, ParameterError, WeightsError
from earwitness.datasets import esc50
from earwitness.perturb.components import temporal

RATE_HZ = 8000
QUICK = {"audio_lime": {"components": "hpss"}, "kernel_shap": {"components": "hpss"}, "lime": {"n_samples": 16},
         "rise": {"n_masks": 16}, "slime": {"n_samples": 16}}
ASKING = [name for name, each in ew.methods.specs().items() if each.needs == "outputs" and each.score != "similarity"]
LISTENING = [name for name, each in ew.methods.specs().items() if each.needs != "outputs"]


def loudness(sounds):
    """Probability of "low" is the share of the energy below 1 kHz."""
    power = np.abs(np.fft.rfft(sounds, axis=1)) ** 2 + 1e-9
    low = power[:, : sounds.shape[1] * 1000 // RATE_HZ].sum(1) / power.sum(1)
    return np.stack([low, 1 - low], 1)


@pytest.fixture
def model():
    return ew.AudioModel.from_callable(loudness, ["low", "high"], RATE_HZ, window_s=0.25)


@pytest.fixture
def clip():
    t = torch.arange(2000) / RATE_HZ
    return ew.Clip(torch.sin(2 * torch.pi * 500 * t) + 0.7 * torch.sin(2 * torch.pi * 3000 * t), RATE_HZ)


def test_probabilities_come_back_as_they_were(model, clip):
    sound = clip.waveform[None].numpy()
    wanted = torch.from_numpy(loudness(sound)).float()
    assert torch.allclose(model.probabilities(clip), wanted, atol=1e-5)
    each = ew.AudioModel.from_callable(lambda x: loudness(x)[:, :1], ["low"], RATE_HZ, activation="sigmoid")
    assert torch.allclose(each.probabilities(clip), wanted[:, :1], atol=1e-5)
    raw = ew.AudioModel.from_callable(lambda x: 5 * loudness(x), ["low", "high"], RATE_HZ, returns="logits")
    assert torch.allclose(raw.logits(raw.features(clip)), 5 * wanted, atol=1e-4)
    certain = ew.AudioModel.from_callable(lambda x: np.tile([1.0, 0.0], (len(x), 1)), ["a", "b"], RATE_HZ)
    assert certain.probabilities(clip)[0].tolist() == pytest.approx([1, 0])


def test_the_function_hears_float32_waveforms_and_may_write_on_them(clip):
    heard = []

    def function(sounds):
        heard.append((sounds.dtype, sounds.shape))
        answer = loudness(sounds)
        sounds[:] = 0
        return answer

    model = ew.AudioModel.from_callable(function, ["low", "high"], RATE_HZ)
    features = model.features(clip)
    first, again = model.probabilities(features), model.probabilities(features)
    assert torch.equal(first, again)
    assert set(heard) == {(np.dtype("float32"), (1, 2000))}


def test_the_low_tone_is_found(model, clip):
    found = ew.explain(model, clip, "slime", "low", components="spectral", n_samples=64)
    weights = found.components.weights
    assert int(weights.argmax()) == 1  # 400 to 800 Hz
    assert int(weights.argmin()) == 7  # 2.8 to 3.2 kHz


@pytest.mark.parametrize("method", sorted(ASKING))
def test_methods_that_only_ask_work(model, clip, method):
    found = ew.explain(model, clip, method, "low", **QUICK.get(method, {}))
    assert float(found.values.abs().max()) > 0
    assert found.passes["backward"] == 0


@pytest.mark.parametrize("method", LISTENING)
def test_methods_with_gradients_refuse_in_one_sentence(model, clip, method):
    with pytest.raises(ParameterError, match="black box, which gives answers and no gradients; use a method") as caught:
        ew.explain(model, clip, method, "low")
    named = str(caught.value).partition("needs none: ")[2].replace(" or ", ", ").split(", ")
    assert sorted(named) == sorted(ASKING)


@pytest.mark.parametrize(("answer", "settings", "message"), [
    (lambda x: np.zeros(len(x)), {}, r"returns float64 of shape \(1,\); expected numbers of shape \(1, classes\)"),
    (lambda x: np.zeros((3, 2)), {}, r"shape \(3, 2\); expected numbers of shape \(1, classes\)"),
    (lambda x: [["a", "b"]], {}, "expected numbers"),
    (lambda x: np.full((1, 2), np.nan), {"returns": "logits"}, "NaN or infinite"),
    (lambda x: np.array([[3.0, -2.0]]), {}, "from -2 to 3; expected probabilities, 0 to 1: say returns='logits'"),
    (lambda x: np.array([[0.9, 0.8]]), {}, "add up to 1.7; expected 1: say activation='sigmoid'"),
    (lambda x: np.array([[1.0]]), {}, r"expected \(batch, 2\): one logit per label"),
])
def test_answers_that_are_not_as_announced_are_refused(clip, answer, settings, message):
    model = ew.AudioModel.from_callable(answer, ["a", "b"], RATE_HZ, **settings)
    with pytest.raises(ParameterError, match=message):
        model.probabilities(clip)


def test_what_is_no_function_is_refused():
    with pytest.raises(ParameterError, match="function is a int"):
        ew.AudioModel.from_callable(3, ["a"], RATE_HZ)
    with pytest.raises(ParameterError, match="unknown returns 'logit'; did you mean 'logits'"):
        ew.AudioModel.from_callable(loudness, ["a"], RATE_HZ, returns="logit")


def mfcc_statistics(sounds):
    coefficients = librosa.feature.mfcc(y=sounds, sr=16000, n_mfcc=13)
    return np.concatenate([coefficients.mean(2), coefficients.std(2)], 1)


def test_a_forest_on_mfccs_hears_the_bark_where_it_is(shared_data):
    """Trained on a few clips of ESC-10; the bark stands in the middle third of a clip whose rest is rain."""
    data = esc50.read_esc50(shared_data / "esc10")
    chosen = [r for label in ("dog", "rain") for r in [r for r in data.of_folds([1, 2]) if r.label == label][:4]]
    sounds = [ew.audio.resample(ew.load(r.path), 16000).waveform[:48000] for r in chosen]
    pieces = [piece for sound in sounds for piece in sound.split(16000)]
    targets = np.repeat([r.label for r in chosen], 3)
    loud = [k for k, piece in enumerate(pieces) if len(piece) == 16000 and float(piece.abs().max()) > 0.05]
    forest = RandomForestClassifier(30, random_state=0, n_jobs=1)
    forest.fit(mfcc_statistics(torch.stack([pieces[k] for k in loud]).numpy()), targets[loud])
    model = ew.AudioModel.from_callable(lambda sounds: forest.predict_proba(mfcc_statistics(sounds)),
                                        list(forest.classes_), 16000)
    heard = {r.label: r.path for r in data.of_folds([5])}
    dog, rain = (ew.audio.resample(ew.load(heard[label]), 16000).waveform for label in ("dog", "rain"))
    start = max(0, int(dog.abs().argmax()) - 4000)
    bark = dog[start : start + 8000]
    mixed = 0.05 * rain[:24000] / rain[:24000].abs().max()
    mixed[8000:16000] += bark
    clip = ew.Clip(mixed, 16000)
    thirds = temporal(model.features(clip), model.front_end, n=3)
    found = ew.explain(model, clip, "occlusion", "dog", components=thirds)
    assert int(found.components.weights.argmax()) == 1
    assert float(found.components.weights[1]) > 0


@pytest.fixture
def onnx_file(tmp_path, generator):
    """A convolution over waveforms and the mean over time, written node by node; and the same in torch."""
    onnx = pytest.importorskip("onnx")
    network = nn.Sequential(nn.Conv1d(1, 3, 16, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())

    def write(shape, name="cnn.onnx"):
        make, number = onnx.helper, onnx.numpy_helper.from_array
        weights = [number(p.detach().numpy(), key) for key, p in network[0].named_parameters()]
        nodes = [make.make_node("Conv", ["sound", "weight", "bias"], ["maps"], strides=[4]),
                 make.make_node("Relu", ["maps"], ["active"]),
                 make.make_node("GlobalAveragePool", ["active"], ["mean"]),
                 make.make_node("Flatten", ["mean"], ["logits"])]
        info = make.make_tensor_value_info
        if len(shape) == 2:
            weights.append(number(np.array([1]), "axes"))
            nodes[0].input[0] = "channel"
            nodes.insert(0, make.make_node("Unsqueeze", ["sound", "axes"], ["channel"]))
        graph = make.make_graph(nodes, "cnn", [info("sound", onnx.TensorProto.FLOAT, shape)],
                                [info("logits", onnx.TensorProto.FLOAT, [None, 3])], weights)
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=10)
        (tmp_path / name).write_bytes(model.SerializeToString())
        return tmp_path / name

    return network, write


@pytest.mark.parametrize("shape", [["batch", "time"], ["batch", 1, "time"], [1, 2000], [1, 1, 2000]])
def test_onnx_files_hear_as_the_network_does(onnx_file, clip, shape):
    network, write = onnx_file
    model = ew.AudioModel.from_onnx(write(shape), RATE_HZ, list("abc"), window_s=0.25)
    plain = ew.AudioModel(nn.Sequential(nn.Unflatten(1, (1, -1)), network), sample_rate_hz=RATE_HZ, labels=list("abc"),
                          window_s=0.25)
    assert model.name == "cnn.onnx"
    for method in ("occlusion", "rise"):
        got, wanted = (ew.explain(each, clip, method, "b", **QUICK.get(method, {})).values for each in (model, plain))
        assert torch.allclose(got, wanted, atol=1e-5)
    with pytest.raises(ParameterError, match="black box"):
        ew.explain(model, clip, "saliency", "b")


def test_onnx_files_that_do_not_fit_are_one_line(onnx_file, clip, tmp_path, monkeypatch):
    _, write = onnx_file
    path = write([1, 500])
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    for wrong, settings, message in [
        (tmp_path / "none.onnx", {}, "no such file"), (tmp_path / "bad.onnx", {}, "onnxruntime cannot read it"),
        (path, {"output": "logit"}, "did you mean 'logits'"),
    ]:
        with pytest.raises((WeightsError, ParameterError), match=message) as caught:
            ew.AudioModel.from_onnx(wrong, RATE_HZ, **settings)
        assert "\n" not in str(caught.value)
    with pytest.raises(ParameterError, match=r"cannot hear sounds of shape \(1, 2000\).*set window_s"):
        ew.AudioModel.from_onnx(path, RATE_HZ).probabilities(clip)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"earwitness\[onnx\]"):
        ew.AudioModel.from_onnx(path, RATE_HZ)


@pytest.mark.parametrize("frozen", [False, True])
def test_torchscript_files_hear_as_the_network_does(tmp_path, clip, frozen):
    network = nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 3, 16, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1),
                            nn.Flatten()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.trace(network, torch.zeros(1, 2000))
        (torch.jit.freeze(script) if frozen else script).save(tmp_path / "net.pt")
    model = ew.AudioModel.from_torchscript(tmp_path / "net.pt", RATE_HZ, list("abc"), window_s=0.25)
    plain = ew.AudioModel(network, sample_rate_hz=RATE_HZ, labels=list("abc"), window_s=0.25)
    assert model.name == "net.pt"
    for method, settings in (("saliency", {}), ("integrated_gradients", {"n_steps": 4}), ("rise", QUICK["rise"])):
        got, wanted = (ew.explain(each, clip, method, "b", **settings).values for each in (model, plain))
        assert torch.allclose(got, wanted, atol=1e-5)
    for method in ("gradcam", "deep_shap"):
        with pytest.raises(ParameterError, match=f"TorchScript, whose layers cannot be watched; {method} needs them"):
            ew.explain(model, clip, method, "b")


def test_what_is_no_torchscript_is_one_line(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pt")
    (tmp_path / "text.pt").write_text("x")
    for name, message in (("none.pt", "no such file"), ("weights.pt", "not a Torch"), ("text.pt", "not a Torch")):
        with pytest.raises(WeightsError, match=message) as caught:
            ew.AudioModel.from_torchscript(tmp_path / name, RATE_HZ)
        assert "\n" not in str(caught.value)
