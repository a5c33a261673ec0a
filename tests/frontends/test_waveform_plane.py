"""The plane before networks that hear waveforms: what is heard is exact, silence is silent, lines are straight."""

import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.frontends import SamplePlane, WaveformPlane, build_front_end, describe_front_end

PLANES = [WaveformPlane.at_rate(16000), WaveformPlane.at_rate(44100), WaveformPlane(8000, 256, 128), SamplePlane(8000)]


@pytest.fixture
def sounds(generator):
    return 0.3 * torch.randn(2, 5000, generator=generator)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("level", [1.0, 1e-4])
def test_what_is_not_changed_is_heard_as_it_was(plane, sounds, level):
    sounds = level * sounds
    assert torch.allclose(plane.network_input(plane(sounds)), sounds, rtol=0, atol=2e-6 * level)


@pytest.mark.parametrize("plane", PLANES)
def test_silence_is_heard_as_nothing(plane, sounds):
    features = plane(sounds)
    quiet = features.with_values(plane.silent(features.values).expand_as(features.values))
    assert not plane.network_input(quiet).any()
    digital = plane(torch.zeros(1, 5000))
    assert torch.equal(digital.values, plane.silent(digital.values).expand_as(digital.values))
    assert not plane.network_input(digital).any()
    assert not plane.network_input(digital.with_values(digital.values + 40 * (plane.unit == "dB"))).any()


@pytest.mark.parametrize("plane", PLANES[:3])
def test_decibels_are_gains(plane, sounds):
    features = plane(sounds[:1])
    louder = features.with_values(features.values + torch.tensor([0.0, 20.0, -20.0])[:, None, None])
    assert torch.allclose(plane.network_input(louder), sounds[:1] * torch.tensor([[1.0], [10.0], [0.1]]), rtol=0,
                          atol=2e-5)


@pytest.mark.parametrize("plane", PLANES)
def test_a_soft_mask_is_heard_as_it_is_played(plane, sounds, generator):
    features = plane(sounds[:1])
    masks = torch.rand(3, *features.values.shape[1:], generator=generator)
    heard = plane.network_input(plane.blend(features, masks, fill=plane.silent(masks)[None]))
    played = torch.cat([plane.inverse(features, mask[None]) for mask in masks])
    assert torch.allclose(heard, played, rtol=0, atol=1e-6)


@pytest.mark.parametrize("plane", PLANES)
def test_lines_between_features_and_fill_are_straight_in_the_waveform(plane, sounds, generator):
    features = plane(sounds[:1])
    fill = features.values.mean(2, keepdim=True).expand_as(features.values)
    ends = plane.network_input(features), plane.network_input(features.with_values(fill))
    for share in (0.0, 0.25, 1.0):
        heard = plane.network_input(plane.blend(features, torch.full_like(fill, share), fill=fill))
        assert torch.allclose(heard, share * ends[0] + (1 - share) * ends[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("plane", PLANES)
def test_the_gradient_through_the_plane_is_that_of_the_waveform(plane, sounds, generator):
    weights = torch.randn(sounds.shape, generator=generator)
    leaf = sounds.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((plane.network_input(plane(leaf)) * weights).sum(), leaf)
    assert torch.allclose(gradient, weights, rtol=0, atol=1e-5)


def test_the_plane_of_samples_is_the_waveform(sounds):
    plane = SamplePlane(8000)
    features = plane(sounds)
    assert torch.equal(features.values[:, 0], sounds)
    assert torch.equal(plane.inverse(features), sounds)
    assert plane.n_bins == 1
    assert plane.times_s(3).tolist() == pytest.approx([0.5 / 8000, 1.5 / 8000, 2.5 / 8000])


def test_planes_are_described_and_checked():
    for plane in PLANES:
        assert build_front_end(describe_front_end(plane)) == plane
    assert (WaveformPlane.at_rate(8000).n_fft, WaveformPlane.at_rate(48000).n_fft) == (512, 2048)
    with pytest.raises(ParameterError, match="hop_samples is 600; expected at most half"):
        WaveformPlane(16000, 1024, 600)
