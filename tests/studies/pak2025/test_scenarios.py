import pytest
import torch

import earwitness as ew
from earwitness.studies.pak2025.plan import Scenario
from earwitness.studies.pak2025.scenarios import degrade, load_noise


@pytest.fixture
def path(tmp_path, generator):
    return ew.audio.save(tmp_path / "clip.wav", ew.Clip(0.2 * torch.rand(3000, generator=generator) - 0.1, 8000))


def heard(path, scenario, *, noise=None, seed=0):
    return degrade(path, Scenario(**scenario), sample_rate_hz=8000, clip_s=0.5, noise=noise, seed=seed).waveform


def test_the_published_mixture_in_plain_lines(path):
    noise = torch.sin(torch.arange(4000) / 3.0)
    clip = torch.zeros(4000)
    clip[:3000] = ew.load(path).waveform
    mixture = 0.6 * clip / clip.square().mean().sqrt() + 0.4 * noise / noise.square().mean().sqrt()
    expected = mixture / mixture.abs().max()
    torch.testing.assert_close(heard(path, {"name": "n", "noise": "n.wav"}, noise=noise), expected)


def test_a_level_of_its_own(path):
    noise = torch.sin(torch.arange(4000) / 3.0)
    quiet = heard(path, {"name": "n", "noise": "n.wav", "snr_db": 40.0}, noise=noise)
    clip = ew.audio.fit_length(ew.load(path).waveform, 4000)
    assert float(ew.metrics.si_sdr(clip, quiet)) == pytest.approx(40, abs=0.6)
    assert float(quiet.abs().max()) == 1


def test_white_noise_depends_on_seed_clip_and_scenario_alone(path):
    white = {"name": "white", "noise": "white"}
    once = heard(path, white)
    torch.rand(5)
    assert torch.equal(once, heard(path, white))
    for other in (heard(path, white, seed=1), heard(path, {"name": "hiss", "noise": "white"})):
        assert not torch.equal(once, other)


def test_a_clean_clip_is_padded_and_nothing_else(path):
    sound = heard(path, {"name": "clean"})
    assert torch.equal(sound[:3000], ew.load(path).waveform)
    assert not sound[3000:].any()


def test_a_noise_is_cut_and_padded(tmp_path):
    ew.audio.save(tmp_path / "n.wav", ew.Clip(torch.full((100,), 0.5), 8000))
    noise = load_noise(tmp_path / "n.wav", 8000, 300)
    assert (int((noise != 0).sum()), len(noise)) == (100, 300)
    assert len(load_noise(tmp_path / "n.wav", 8000, 50)) == 50
