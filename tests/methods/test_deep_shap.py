import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.frontends import StftDb

FRONT_END = StftDb(2000, 64, 32)
SHAPE = (33, 32)


class Net(nn.Module):
    """Every kind of step that has a rule, and linear steps between."""

    def __init__(self, activation=nn.ReLU):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.conv1, self.act1, self.pool1 = nn.Conv2d(1, 4, 3, padding=1), activation(), nn.MaxPool2d(2)
        self.conv2, self.act2, self.pool2 = nn.Conv2d(4, 6, 3), activation(), nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.last, self.act3, self.head = nn.AdaptiveMaxPool2d((2, 2)), activation(), nn.Linear(24, 2)

    def forward(self, x):
        x = self.pool1(self.act1(self.conv1(self.norm(x[:, None] / 30 + 1))))
        x = self.pool2(self.act2(self.conv2(x)))
        return self.head(self.act3(self.last(x).flatten(1)))


def wrap(network):
    return ew.AudioModel(network.eval(), FRONT_END, labels=["a", "b"], window_s=0.496)


@pytest.fixture
def clip(generator):
    return ew.Clip(0.3 * torch.randn(992, generator=generator), 2000, "noise")


@pytest.fixture
def backgrounds(generator):
    return -40 + 15 * torch.randn(11, *SHAPE, generator=generator)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.Softplus])
def test_nothing_is_lost(activation, clip, backgrounds):
    model = wrap(Net(activation).double())
    found = ew.explain(model, clip, "deep_shap", "a", backgrounds=backgrounds)
    x = model.features(clip).values
    with torch.no_grad():
        difference = model.network(x)[0, 0] - model.network(backgrounds.double())[:, 0].mean()
    assert float(found.values.sum()) == pytest.approx(float(difference), rel=1e-6)
    assert abs(found.settings["completeness_gap"][0]) < 1e-6
    assert found.passes == {"forward": 12, "backward": 11}


def test_one_unit_known_answer(clip):
    """relu(w·x + c): each input gets its share of the difference, w·(x - b)·Δout / Δin."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(33 * 32, 2), nn.ReLU()).double()
    model = wrap(network)
    x = model.features(clip).values[0]
    b = torch.full_like(x, -100.0)
    weight, offset = network[1].weight[0].view(SHAPE).detach(), network[1].bias[0].detach()
    into = [(weight * v).sum() + offset for v in (x, b)]
    wanted = weight * (x - b) * (into[0].relu() - into[1].relu()) / (into[0] - into[1])
    torch.testing.assert_close(ew.explain(model, clip, "deep_shap", "a").values, wanted)


def slow_max_pool_shares(x, b):
    """One maximum over a line: (larger - old) goes to the new place, (new - larger) to the old one."""
    shares = torch.zeros_like(x)
    larger = torch.maximum(x.max(), b.max())
    shares[x.argmax()] += larger - b.max()
    shares[b.argmax()] += x.max() - larger
    return shares


def test_max_pooling_known_answer(generator):
    from earwitness.methods.rescale import rescaled

    pool = nn.AdaptiveMaxPool1d(1)
    for _ in range(20):
        x, b = torch.randn(2, 1, 1, 9, generator=generator, dtype=torch.float64)
        with rescaled(pool) as rules:
            pool(x)
            rules.watching = False
            start = b.clone().requires_grad_()
            (slope,) = torch.autograd.grad(pool(start).sum(), start)
        torch.testing.assert_close((slope * (x - b))[0, 0], slow_max_pool_shares(x[0, 0], b[0, 0]))


def test_the_published_variant_is_its_slow_formula(clip, backgrounds):
    model = wrap(Net())
    found = ew.explain(model, clip, "deep_shap", "b", backgrounds=backgrounds, variant="pak2025")
    x, total = model.features(clip).values[0], 0
    for b in backgrounds:
        leaf = b[None].clone().requires_grad_()
        total = total + torch.autograd.grad(model.network(leaf)[0, 1], leaf)[0][0] * (x - b)
    torch.testing.assert_close(found.values, total / len(backgrounds), atol=1e-6, rtol=1e-4)
    assert abs(found.settings["completeness_gap"][0]) > 0.01


def test_a_background_equal_to_the_features_explains_nothing(clip):
    model = wrap(Net())
    found = ew.explain(model, clip, "deep_shap", "a", backgrounds=model.features(clip).values)
    assert found.values.abs().max() == 0


def test_backgrounds_count_equally_in_any_order(clip, backgrounds):
    model = wrap(Net().double())
    whole = ew.explain(model, clip, "deep_shap", "a", backgrounds=backgrounds).values
    turned = ew.explain(model, clip, "deep_shap", "a", backgrounds=backgrounds.flip(0)).values
    one_by_one = sum(ew.explain(model, clip, "deep_shap", "a", backgrounds=b[None]).values for b in backgrounds) / 11
    torch.testing.assert_close(whole, turned)
    torch.testing.assert_close(whole, one_by_one)


class Functional(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.step, self.act, self.head = step, nn.ReLU(), nn.Linear(33, 2)

    def forward(self, x):
        return self.head(self.step(self, x / 50 + 1).mean(2))


@pytest.mark.parametrize(("step", "word"), [
    (lambda _, x: x.relu(), "Relu"), (lambda _, x: x.sigmoid(), "Sigmoid"), (lambda _, x: x * x, "Mul"),
    (lambda _, x: x.softmax(1), "Softmax"), (lambda _, x: x.pow(2), "Pow"), (lambda _, x: x.abs(), "Abs"),
    (lambda net, x: net.act(net.act(x) - 1), "one ReLU module twice"),
])
def test_what_has_no_rule_is_refused(clip, step, word):
    with pytest.raises(ParameterError, match=word):
        ew.explain(wrap(Functional(step)), clip, "deep_shap", "a")


def test_backgrounds_must_fit(clip, mel_model, scene):
    with pytest.raises(ParameterError, match="last two axes must match"):
        ew.explain(mel_model, scene.clip, "deep_shap", backgrounds=torch.zeros(2, 64, 100))
    with pytest.raises(ParameterError, match="unknown variant"):
        ew.explain(mel_model, scene.clip, "deep_shap", variant="shap")


def test_the_network_is_left_without_hooks(clip):
    model = wrap(Net())
    before = model.probabilities(clip)
    ew.explain(model, clip, "deep_shap", "a")
    assert not any(module._forward_hooks for module in model.network.modules())
    assert torch.equal(model.probabilities(clip), before)


@pytest.mark.parametrize("name", ["esc10-mel", "esc10-stft"])
def test_the_bundled_models_lose_nothing(name, scene):
    found = ew.explain(ew.load_model(name), scene.clip, "deep_shap")
    assert abs(found.settings["completeness_gap"][0]) < 1e-3
