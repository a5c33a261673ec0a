import json
from dataclasses import replace

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError, WeightsError
from earwitness.datasets import jamendo
from earwitness.frontends import SingingVoiceLogMel
from earwitness.models import SingingVoiceNet
from earwitness.singing.cross_validation import train_detector
from earwitness.singing.excerpts import ExcerptChanges, band_statistics, song_spectrum
from earwitness.singing.network_training import VoiceSettings, decisions, fit_voice, voice_curve
from earwitness.training import borrowed_rng
from tests.datasets.songs_on_disk import write_lyrics, write_marked

TINY = VoiceSettings(epochs=2, batches=1, batch=2, learning_rate=1e-3, changes=ExcerptChanges(pitch=0.1))
LINES = ["0 1.5 nosing", "1.5 4.0 sing", "4.0 5.0 nosing"]


def test_shared_convolutions_give_the_decisions_of_single_excerpts(generator):
    with borrowed_rng(0):
        network = SingingVoiceNet().eval()
    features = torch.randn(2, 80, 115 + 18, generator=generator)
    with torch.no_grad():
        shared = decisions(network, features)
        single = torch.stack([network(features[:, :, 9 * k : 9 * k + 115])[:, 0] for k in range(3)], 1)
    assert torch.allclose(shared, single, atol=1e-5)


def test_a_curve_does_not_depend_on_its_pieces(generator, monkeypatch):
    with borrowed_rng(0):
        network = SingingVoiceNet().eval()
    features = torch.randn(80, 300, generator=generator)
    whole = voice_curve(network, features)
    monkeypatch.setattr("earwitness.singing.network_training.SLIDE_FRAMES", 50)
    assert whole.shape == (186,)
    assert torch.allclose(voice_curve(network, features), whole, atol=1e-6)


def test_cross_validation_holds_every_song_out_once(tmp_path):
    data = write_lyrics(tmp_path / "data", {name: (4.0, [(1.0, 1.0 + k)]) for k, name in enumerate("ab", 1)})
    before = torch.random.get_rng_state()
    pieces = [train_detector(data, tmp_path / "out", TINY, folds=2, only=[k]) for k in (1, 2)]
    assert pieces == [{}, {}]
    held_out = [json.loads((tmp_path / "out" / f"fold-{k}" / "card.json").read_text())["training"]["held_out"]
                for k in (1, 2)]
    assert held_out == [["a"], ["b"]]
    card = train_detector(data, tmp_path / "out", TINY, folds=2, only=[0])
    assert torch.equal(torch.random.get_rng_state(), before)
    measured = card["measured"]
    assert set(measured["error_per_song"]) == {"a", "b"}
    assert 0 <= measured["error"] <= 1
    assert measured["error_if_always_vocal"] == pytest.approx(1 - 3 / 8, abs=0.02)
    model = ew.load_model(tmp_path / "out")
    assert model.labels == ("vocal",)
    assert model.front_end.mean
    clip = ew.Clip(torch.zeros(36934), 22050, "silence")
    assert model.probabilities(clip).shape == (1, 1)


def test_the_published_parts_are_used_as_such(tmp_path):
    data = write_marked(tmp_path / "data", {name: (part, 5.0, LINES) for name, part in
                                            (("a", "train"), ("b", "valid"), ("c", "test"))})
    card = train_detector(data, tmp_path / "out", TINY)
    assert card["training"]["held_out"] == ["b", "c"]
    assert 0.01 <= card["training"]["threshold"] <= 0.99
    assert {"error", "precision", "recall", "specificity", "f_score"} <= set(card["measured"])


def test_a_stopped_training_continues_to_the_same_weights(tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch, loss):
        raise Stop

    songs = [song_spectrum(song, SingingVoiceLogMel())
             for song in jamendo.read_songs(write_lyrics(tmp_path / "data", {"a": (4.0, [(1.0, 2.5)])}))]
    front_end = band_statistics(songs, SingingVoiceLogMel())
    straight = fit_voice(songs, front_end, TINY)
    with pytest.raises(Stop):
        fit_voice(songs, front_end, TINY, checkpoint=tmp_path / "c.pt", on_epoch=stop)
    continued = fit_voice(songs, front_end, TINY, checkpoint=tmp_path / "c.pt")
    for name, value in straight.state_dict().items():
        assert torch.equal(continued.state_dict()[name], value), name
    with pytest.raises(WeightsError, match="belongs to other settings"):
        fit_voice(songs, front_end, replace(TINY, seed=1), checkpoint=tmp_path / "c.pt")
    (tmp_path / "c.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        fit_voice(songs, front_end, TINY, checkpoint=tmp_path / "c.pt")


def test_settings_out_of_range_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="batches=0"):
        VoiceSettings(batches=0)
    songs = [song_spectrum(song, SingingVoiceLogMel())
             for song in jamendo.read_songs(write_lyrics(tmp_path / "one", {"a": (4.0, [(1.0, 2.5)])}))]
    with pytest.raises(ParameterError, match=r"diverges at learning_rate=.*e\+"):
        fit_voice(songs, band_statistics(songs, SingingVoiceLogMel()), replace(TINY, learning_rate=1e20, epochs=9))
    data = write_lyrics(tmp_path / "data", {"a": (4.0, [(1.0, 2.0)])})
    with pytest.raises(ParameterError, match="folds is 5; expected 2 to 1"):
        train_detector(data, tmp_path / "out", TINY)
