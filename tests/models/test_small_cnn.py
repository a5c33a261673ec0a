import json
from importlib import resources

import pytest
import torch
from torch import nn

from earwitness import frontends
from earwitness.core.errors import ParameterError
from earwitness.datasets import esc50
from earwitness.models.catalogue import load_model
from earwitness.models.networks.small_cnn import SmallCnn
from earwitness.models.weights import check, load_into, read_state_dict
from earwitness.training import borrowed_rng, load_features, predict

BUNDLED = resources.files("earwitness.models") / "bundled"
NAMES = ("esc10-mel", "esc10-stft")


def build(n_classes, n_bins):
    with borrowed_rng(0):
        return SmallCnn(n_classes, n_bins)


def features(batch, n_bins, n_frames, generator):
    return 40 * torch.rand(batch, n_bins, n_frames, generator=generator) - 100


@pytest.mark.parametrize("n_bins", [1, 64, 257])
@pytest.mark.parametrize("n_frames", [1, 2, 50, 501])
def test_any_number_of_frames_is_heard(n_bins, n_frames, generator):
    network = build(10, n_bins).eval()
    values = features(2, n_bins, n_frames, generator)
    assert network(values).shape == (2, 10)
    assert network.embed(values).shape == (2, 512)


@pytest.mark.parametrize(("n_bins", "n_frames", "grid"), [(64, 501, (4, 16)), (257, 313, (9, 10))])
def test_the_last_convolution_leaves_a_grid_to_explain(n_bins, n_frames, grid, generator):
    network, seen = build(10, n_bins).eval(), []
    network.last_conv.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    network(features(1, n_bins, n_frames, generator))
    assert seen[0][2:] == grid


@pytest.mark.parametrize("n_bins", [64, 257])
def test_it_is_small(n_bins):
    assert sum(p.numel() for p in build(10, n_bins).parameters()) <= 1_500_000


def test_every_nonlinearity_is_its_own_module(generator):
    network, calls = build(3, 64).eval(), []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, args, output: calls.append(module))
    network(features(1, 64, 20, generator))
    assert len(calls) == len(set(map(id, calls)))
    assert sum(isinstance(module, nn.ReLU) for module in calls) == 5


@pytest.mark.parametrize("shape", [(64, 501), (1, 63, 501), (1, 64, 0), (1, 1, 64, 501)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ParameterError, match=r"expected \(batch, 64, time\)"):
        build(10, 64)(torch.zeros(shape))


@pytest.mark.parametrize("arguments", [{"n_classes": 0}, {"n_bins": 0}, {"channels": (8,)}, {"channels": (8, 0)}])
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ParameterError, match="expected positive numbers"):
        SmallCnn(**{"n_classes": 2, "n_bins": 8, **arguments})


def test_a_clip_is_heard_alike_alone_and_in_a_batch(generator):
    network, values = build(10, 64).eval(), features(5, 64, 101, generator)
    torch.testing.assert_close(network(values), torch.cat([network(value[None]) for value in values]))


@pytest.mark.parametrize(("n_bins", "n_frames"), [(64, 61), (257, 33)])
def test_input_gradients_match_finite_differences(n_bins, n_frames, generator):
    network = build(4, n_bins).double()
    for module in network.modules():  # statistics that are not the trivial 0 and 1
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    network.bn0.running_mean.sub_(80.0)
    network.bn0.running_var.mul_(150.0)
    network.eval()
    values = features(2, n_bins, n_frames, generator).double().requires_grad_()
    logit = network(values)[:, 1].sum()
    (gradient,) = torch.autograd.grad(logit, values)
    step = 1e-5 * torch.randn(20, *values.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        differences = torch.stack([(network(values + s)[:, 1] - network(values - s)[:, 1]).sum() / 2 for s in step])
    expected = (step * gradient).flatten(1).sum(1)
    torch.testing.assert_close(differences, expected, rtol=1e-4, atol=1e-10)


@pytest.fixture(params=NAMES)
def bundled(request):
    card = json.loads((BUNDLED / f"{request.param}.json").read_text(encoding="utf-8"))
    with borrowed_rng(0):
        network = SmallCnn(**card["arch_settings"])
    path = BUNDLED / card["weights"]
    load_into(network, read_state_dict(path), source=str(path))
    return card, path, network.eval()


def test_bundled_weights_are_small_and_those_of_the_card(bundled):
    card, path, network = bundled
    assert path.stat().st_size <= 3_000_000
    check(path, card["checksum"])
    assert all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())


def test_bundled_weights_reproduce_the_card(bundled, shared_data):
    card, _, network = bundled
    test = load_features(esc50.read_esc50(shared_data / "esc10").of_folds(card["measured"]["test_fold"]),
                         frontends.build_front_end(card["front_end"]))
    right = predict(network, test.values).argmax(1) == test.targets
    assert float(right.float().mean()) == pytest.approx(card["measured"]["test_accuracy"], abs=1e-4)
    assert len(test) == card["measured"]["n_test"] == 80


@pytest.mark.parametrize("name", NAMES)
def test_the_house_models_hear_ticks_with_their_background_and_without(name, scene):
    model = load_model(name)
    features = model.features(scene.clip)
    evidence = scene.evidence(model.front_end).to(features.values)
    ticks = model.class_index(scene.label)

    def chance(mask):
        values = frontends.blend(features.values, mask, fill=model.front_end.silence)
        return float(model.probabilities(features.with_values(values))[0, ticks])

    assert chance(torch.ones_like(evidence)) >= 0.8
    assert chance(evidence) >= 0.8
    assert chance(1 - evidence) <= 0.2
