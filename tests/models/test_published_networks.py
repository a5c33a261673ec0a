import json

import numpy as np
import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.models import BandNorm, Cnn14, SingingVoiceNet, SmallCnn, VGGish


def largest_relative_error(got, expected):
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def test_cnn14_reproduces_the_reference(shared_data, parity_states):
    folder = shared_data / "parity"
    network = Cnn14().eval()
    network.load_state_dict(parity_states("cnn14"))
    expected = np.load(folder / "expected_cnn14_cat.npz")
    model = ew.AudioModel(network, ew.frontends.MelDb(mel_scale="slaney"), activation="sigmoid")
    clip = ew.Clip(torch.from_numpy(expected["waveform"]), 32000)
    features = model.features(clip)
    with torch.no_grad():
        embedding = model.embed(features)[0].numpy()
    assert largest_relative_error(embedding, expected["embedding"]) < 1e-4
    assert largest_relative_error(model.probabilities(clip)[0].numpy(), expected["clipwise_output"]) < 1e-4


def test_vggish_reproduces_the_reference(shared_data, parity_states):
    folder = shared_data / "parity"
    network = VGGish().eval()
    network.load_state_dict(parity_states("vggish"))
    expected = np.load(folder / "expected_vggish_cat.npz")
    with torch.no_grad():
        assert largest_relative_error(network(torch.from_numpy(expected["examples"])).numpy(),
                                      expected["embedding"]) < 1e-4
        model = ew.AudioModel(network, ew.frontends.VggishLogMel(), window_s=0.975, hop_s=0.96, keep_partial=False)
        features = model.features(ew.Clip(torch.from_numpy(expected["waveform"]), 16000))
        assert largest_relative_error(model.embed(features).numpy(), expected["embedding"]) < 1e-4


@pytest.mark.parametrize(("name", "network"), [("cnn14", Cnn14), ("vggish", VGGish)])
def test_parameter_names_and_shapes_are_the_published_ones(shared_data, name, network):
    manifest = json.loads((shared_data / "parity" / f"{name}_manifest.json").read_text())
    with torch.device("meta"):
        own = {key: list(value.shape) for key, value in network().state_dict().items()}
    assert own == manifest


NETWORKS = {
    "band norm": (lambda: BandNorm(5), (5, 7)),
    "cnn14": (lambda: Cnn14(3, 64), (64, 64)),
    "cnn14 stft": (lambda: Cnn14(3, 257), (257, 40)),
    "small mel": (lambda: SmallCnn(4, 64), (64, 96)),
    "svdnet": (SingingVoiceNet, (80, 115)),
    "vggish": (VGGish, (64, 96)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_input_gradients_match_finite_differences(name, generator):
    build, shape = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build().double().eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
    x = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    output_weights = torch.randn(network(x).shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        scale = 1.0 / network(x).std()

    def total(values):
        return (network(values) * output_weights * scale).sum()

    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(leaf), leaf)
    for _ in range(3):
        direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        step = 1e-6
        with torch.no_grad():
            slope = (total(x + step * direction) - total(x - step * direction)) / (2 * step)
        assert torch.allclose((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("network", [Cnn14(3), SingingVoiceNet(), VGGish(), SmallCnn(3, 64)],
                         ids=lambda n: type(n).__name__)
def test_every_nonlinearity_is_a_module_of_its_own(network, generator):
    """DeepLIFT needs it: each activation module runs exactly once in a forward pass."""
    runs = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.ReLU | nn.LeakyReLU | nn.GELU | nn.SiLU | nn.MaxPool2d | nn.AdaptiveMaxPool1d):
            runs[name] = 0

            def count(_module, _inputs, _output, name=name):
                runs[name] += 1

            module.register_forward_hook(count)
    network.eval()(torch.zeros(1, *((80, 115) if isinstance(network, SingingVoiceNet) else (64, 96))))
    assert runs
    assert set(runs.values()) == {1}
    forbidden = {"relu", "leaky_relu", "gelu", "silu", "elu", "amax", "max", "softmax", "tanh"}
    assert not forbidden & _called_functions(network)


def _called_functions(network):
    import dis

    names = set()
    for module in network.modules():
        if type(module).__module__.startswith("earwitness"):
            for attribute in vars(type(module)).values():
                code = getattr(attribute, "__code__", None)
                if code is not None:
                    loads = (i for i in dis.get_instructions(code) if i.opname in ("LOAD_METHOD", "LOAD_GLOBAL"))
                    names |= {load.argval for load in loads}
    return names


def test_band_norm_in_training_is_batch_norm(generator):
    ours, theirs = BandNorm(5), nn.BatchNorm1d(5)
    x = torch.randn(4, 5, 9, generator=generator)
    assert torch.equal(ours(x), theirs(x))
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), atol=1e-6)
