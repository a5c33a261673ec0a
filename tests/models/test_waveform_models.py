"""Networks that hear waveforms, explained on the STFT plane or on samples."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.frontends import SamplePlane, StftDb, WaveformPlane
from earwitness.models.eval_mode import eval_mode
from earwitness.pipeline.explain_file import explain_file
from earwitness.pipeline.request import ExplainRequest
from earwitness.targets.scores import ClassLogit

RATE_HZ = 8000


class Filters(nn.Module):
    """A small network over waveforms, every nonlinearity a module of its own."""

    def __init__(self, generator):
        super().__init__()
        self.conv1, self.norm1, self.act1 = nn.Conv1d(1, 6, 64, 8), nn.BatchNorm1d(6), nn.ReLU()
        self.conv2, self.act2, self.head = nn.Conv1d(6, 8, 16, 4), nn.ReLU(), nn.Linear(8, 3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.numel() ** 0.25)

    def embed(self, sound):
        return self.act2(self.conv2(self.act1(self.norm1(self.conv1(sound[:, None]))))).mean(2)

    def forward(self, sound):
        return self.head(self.embed(sound))


@pytest.fixture
def model(generator):
    return ew.AudioModel(Filters(generator).eval(), sample_rate_hz=RATE_HZ, labels=["a", "b", "c"], window_s=0.25)


@pytest.fixture
def linear(generator):
    network = nn.Linear(2000, 2)
    network.weight.data = torch.randn(2, 2000, generator=generator)
    return ew.AudioModel(network, sample_rate_hz=RATE_HZ, labels=["a", "b"], window_s=0.25)


@pytest.fixture
def clip(generator):
    return ew.Clip(0.3 * torch.randn(2000, generator=generator), RATE_HZ, "noise")


def on_samples(model):
    return replace(model, front_end=SamplePlane(RATE_HZ))


def test_the_network_hears_the_waveform(model, clip):
    assert model.front_end == WaveformPlane(RATE_HZ, 512, 128)
    with torch.no_grad():
        wanted = model.network(clip.waveform[None])
        assert torch.allclose(model.logits(model.features(clip)), wanted, atol=1e-5)
        assert torch.allclose(model.embed(model.features(clip)), model.network.embed(clip.waveform[None]), atol=1e-5)
    assert torch.allclose(model.probabilities(clip), wanted.softmax(1), atol=1e-6)


def slow_relevance(model, clip, index):
    """Re(conj(X) · dL/dX) for every bin of the spectrum X, through an inverse STFT written out."""
    window, (n_fft, hop) = torch.hann_window(512), (512, 128)
    spectrum = torch.stft(clip.waveform[None], n_fft, hop, window=window, return_complex=True).requires_grad_()
    sound = torch.istft(spectrum, n_fft, hop, window=window, length=clip.waveform.numel())
    (gradient,) = torch.autograd.grad(model.network(sound)[0, index], spectrum)
    return (spectrum.detach().conj() * gradient).real[0]


def test_saliency_is_the_relevance_of_the_virtual_layer_per_decibel(model, clip):
    wanted = slow_relevance(model, clip, 1) * math.log(10) / 20
    got = ew.explain(model, clip, "saliency", "b").values
    assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.abs().max()))


def test_integrated_gradients_of_a_linear_network_are_exact(linear, clip):
    """Of a linear network every step gives the same gradient, so one step is enough and nothing is missing."""
    found = ew.explain(linear, clip, "integrated_gradients", "a", n_steps=1)
    wanted = slow_relevance(linear, clip, 0)
    assert torch.allclose(found.values, wanted, atol=1e-5 * float(wanted.abs().max()))
    assert abs(found.settings["completeness_gap"][0]) < 1e-4


@pytest.mark.parametrize(("method", "settings", "most"), [
    ("integrated_gradients", {"n_steps": 256}, 1e-3), ("deep_shap", {}, 1e-4),
])
@pytest.mark.parametrize("plane", [None, SamplePlane(RATE_HZ), WaveformPlane(RATE_HZ, 128, 64)])
def test_evidence_adds_up_through_the_layer(model, clip, method, settings, most, plane):
    model = model if plane is None else replace(model, front_end=plane)
    found = ew.explain(model, clip, method, "c", **settings)
    with torch.no_grad():
        heard, silence = model.network(torch.stack([clip.waveform, torch.zeros(2000)]))[:, 2]
    assert float(found.values.double().sum()) == pytest.approx(float(heard - silence), rel=most)
    assert abs(found.settings["completeness_gap"][0]) < most


def test_deep_shap_of_a_linear_network_is_its_relevance(linear, clip):
    wanted = slow_relevance(linear, clip, 0)
    got = ew.explain(linear, clip, "deep_shap", "a").values
    assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.abs().max()))


def test_evidence_on_samples(linear, clip):
    model, weights = on_samples(linear), linear.network.weight[1]
    saliency = ew.explain(model, clip, "saliency", "b")
    assert saliency.values.shape == (1, 2000)
    assert torch.allclose(saliency.values[0], weights, atol=1e-5)
    along = ew.explain(model, clip, "integrated_gradients", "b", n_steps=2)
    assert torch.allclose(along.values[0], weights * clip.waveform, atol=1e-5)


def test_gradcam_of_a_network_over_waveforms_is_about_time(model, clip):
    values = ew.explain(model, clip, "gradcam", "a").values
    assert torch.allclose(values, values[:1].expand_as(values), atol=1e-6)
    assert float(values[0].std()) > 0


QUICK = {"lime": {"n_samples": 16}, "slime": {"n_samples": 16}, "kernel_shap": {"components": "hpss"},
         "rise": {"n_masks": 16}, "relax": {"n_masks": 16}, "integrated_gradients": {"n_steps": 4},
         "smoothgrad": {"n_samples": 4}, "audible_mask": {"n_steps": 2}}


@pytest.mark.parametrize("method", sorted(set(ew.METHODS) - {"attention_rollout"}))
def test_every_method_explains_it_window_by_window(model, clip, method):
    target, settings = None if method == "relax" else "a", QUICK.get(method, {})
    once = ew.explain(model, clip, method, target, **settings).values
    assert torch.isfinite(once).all()
    assert float(once.abs().max()) > 0
    twice = ew.explain(model, ew.Clip(clip.waveform.repeat(2), RATE_HZ), method, target, **settings)
    assert twice.values.shape == (257, 32)
    assert torch.allclose(twice.values, torch.cat([once, once], 1), atol=1e-4 * float(once.abs().max()))


def test_the_prepared_copy_hears_the_waveform(model, clip):
    found = ew.explain(model, clip, "occlusion", "a", components="spectral")
    plain = ew.explain(model, clip, "occlusion", "a", components="spectral", fast=False)
    assert "1 batch norms folded" in found.settings["optimised"]
    assert torch.allclose(found.values, plain.values, atol=1e-5)


@pytest.mark.parametrize("soft", [False, True])
def test_what_is_played_is_what_is_scored(model, clip, generator, soft):
    mask = torch.rand(257, 16, generator=generator)
    mask = mask if soft else (mask > 0.5).float()
    features, heard = model.features(clip), ew.listen(model, clip, mask)
    silence = model.front_end.silent(features.values)[None]
    for sound, share in ((heard.kept, mask), (heard.removed, 1 - mask)):
        scored = model.front_end.network_input(model.front_end.blend(features, share, fill=silence))[0]
        assert torch.allclose(scored, sound, rtol=0, atol=1e-6)
    measures, _ = ew.metrics.measure(model, features, mask, 1)
    for sound, p in ((heard.kept, measures.p_kept), (heard.removed, measures.p_removed)):
        assert float(model.probabilities(ew.Clip(sound, RATE_HZ))[0, 1]) == pytest.approx(p, abs=1e-6)


def test_scores_at_the_full_and_the_empty_plane(model, clip):
    features = model.features(clip)
    measures, probabilities = ew.metrics.measure(model, features, torch.ones(257, 16), 0)
    assert measures.p_kept == pytest.approx(measures.p, abs=1e-6)
    with torch.no_grad():
        silence = model.network(torch.zeros(1, 2000)).softmax(1)
    assert torch.allclose(probabilities[2:], silence, atol=1e-6)


def test_batches_of_values_are_heard_one_by_one(model, clip, generator):
    features = model.features(clip)
    values = features.values - 20 * torch.rand(5, 257, 16, generator=generator)
    score = ClassLogit(model, 0)
    with eval_mode(model.network):
        together = score(features.with_values(values))
        apart = torch.cat([score(features.with_values(each[None])) for each in values])
    assert torch.allclose(together, apart, atol=1e-5)


def test_a_report_of_a_network_over_waveforms(model, clip, tmp_path):
    """All methods side by side, played, measured and put to the test."""
    ew.audio.save(tmp_path / "noise.wav", ew.Clip(clip.waveform / 4, RATE_HZ))
    choices = ExplainRequest(method="saliency,occlusion,gradcam", check=True)
    report = explain_file(tmp_path / "noise.wav", model, choices)
    assert [section.attribution.method for section in report.sections] == ["saliency", "occlusion", "gradcam"]
    assert all(section.unit == "dB" and section.spectrogram.shape == (257, 16) for section in report.sections)
    asking = ew.AudioModel.from_callable(lambda sounds: model.network(torch.from_numpy(sounds)).detach().numpy(),
                                         list("abc"), RATE_HZ, returns="logits", window_s=0.25)
    report = explain_file(tmp_path / "noise.wav", asking, replace(choices, check=False))
    assert [section.attribution.method for section in report.sections] == ["occlusion"]
    assert [refusal.method for refusal in report.refusals] == ["saliency", "gradcam"]


def test_double_precision_networks_hear_double_precision(linear, clip):
    linear.network.double()
    features = linear.features(clip)
    assert features.values.dtype == torch.float64
    assert linear.logits(features).dtype == torch.float64


def test_rates_are_said_once(generator):
    network = Filters(generator)
    assert ew.AudioModel(network, StftDb(8000)).sample_rate_hz == 8000
    for arguments, message in [
        ({"front_end": StftDb(8000), "sample_rate_hz": 16000}, "sample_rate_hz is 16000 but the front end takes 8000"),
        ({"sample_rate_hz": 0}, "sample_rate_hz is 0"),
        ({"sample_rate_hz": "x"}, "sample_rate_hz is 'x'"),
        ({}, "front_end is None; expected one of earwitness.frontends"),
        ({"front_end": 3}, "front_end is a int"),
    ]:
        with pytest.raises(ParameterError, match=message):
            ew.AudioModel(network, **arguments)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", sorted(ew.METHODS))
def test_the_same_explanation_on_the_gpu(model, clip, method):
    target, settings = None if method == "relax" else "a", QUICK.get(method, {})
    here = ew.explain(model, clip, method, target, **settings).values
    model.network.to("cuda")
    got = ew.explain(model, clip, method, target, **settings).values.cpu()
    assert torch.allclose(got, here, atol=1e-3 * float(here.abs().max()))
