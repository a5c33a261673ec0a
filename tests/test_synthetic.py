import pytest
import torch

from earwitness import frontends, synthetic
from earwitness.core.errors import ParameterError


@pytest.mark.parametrize("name", synthetic.SCENES)
def test_scenes_are_what_they_say(name):
    scene = synthetic.make_scene(name, seed=5)
    assert torch.equal(scene.clip.waveform, scene.event + scene.background)
    assert scene.clip.waveform.abs().max() == pytest.approx(1.0, abs=1e-5)
    assert scene.clip.duration_s == synthetic.DURATION_S
    sounding = scene.event.abs() > 0.02 * scene.event.abs().max()
    ratio = scene.event[sounding].square().mean() / scene.background.square().mean()
    assert 10 * torch.log10(ratio) == pytest.approx(scene.snr_db, abs=1e-3)
    evidence = scene.evidence(frontends.MelDb())
    assert evidence.shape == (64, 501)
    assert 0.01 < evidence.float().mean() < 0.6


def test_seeds_decide_everything():
    rng = torch.get_rng_state()
    first, again, other = (synthetic.make_scene("dog over rain", seed=s).clip.waveform for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(rng, torch.get_rng_state())


@pytest.mark.parametrize("front_end", [frontends.MelDb(), frontends.StftDb()])
def test_evidence_is_where_the_event_wins(front_end):
    """Slow twin: the stems' energies, bin by bin, without the front end's decibels."""
    from earwitness import audio
    from earwitness.core.types import Clip

    scene = synthetic.make_scene("clock_tick over hum")
    powers = []
    for stem in (scene.event, scene.background):
        sound = audio.resample(Clip(stem.double(), scene.sample_rate_hz), front_end.sample_rate_hz).waveform
        power = front_end.stft.transform(sound[None])[0].abs().square()
        powers.append(front_end.filters(power) @ power if hasattr(front_end, "filters") else power)
    wanted = powers[0].clamp(min=1e-10) > powers[1].clamp(min=1e-10)
    assert (wanted == scene.evidence(front_end)).float().mean() > 0.9999


@pytest.mark.parametrize("name", ["clock_tick over hum", "clock_tick over rain", "dog over hum", "dog over rain"])
def test_the_bundled_model_recognises_the_scenes(mel_model, name):
    scene = synthetic.make_scene(name)
    probabilities = mel_model.probabilities(scene.clip)[0]
    assert mel_model.labels[probabilities.argmax()] == scene.label
    assert probabilities.max() >= 0.8


def test_unknown_scenes_are_refused():
    with pytest.raises(ParameterError, match="did you mean 'dog over hum'"):
        synthetic.make_scene("dog over hun")
