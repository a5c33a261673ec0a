import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.frontends import StftDb
from earwitness.methods import Evidence, convolutions
from earwitness.models import Cnn14
from earwitness.models.eval_mode import eval_mode


class Linear(nn.Module):
    """Logit = sum of weights × features: its gradient is its weights."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        total = (x * self.weights).sum((1, 2))
        return torch.stack([total, -total], 1)


class Conv(nn.Module):
    """A convolution in either orientation, pooled by the mean."""

    def __init__(self, generator, *, time_first, channels=3):
        super().__init__()
        self.time_first = time_first
        self.conv = nn.Conv2d(1, channels, 5, stride=4, padding=2)
        self.head = nn.Linear(channels, 2)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        x = x.transpose(1, 2) if self.time_first else x
        return self.head(functional.relu(self.conv(x[:, None])).mean((2, 3)))


def wrap(network):
    return ew.AudioModel(network, StftDb(8000, 256, 128), labels=["a", "b"], window_s=0.5)


@pytest.fixture
def clip(generator):
    return ew.Clip(torch.randn(4000, generator=generator), 8000, "noise")


def test_saliency_of_a_linear_model_is_its_weights(generator, clip):
    weights = torch.randn(129, 32, generator=generator)
    model = wrap(Linear(weights))
    assert torch.allclose(ew.explain(model, clip, "saliency", "a").values, weights)
    assert torch.allclose(ew.explain(model, clip, "saliency", "b").values, -weights)


def test_saliency_of_a_probability_is_the_slope(generator, clip):
    model = wrap(Linear(0.001 * torch.randn(129, 32, generator=generator)))
    p = model.probabilities(clip)[0, 0]
    wanted = model.network.weights * 2 * p * (1 - p)
    assert torch.allclose(ew.explain(model, clip, "saliency", "a", score="probability").values, wanted, atol=1e-7)


def slow_gradcam(network, values):
    """Equations 1 and 2 of Selvaraju et al. 2017 for the network above."""
    x = values.transpose(1, 2) if network.time_first else values
    maps = network.conv(x[:, None]).detach().requires_grad_()
    network.head(functional.relu(maps).mean((2, 3)))[0, 1].backward()
    cam = sum(maps.grad[0, c].mean() * maps[0, c] for c in range(maps.shape[1])).detach()
    cam = cam.T if network.time_first else cam
    return functional.interpolate(cam[None, None], values.shape[1:], mode="bilinear", align_corners=False)[0, 0]


@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("stated", [False, True])
def test_gradcam_is_the_slow_formula_with_axes_found_or_stated(generator, clip, time_first, stated):
    network = Conv(generator, time_first=time_first)
    if stated:
        network.map_axes = ("time", "freq") if time_first else ("freq", "time")
    model = wrap(network)
    wanted = slow_gradcam(network, model.features(clip).values)
    got = ew.explain(model, clip, "gradcam", "b").values
    assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.abs().max()))
    assert torch.equal(ew.explain(model, clip, "gradcam", "b", relu=True).values, got.clamp(min=0))


def test_gradcam_of_a_square_plane_finds_its_axes(generator):
    """Same size on both axes: only the probe can tell them apart."""
    features = ew.Features(torch.randn(1, 64, 64, generator=generator), torch.zeros(1, 64, 64, dtype=torch.cfloat), 1)
    for time_first in (False, True):
        network = Conv(generator, time_first=time_first)
        score = ew.targets.scores.ClassLogit(wrap(network), 1)
        got = ew.METHODS["gradcam"](score, features).values[0]
        assert torch.allclose(got, slow_gradcam(network, features.values), atol=1e-4)


def test_gradcam_of_cnn14_is_not_transposed(generator):
    """Its maps have fifteen cells along time and two along frequency; the published ones were exchanged."""
    model = ew.AudioModel(Cnn14(3).eval(), ew.frontends.MelDb(), labels=["a", "b", "c"])
    clip = ew.Clip(torch.randn(160000, generator=generator), 32000)
    seen = []
    handle = model.network.conv_block6.conv2.register_forward_hook(lambda _m, _i, output: seen.append(output))
    model.network.requires_grad_(False)
    values = model.features(clip).values.requires_grad_()
    (gradient,) = torch.autograd.grad(model.network(values)[0, 0], seen[0])
    handle.remove()
    cam = (gradient.mean((2, 3), keepdim=True) * seen[0]).sum(1)[0].detach()
    assert cam.shape == (15, 2)
    for variant, grid in (("correct", cam.T), ("pak2025", cam)):
        wanted = functional.interpolate(grid[None, None], (64, 501), mode="bilinear", align_corners=False)[0, 0]
        got = ew.explain(model, clip, "gradcam", "a", variant=variant).values
        assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.abs().max()))


def test_gradcam_of_a_1d_convolution_is_the_same_for_every_frequency(generator, clip):
    network = nn.Sequential(nn.Conv1d(129, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                            nn.Linear(4, 2))
    values = ew.explain(wrap(network), clip, "gradcam", "a").values
    assert values.shape == (129, 32)
    assert torch.allclose(values, values[:1].expand(129, -1), atol=1e-6)


def test_layers_by_name(mel_model, scene):
    names = list(convolutions(mel_model.network))
    last = ew.explain(mel_model, scene.clip, "gradcam").values
    assert torch.equal(ew.explain(mel_model, scene.clip, "gradcam", layer=names[-1]).values, last)
    assert not torch.equal(ew.explain(mel_model, scene.clip, "gradcam", layer=names[0]).values, last)
    with pytest.raises(ParameterError, match="unknown layer 'conv99'"):
        ew.explain(mel_model, scene.clip, "gradcam", layer="conv99")


def test_no_convolution_is_said(generator, clip):
    with pytest.raises(ParameterError, match="has no convolution; use another method"):
        ew.explain(wrap(Linear(torch.zeros(129, 32))), clip, "gradcam")


QUICK = {"kernel_shap": {"components": "hpss"}, "slime": {"n_samples": 20}, "lime": {"n_samples": 20},
         "rise": {"n_masks": 20}, "relax": {"n_masks": 20}, "integrated_gradients": {"n_steps": 4},
         "smoothgrad": {"n_samples": 4}, "audible_mask": {"n_steps": 2}}
FOR_ANY_NETWORK = sorted(set(ew.METHODS) - {"attention_rollout"})


@pytest.mark.parametrize("method", FOR_ANY_NETWORK)
def test_laws_of_every_method(mel_model, scene, method):
    """Same bits again, inputs and global random state untouched, model left as found, batch does not matter."""
    settings = QUICK.get(method, {})
    before, rng = scene.clip.waveform.clone(), torch.get_rng_state()
    modes = [m.training for m in mel_model.network.modules()]
    first, again = (ew.explain(mel_model, scene.clip, method, seed=3, **settings) for _ in range(2))
    assert torch.equal(first.values, again.values)
    assert torch.equal(scene.clip.waveform, before)
    assert torch.equal(torch.get_rng_state(), rng)
    assert [m.training for m in mel_model.network.modules()] == modes
    assert all(p.grad is None for p in mel_model.network.parameters())
    assert first.values.shape == (64, 501)
    target = None if method == "relax" else "clock_tick"
    assert (first.target, first.method, first.seed) == (target, method, 3)
    assert first.passes["forward"] >= 1
    assert torch.equal(first.frequencies_hz, mel_model.front_end.frequencies_hz)
    assert first.times_s[100] == pytest.approx(1.0)
    features = mel_model.features(scene.clip)
    other = features.with_values(torch.cat([features.values, features.values.flip(2), features.values]))
    score = ew.targets.scores.ClassLogit(mel_model, 7)
    random = "generator" in inspect.signature(ew.METHODS[method]).parameters
    own = settings | ({"generator": torch.Generator().manual_seed(3)} if random else {})
    with eval_mode(mel_model.network):
        batch = ew.METHODS[method](score, other, **own)
        assert isinstance(batch, Evidence)
        own |= {"generator": torch.Generator().manual_seed(3)} if random else {}
        single = ew.METHODS[method](score, features, **own).values[0]
    for k in (0,) if random else (0, 2):
        assert torch.allclose(batch.values[k], single, atol=1e-4 * float(single.abs().max()))


@pytest.mark.parametrize("method", FOR_ANY_NETWORK)
def test_long_clips_are_explained_window_by_window(mel_model, scene, method):
    twice = ew.Clip(scene.clip.waveform.repeat(2), 32000)
    target, settings = None if method == "relax" else "clock_tick", QUICK.get(method, {})
    once = ew.explain(mel_model, scene.clip, method, target, **settings).values
    both = ew.explain(mel_model, twice, method, target, **settings)
    assert both.values.shape == (64, 1002)
    assert both.times_s[501] == 5.0
    scale = 1e-4 * float(once.abs().max())
    assert torch.allclose(both.values, torch.cat([once, once], 1), atol=scale)


def test_wrong_names_and_settings_are_refused(mel_model, scene):
    for arguments, message in [
        ({"method": "gradcm"}, "unknown method 'gradcm'; did you mean 'gradcam'"),
        ({"target": "clocktick"}, "did you mean 'clock_tick'"),
        ({"score": "logits"}, "did you mean 'logit'"),
        ({"method": "gradcam", "layers": 3}, "unknown setting of gradcam 'layers'; did you mean 'layer'"),
        ({"method": "saliency", "relu": True}, "unknown setting of saliency"),
        ({"method": "gradcam", "variant": "published"}, "unknown variant"),
    ]:
        with pytest.raises(ParameterError, match=message):
            ew.explain(mel_model, scene.clip, **arguments)


def test_a_model_without_labels_needs_an_index(mel_model, scene):
    encoder = ew.AudioModel(mel_model.network, mel_model.front_end)
    with pytest.raises(ParameterError, match="has no labels"):
        ew.explain(encoder, scene.clip)
    assert ew.explain(encoder, scene.clip, target=7).target == "7"
