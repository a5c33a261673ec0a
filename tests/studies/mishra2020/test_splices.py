import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import jamendo, stems
from earwitness.studies.mishra2020.excerpts import SongRecording, load_recordings, seeded
from earwitness.studies.mishra2020.spliced_excerpts import (
    SplicePlan,
    splice_at_boundaries,
    splice_scenes,
    splice_songs,
    splice_stems,
)
from tests.datasets.songs_on_disk import RATE_HZ, write_lyrics

PLAN = SplicePlan(places=3, mixes=2)


def test_three_of_ten_parts_are_sung(data, detector):
    songs = jamendo.read_songs(data)
    splices = list(splice_songs(load_recordings(songs, detector), PLAN))
    assert len(splices) == 2 * 3 * 2
    for splice in splices:
        assert len(splice.truth) == 3
        assert len(splice.parts.names) == 10
        assert splice.features.values.shape == (1, 80, 115)
    one = splices[0]
    here = torch.isin(one.parts.labels[0], torch.tensor(sorted(one.truth)))
    voice = one.features.values[0, 23:28].mean(0)  # the warbling voice is at 900 Hz
    assert voice[here].mean() > voice[~here].mean() + 0.5


def test_splices_do_not_depend_on_other_songs(data, detector):
    songs = jamendo.read_songs(data)
    both = [s for s in splice_songs(load_recordings(songs, detector), PLAN) if s.song == "two"]
    alone = list(splice_songs(load_recordings(songs[1:], detector), PLAN))
    assert [s.truth for s in both] == [s.truth for s in alone]
    assert all(torch.equal(a.features.values, b.features.values) for a, b in zip(both, alone, strict=True))


def test_more_places_add_to_fewer(data, detector):
    songs = jamendo.read_songs(data)[:1]
    few, many = (list(splice_songs(load_recordings(songs, detector), SplicePlan(places=n, mixes=2))) for n in (1, 3))
    rest = list(splice_songs(load_recordings(songs, detector), SplicePlan(places=3, first_place=1, mixes=2)))
    assert [s.truth for s in few + rest] == [s.truth for s in many]
    assert torch.equal(many[-1].features.values, rest[-1].features.values)


def test_places_lie_within_sung_or_unsung_stretches(data, detector):
    song = jamendo.read_songs(data)[1]
    recording = SongRecording.load(song, detector)
    for sung in (True, False):
        for k in range(20):
            start_s = recording.start_within(sung=sung, generator=seeded(0, 5, k))
            inside = [a <= start_s and start_s + recording.window_s <= b for a, b in song.vocal]
            outside = [start_s + recording.window_s <= a or start_s >= b for a, b in song.vocal]
            assert any(inside) if sung else all(outside)
            assert recording.excerpt(start_s).sung == sung


def test_a_song_without_room_yields_nothing(tmp_path, detector):
    folder = write_lyrics(tmp_path, {"full": (4.0, [(0.0, 4.0)])})
    assert list(splice_songs(load_recordings(jamendo.read_songs(folder), detector), PLAN)) == []


def test_a_song_shorter_than_the_window_is_refused(tmp_path, detector):
    folder = write_lyrics(tmp_path, {"short": (1.5, [(0.2, 1.0)])})
    with pytest.raises(DataError, match=r"short\.wav: 1\.50 s of sound, but model 'random' hears 1\.68 s at once"):
        list(splice_songs(load_recordings(jamendo.read_songs(folder), detector), PLAN))
    endless = ew.AudioModel(detector.network, detector.front_end, ["vocal"], "sigmoid")
    with pytest.raises(ParameterError, match="needs one with a window"):
        list(splice_songs(load_recordings(jamendo.read_songs(folder), endless), PLAN))


def test_parts_at_annotated_boundaries_are_sung_or_not(data, detector):
    songs = jamendo.read_songs(data)
    found = list(splice_at_boundaries(load_recordings(songs, detector), SplicePlan(places=5)))
    assert found
    for splice in found:
        assert 2 <= len(splice.parts.names) <= 4
        assert 0 < len(splice.truth) < len(splice.parts.names)


@pytest.fixture
def stem_folder(tmp_path):
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    voice = 0.3 * np.sin(2 * np.pi * 900 * t) * (t < 1.5)
    (tmp_path / "song").mkdir()
    soundfile.write(tmp_path / "song" / "source-02.wav", voice, RATE_HZ)
    soundfile.write(tmp_path / "song" / "source-01.wav", 0.1 * np.sin(2 * np.pi * 220 * t), RATE_HZ)
    return tmp_path


def test_only_audible_parts_of_a_stem_are_the_truth(stem_folder, loudness_model):
    splices = list(splice_stems(stems.read_stem_pairs(stem_folder), loudness_model, SplicePlan(places=8, mixes=3)))
    assert splices
    tone = int((loudness_model.front_end.frequencies_hz - 900).abs().argmin())
    for splice in splices:
        row = splice.features.values[0, tone]
        loud = [float(row[splice.parts.labels[0] == part].mean()) for part in range(10)]
        assert min(loud[part] for part in splice.truth) > max(
            level for part, level in enumerate(loud) if part not in splice.truth)


def test_parts_of_a_stem_may_hold_the_mixture(stem_folder, loudness_model):
    pairs, music = stems.read_stem_pairs(stem_folder), 1
    found = {inside: next(splice_stems(pairs, loudness_model, SplicePlan(places=8, mixes=1, inside=inside)))
             for inside in ("stem", "mixture")}
    assert found["stem"].truth == found["mixture"].truth
    here = torch.isin(found["stem"].parts.labels[0], torch.tensor(sorted(found["stem"].truth)))
    low = {inside: splice.features.values[0, music][here].mean() for inside, splice in found.items()}
    assert low["mixture"] > low["stem"] + 10


def test_scenes_need_a_model_that_knows_the_events(mel_model, detector):
    splice = next(splice_scenes(mel_model, SplicePlan(places=1, mixes=1)))
    assert splice.song == "clock_tick over hum"
    assert mel_model.labels[splice.target] == "clock_tick"
    with pytest.raises(ParameterError, match="knows none of the synthetic events"):
        next(splice_scenes(detector, PLAN))
    with pytest.raises(ParameterError, match="mixes=0"):
        SplicePlan(mixes=0)
