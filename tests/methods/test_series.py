import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.methods import specs
from earwitness.methods.series import explain_series
from earwitness.perturb.gain_planes import PLANES, GainedNetwork, plane_of
from earwitness.training import borrowed_rng


class Energy(nn.Module):
    """Class 1 is the energy of one channel in one stretch of time; class 0 is nothing."""

    def __init__(self, channel, first, last):
        super().__init__()
        self.channel, self.first, self.last = channel, first, last

    def embed(self, x):
        return torch.cat([x[:, self.channel, self.first : self.last].square().sum(1, keepdim=True),
                          torch.ones(len(x), 1)], 1)

    def forward(self, x):
        return torch.stack([torch.zeros(len(x)), 0.02 * self.embed(x)[:, 0] - 1], 1)


class Band(nn.Module):
    """Class 1 is the energy of a band of Fourier bins, over all channels."""

    def __init__(self, low, high):
        super().__init__()
        self.low, self.high = low, high

    def embed(self, x):
        spectrum = torch.fft.rfft(x).abs()[:, :, self.low : self.high]
        return torch.cat([spectrum.square().sum((1, 2))[:, None], torch.ones(len(x), 1)], 1)

    def forward(self, x):
        return torch.stack([torch.zeros(len(x)), self.embed(x)[:, 0] / 2e4 - 1], 1)


class WaveformCnn(nn.Module):
    """A tiny network that hears samples: two kinds of sound."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(1, 8, 33, stride=8), nn.ReLU(), nn.Conv1d(8, 16, 9, stride=4),
                                      nn.ReLU())
        self.head = nn.Linear(16, 2)

    def embed(self, x):
        return self.features(x).amax(2)

    def forward(self, x):
        return self.head(self.embed(x))


@pytest.fixture
def series(generator):
    return torch.randn(3, 400, generator=generator)


@pytest.mark.parametrize("kind", list(PLANES))
def test_gains_of_one_change_nothing_and_of_zero_leave_the_baseline(series, kind):
    plane = plane_of(series, kind)
    base = series.mean(1, keepdim=True)
    heard = GainedNetwork(nn.Identity(), series, plane, base)
    gains = torch.ones(2, *plane.shape)
    gains[1] = 0
    sound = heard.hear(gains)
    torch.testing.assert_close(sound[0], series, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sound[1], base.expand_as(series), atol=1e-5, rtol=0)


def test_a_frequency_gain_removes_a_tone():
    t = torch.arange(400) / 400
    low, high = torch.sin(2 * torch.pi * 10 * t), torch.sin(2 * torch.pi * 100 * t)
    series = torch.stack([low + high, low])
    plane = plane_of(series, "frequency", sample_rate_hz=400)
    assert plane.frequencies_hz[10] == 10
    gains = torch.ones(1, *plane.shape)
    gains[0, 90:110, 0] = 0
    heard = GainedNetwork(nn.Identity(), series, plane, torch.zeros(2, 1)).hear(gains)[0]
    torch.testing.assert_close(heard, torch.stack([low, low]), atol=2e-4, rtol=0)


def test_occlusion_finds_the_stretch_of_time(series):
    network = Energy(1, 100, 200)
    found = explain_series(network, series, "occlusion", 1, components="temporal", score="logit")
    assert found.values.shape == (3, 400)
    weights = found.components.weights
    assert weights[[2, 3, 4]].min() >= 0
    assert weights[5:].abs().max() < 1e-5
    inside = 0.02 * float(series[1, 100:200].square().sum())
    assert float(weights.sum()) == pytest.approx(inside, rel=1e-4)
    assert found.times_s[100] == 100


@pytest.mark.parametrize("method", [name for name, each in specs().items() if each.series])
def test_every_method_finds_time(series, method):
    quick = {"n_masks": 400} if method in ("relax", "rise") else {"n_samples": 200} if method != "occlusion" else {}
    target = None if method == "relax" else 1
    found = explain_series(Energy(1, 100, 200), series, method, target, sample_rate_hz=100.0, **quick)
    inside = found.values[:, 110:190].mean()
    assert inside > found.values[:, :60].mean() + 1e-4
    assert inside > found.values[:, 260:].mean() + 1e-4
    assert found.times_s[-1] == pytest.approx(3.99)
    assert found.passes["forward"] > 10


@pytest.mark.parametrize("method", [name for name, each in specs().items() if each.series])
def test_every_method_finds_a_band(series, method):
    quick = {"n_masks": 400} if method in ("relax", "rise") else {"n_samples": 200} if method != "occlusion" else {}
    target = None if method == "relax" else 1
    found = explain_series(Band(40, 80), series, method, target, plane="frequency", sample_rate_hz=400.0, **quick)
    assert found.values.shape == (201, 3)
    inside = found.values[45:75].mean()
    assert inside > found.values[100:].mean() + 1e-5
    assert found.frequencies_hz[50] == 50


def test_channels_are_told_apart_on_the_frequency_plane(series):
    labels = torch.arange(3).expand(201, 3).contiguous()
    parts = ew.perturb.Segments(labels, ["x", "y", "z"])
    found = explain_series(Energy(2, 0, 400), series, "occlusion", 1, plane="frequency", score="logit",
                           components=parts)
    assert found.components.top(1) == [2]
    assert found.components.weights[:2].abs().max() < 1e-4


def test_time_and_frequency_together(series):
    t = torch.arange(400) / 400
    beep = torch.zeros(400)
    beep[200:300] = torch.sin(2 * torch.pi * 100 * t[200:300])
    sound = torch.stack([torch.sin(2 * torch.pi * 10 * t) + 3 * beep])
    found = explain_series(Band(90, 110), sound, "rise", 1, plane="time_frequency", sample_rate_hz=400.0, n_fft=32,
                           n_masks=600)
    row, column = divmod(int(found.values.argmax()), found.values.shape[1])
    assert abs(float(found.frequencies_hz[row]) - 100) < 50
    assert 0.4 < float(found.times_s[column]) < 0.85


def barks_and_ticks():
    """Half a second of each event of synthetic.py, (n, 1, 4000) at 8 kHz, and its class."""
    sounds, targets = [], []
    for seed in range(2):
        for target, name, starts in ((0, "dog over hum", (0.35, 2.25)), (1, "clock_tick over hum", (0.2, 1.2))):
            scene = ew.synthetic.make_scene(name, seed=seed)
            event = ew.audio.resample(ew.Clip(scene.event, scene.sample_rate_hz), 8000).waveform
            for start_s in starts:
                sounds.append(event[int(8000 * start_s) :][:4000])
                targets.append(target)
    return torch.stack(sounds)[:, None], torch.tensor(targets)


def test_a_waveform_network_hears_the_bark(generator):
    """Trained on samples, explained on samples: the evidence for the dog is where the bark is."""
    sounds, targets = barks_and_ticks()
    with borrowed_rng(0):
        network = WaveformCnn()
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(50):
            loss = nn.functional.cross_entropy(network(sounds), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert (network(sounds).argmax(1) == targets).float().mean() > 0.9
    long = 0.001 * torch.randn(1, 16000, generator=generator)
    long[0, 8000:12000] += sounds[0, 0]
    sounding = (long[0].abs() > 0.05).nonzero()[:, 0]
    inside = slice(int(sounding[0]), int(sounding[-1]))
    for method, target in (("rise", 0), ("relax", None), ("occlusion", 0)):
        quick = {} if method == "occlusion" else {"n_masks": 150}
        found = explain_series(network, long, method, target, sample_rate_hz=8000.0, **quick)
        assert found.values.shape == (1, 16000)
        assert found.values[0, inside].mean() > found.values[0, :6000].mean() + 1e-3
        assert found.values[0, inside].mean() > found.values[0, 13500:].mean() + 1e-3


def test_the_same_seed_the_same_bits_and_nothing_is_touched(series):
    network, before = Energy(1, 100, 200), series.clone()
    network.train()
    state = torch.random.get_rng_state()
    first, again, other = (explain_series(network, series, "rise", 1, seed=seed, n_masks=50).values
                           for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(series, before)
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"method": "saliency"}, "unknown method for series"), ({"plane": "mel"}, "unknown plane"),
    ({"score": "loudness"}, "unknown score"), ({"baseline": "noise"}, "unknown baseline"), ({"seed": -1}, "seed is -1"),
    ({"n_mask": 3}, "did you mean 'n_masks'"), ({"target": 1}, "does not go with score 'similarity'"),
    ({"method": "lime", "fill": "blur"}, "holds gains"),
])
def test_misuse_is_one_sentence(series, kwargs, message):
    with pytest.raises(ParameterError, match=message):
        explain_series(Energy(1, 100, 200), series, **kwargs)


@pytest.mark.parametrize("bad", [torch.zeros(5), torch.zeros(2, 1), torch.zeros(2, 9, dtype=torch.int64),
                                 torch.full((1, 9), float("nan")), [1.0, 2.0]])
def test_what_is_no_series_is_refused(bad):
    with pytest.raises(ParameterError, match="series"):
        explain_series(Energy(0, 0, 3), bad)
