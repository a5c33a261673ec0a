import numpy as np
import pytest
import soundfile

from earwitness.core.errors import AudioFileError, DataError, ParameterError
from earwitness.datasets import animals


def tone(hz, rate=8000, seconds=0.25):
    return np.round(16000 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


@pytest.fixture
def folder(tmp_path):
    """Three lions, two of them the same sound in two containers, and cats in two parts."""
    for name, sounds in {
        "Aslan": {"a.wav": tone(100), "b.flac": tone(100), "c.wav": tone(120)},
        "Kedi-Part1": {"cat_1.wav": tone(300)},
        "Kedi-Part2": {"cat_2.ogg": tone(400)},
    }.items():
        (tmp_path / name).mkdir()
        for file, sound in sounds.items():
            soundfile.write(tmp_path / name / file, sound, 8000)
    return tmp_path


def test_labels_come_from_the_turkish_folders(folder):
    data = animals.read_animals(folder)
    assert data.labels == ("cat", "lion")
    assert [(r.path.name, r.label, r.target) for r in data.recordings] == [
        ("a.wav", "lion", 1), ("b.flac", "lion", 1), ("c.wav", "lion", 1), ("cat_1.wav", "cat", 0),
        ("cat_2.ogg", "cat", 0)]


def test_the_same_samples_in_another_container_are_one_recording(folder):
    data = animals.read_animals(folder)
    assert [[r.path.name for r in group] for group in data.repeated] == [["a.wav", "b.flac"]]
    assert data.surplus == 1
    assert len({r.group for r in data.recordings}) == 4


def test_the_same_samples_at_another_rate_are_another_recording(folder):
    soundfile.write(folder / "Aslan" / "d.wav", tone(100), 16000)
    assert animals.read_animals(folder).surplus == 1


def test_what_is_no_sound_is_passed_over(folder):
    (folder / "Aslan" / "notes.txt").write_text("x")
    (folder / "Aslan" / "._a.wav").write_bytes(b"\0")
    (folder / ".git").mkdir()
    (folder / "docs").mkdir()
    (folder / "docs" / "readme.md").write_text("x")
    assert len(animals.read_animals(folder).recordings) == 5


def test_one_recording_under_two_labels_is_refused(folder):
    soundfile.write(folder / "Kedi-Part1" / "z.wav", tone(120), 8000)
    with pytest.raises(DataError, match=r"z\.wav \(cat\) is the same recording as .*c\.wav \(lion\)"):
        animals.read_animals(folder)


def test_an_unknown_animal_is_refused(folder):
    (folder / "At").mkdir()
    soundfile.write(folder / "At" / "horse.wav", tone(200), 8000)
    with pytest.raises(DataError, match=r"At: unknown animal; expected one of Aslan"):
        animals.read_animals(folder)


def test_a_broken_sound_is_named(folder):
    (folder / "Aslan" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioFileError, match=r"broken\.wav"):
        animals.read_animals(folder)


@pytest.mark.parametrize("make", [lambda p: p / "nowhere", lambda p: p / "Aslan"])
def test_folders_without_animals_are_refused(folder, make):
    with pytest.raises(DataError, match="expected"):
        animals.read_animals(make(folder))


def test_a_single_animal_is_refused(folder, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone")
    (folder / "Aslan").rename(alone / "Aslan")
    with pytest.raises(DataError, match="sounds of 1 animals"):
        animals.read_animals(alone)


def test_folds_are_stratified_and_keep_groups_together():
    targets = [0] * 60 + [1] * 25
    groups = [0, 0, 0, *range(1, 58), *range(100, 125)]
    folds = np.array(animals.grouped_folds(targets, groups, n_folds=5, seed=3))
    assert len({folds[k] for k in range(3)}) == 1
    for target, size in ((0, 60), (1, 25)):
        counts = np.bincount(folds[np.array(targets) == target], minlength=6)[1:]
        assert counts.tolist() == [size // 5] * 5
    assert folds.tolist() == animals.grouped_folds(targets, groups, n_folds=5, seed=3)
    assert folds.tolist() != animals.grouped_folds(targets, groups, n_folds=5, seed=4)


def test_random_folds_tear_groups_apart():
    targets, groups = [0] * 100, [k // 2 for k in range(100)]
    random = animals.random_folds(targets, seed=0)
    grouped = animals.grouped_folds(targets, groups, seed=0)
    torn = [sum(folds[2 * k] != folds[2 * k + 1] for k in range(50)) for folds in (random, grouped)]
    assert torn[0] > 20
    assert torn[1] == 0


def test_folds_need_sense():
    with pytest.raises(ParameterError, match="n_folds=1"):
        animals.grouped_folds([0], [0], n_folds=1)


def test_the_real_animals(shared_data):
    data = animals.read_animals(shared_data / "animals")
    assert len(data.recordings) == 875
    assert data.labels == ("bird", "cat", "chicken", "cow", "dog", "donkey", "frog", "lion", "monkey", "sheep")
    # 42 groups and 45 surplus files are byte-identical as published; by decoded samples there are more
    assert (len(data.repeated), data.surplus) == (50, 53)
    targets, groups = [r.target for r in data.recordings], [r.group for r in data.recordings]
    folds = animals.grouped_folds(targets, groups)
    assert all(len({folds[data.recordings.index(r)] for r in group}) == 1 for group in data.repeated)
    assert sorted(np.bincount(folds)[1:].tolist()) == [175] * 5
    leaky = animals.random_folds(targets)
    assert sum(len({leaky[data.recordings.index(r)] for r in group}) > 1 for group in data.repeated) > 25
