import pytest
import torch

from earwitness import audio
from earwitness.core.errors import DataError
from earwitness.datasets import jamendo
from earwitness.frontends import SingingVoiceLogMel
from earwitness.singing.excerpts import (
    ExcerptChanges,
    ExcerptDeck,
    band_statistics,
    song_features,
    song_spectrum,
)
from tests.datasets.songs_on_disk import write_lyrics

UNCHANGED = ExcerptChanges(pitch=0.0, stretch=0.0, filter_db=0.0)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = write_lyrics(tmp_path_factory.mktemp("songs"), {"a": (6.0, [(1.0, 3.0)]), "b": (8.0, [(5.0, 7.0)])})
    return [song_spectrum(song, SingingVoiceLogMel()) for song in jamendo.read_songs(folder)]


@pytest.fixture(scope="module")
def front_end(songs):
    return band_statistics(songs, SingingVoiceLogMel())


def test_every_band_has_mean_0_and_deviation_1_over_the_songs(songs, front_end):
    values = torch.cat([song_features(song, front_end)[:, 57:-57] for song in songs], 1)
    assert values.mean(1).abs().max() < 1e-3
    assert (values.std(1, correction=0) - 1).abs().max() < 1e-3
    assert float(values.min()) == pytest.approx(front_end.minimum, abs=1e-3)


def test_features_of_a_song_are_the_front_ends_with_silent_margins(songs, front_end, tmp_path):
    folder = write_lyrics(tmp_path, {"a": (6.0, [(1.0, 3.0)])})
    clip = audio.load(folder / "audio" / "a.wav")
    direct = front_end(clip.waveform[None]).values[0]
    own = song_features(songs[0], front_end)
    assert own.shape == (80, direct.shape[1] + 114)
    assert (own[:, 57:-57] - direct).abs().mean() < 2e-3  # magnitudes are kept in half precision
    assert torch.allclose(own[:, :57], front_end.silent(own).expand(-1, 57), atol=1e-4)


def test_unchanged_excerpts_are_cut_from_the_song(songs, front_end):
    deck = ExcerptDeck(songs, front_end, UNCHANGED, outputs=3)
    batch, vocal = deck.batch(20, generator=torch.Generator().manual_seed(1))
    assert batch.shape == (20, 80, 133)
    assert vocal.shape == (20, 3)
    chosen = deck.places[torch.randint(len(deck.places), (20,), generator=torch.Generator().manual_seed(1))]
    for excerpt, said, (k, frame) in zip(batch, vocal, chosen.tolist(), strict=True):
        whole = song_features(songs[k], front_end)
        first = frame + 57 - 66  # the middle of 133 frames is the chosen frame
        if 0 <= first and first + 133 <= whole.shape[1]:
            assert torch.allclose(excerpt, whole[:, first : first + 133], atol=1e-4)
            there = [bool(songs[k].vocal[frame + 9 * j]) for j in (-1, 0, 1)
                     if 0 <= frame + 9 * j < len(songs[k].vocal)]
            if len(there) == 3:
                assert said.tolist() == there


def test_speed_and_pitch_change_what_is_heard(songs, front_end):
    plain = ExcerptDeck(songs, front_end, UNCHANGED).batch(8, generator=torch.Generator().manual_seed(2))[0]
    for change in ({"pitch": 0.3}, {"stretch": 0.3}, {"filter_db": 10.0}, {"gain_db": 6.0}, {"under_share": 1.0}):
        changes = ExcerptChanges(**{"pitch": 0.0, "stretch": 0.0, "filter_db": 0.0, **change})
        other = ExcerptDeck(songs, front_end, changes).batch(8, generator=torch.Generator().manual_seed(2))[0]
        assert bool(torch.isfinite(other).all())
        assert not torch.allclose(other, plain, atol=1e-2), change


def test_the_same_seed_draws_the_same_batch(songs, front_end):
    deck = ExcerptDeck(songs, front_end, ExcerptChanges(under_share=0.5, gain_db=6.0), outputs=2)
    first, second = (deck.batch(4, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_a_song_shorter_than_an_excerpt_is_refused(tmp_path):
    (song,) = jamendo.read_songs(write_lyrics(tmp_path, {"short": (1.0, [(0.1, 0.5)])}))
    with pytest.raises(DataError, match=r"short\.wav: 1\.00 s of sound; expected at least an excerpt of 1\.6[78] s"):
        song_spectrum(song, SingingVoiceLogMel())
