import itertools

import pytest
import soundfile
import torch

from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import intervals, jamendo, stems
from earwitness.datasets.intervals import Marked
from tests.datasets.songs_on_disk import RATE_HZ, sound, write_lyrics, write_marked

WORDS = [(0.5, 0.8), (1.05, 1.2), (1.1, 1.5), (2.0, 2.5)]


def test_a_moment_is_vocal_where_a_word_is_sung_or_a_gap_is_short(tmp_path):
    (song,) = jamendo.read_songs(write_lyrics(tmp_path, {"a": (3.0, WORDS)}))
    assert song.name == "a"
    assert song.duration_s == pytest.approx(3.0)
    assert song.vocal == ((0.5, 1.5), (2.0, 2.5))  # 0.25 s closed, 0.5 s left open
    assert song.vocal_share == pytest.approx(0.5)
    (strict,) = jamendo.read_songs(tmp_path, close_gaps_s=0.0)
    assert strict.vocal == ((0.5, 0.8), (1.05, 1.5), (2.0, 2.5))


def test_lines_where_there_are_no_words(tmp_path):
    (song,) = jamendo.read_songs(write_lyrics(tmp_path, {"a": (3.0, [(0.5, 2.0)])}, kind="lines"))
    assert song.vocal == ((0.5, 2.0),)


def test_the_detection_set_has_parts_in_the_order_of_its_lists(tmp_path):
    lines = ["0 1.0 nosing", "1.0 2.0 sing", "2.0 3.0 nosing"]
    songs = jamendo.read_songs(write_marked(tmp_path, {"b": ("train", 3.0, lines), "a": ("test", 3.0, lines),
                                                 "c": ("valid", 3.0, lines)}))
    assert [(song.name, song.part) for song in songs] == [("b", "train"), ("c", "valid"), ("a", "test")]
    assert songs[0].vocal == ((1.0, 2.0),)
    assert [song.name for song in jamendo.of_part(songs, "test")] == ["a"]
    with pytest.raises(DataError, match="no songs in part 'x'"):
        jamendo.of_part(songs, "x")


@pytest.mark.parametrize(("row", "message"), [
    ("2.0,1.0,nan", "line 3: ends at 1 s, before it begins at 2 s"),
    ("2.0,3.5,nan", "line 3: ends at 3.5 s, but the recording at 3.000 s"),
    ("x,1.0,nan", "line 3: 'x' to '1.0'; expected two numbers"),
    ("nan,1.0,nan", "line 3: nan to 1 s; expected finite seconds"),
    ("-1,1.0,nan", "line 3: -1 to 1 s; expected finite seconds from 0"),
    ("2.0", "line 3: '2.0' to None"),
])
def test_wrong_words_are_named_with_file_and_line(tmp_path, row, message):
    write_lyrics(tmp_path, {"a": (3.0, [(0.5, 1.0)])})
    table = tmp_path / "annotations" / "words" / "a.csv"
    table.write_text(table.read_text() + row + "\n")
    with pytest.raises(DataError, match=message) as error:
        jamendo.read_songs(tmp_path)
    assert "a.csv" in str(error.value)


@pytest.mark.parametrize(("lines", "message"), [
    (["0 2 sing", "1.5 3 nosing"], "line 2: begins at 1.5 s, before line 1 ends at 2 s"),
    (["0 2 sing", "2 1 nosing"], "line 2: ends at 1 s, before it begins"),
    (["0 2 humming"], "line 1: label is 'humming'; expected sing or nosing"),
    (["0 2"], "line 1: '0 2'; expected START END LABEL"),
    (["0 20 sing"], "line 1: ends at 20 s, but the recording"),
])
def test_wrong_labels_are_named_with_file_and_line(tmp_path, lines, message):
    write_marked(tmp_path, {"a": ("train", 3.0, lines)})
    with pytest.raises(DataError, match=message) as error:
        jamendo.read_songs(tmp_path)
    assert "a.lab" in str(error.value)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"no known layout; expected JamendoLyrics .* or Jamendo SVD"):
        jamendo.read_songs(tmp_path)
    write_lyrics(tmp_path / "x", {"a": (3.0, WORDS)})
    (tmp_path / "x" / "audio" / "a.wav").unlink()
    with pytest.raises(DataError, match=r"no sound file .*a\.\*"):
        jamendo.read_songs(tmp_path / "x")
    soundfile.write(tmp_path / "x" / "audio" / "a.wav", sound(3.0, []), RATE_HZ)
    (tmp_path / "x" / "annotations" / "words" / "a.csv").write_text("start,end\n0,1\n")
    with pytest.raises(DataError, match=r"columns are \['start', 'end'\]; expected also \['word_start', 'word_end'\]"):
        jamendo.read_songs(tmp_path / "x")
    with pytest.raises(ParameterError, match="close_gaps_s is -1"):
        jamendo.read_songs(tmp_path / "x", close_gaps_s=-1)


def test_the_ten_songs(shared_data):
    songs = jamendo.read_songs(shared_data / "jamendo-lyrics")
    assert len(songs) == 10
    assert sum(song.vocal_share * song.duration_s for song in songs) / sum(song.duration_s for song in songs) == (
        pytest.approx(0.654, abs=0.002))


def test_union_by_brute_force(generator):
    starts = 10 * torch.rand(40, generator=generator)
    marked = [Marked(float(a), float(a) + 0.1 + 0.5 * (k % 3) / 3, k) for k, a in enumerate(starts)]
    union = intervals.joined(marked)
    times = torch.linspace(0, 11, 5003)
    slow = torch.stack([(times >= m.start_s) & (times < m.end_s) for m in marked]).any(0)
    assert torch.equal(intervals.inside(union, times), slow)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(union))
    rest = tuple(intervals.gaps(union, 11.0))
    assert torch.equal(intervals.inside(rest, times[:-1]), ~slow[:-1])


def test_stems_are_found_by_their_published_names(tmp_path):
    for song, names in (("one", ("source-01", "source-02", "mix")), ("two", ("Vocals", "instrumental"))):
        (tmp_path / song).mkdir()
        for name in names:
            soundfile.write(tmp_path / song / f"{name}.wav", sound(1.0, []), RATE_HZ)
    one, two = stems.read_stem_pairs(tmp_path)
    assert (one.voice.name, one.other.name) == ("source-02.wav", "source-01.wav")
    assert (two.voice.name, two.other.name) == ("Vocals.wav", "instrumental.wav")
    assert one.duration_s == pytest.approx(1.0)


def test_stems_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(DataError, match="no songs; expected folders"):
        stems.read_stem_pairs(tmp_path)
    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "voice.wav", sound(1.0, []), RATE_HZ)
    with pytest.raises(DataError, match="no file named instrumental"):
        stems.read_stem_pairs(tmp_path)
    soundfile.write(tmp_path / "a" / "instrumental.wav", sound(1.2, []), RATE_HZ)
    with pytest.raises(DataError, match=r"1\.000 s, but instrumental\.wav 1\.200 s; expected stems of the same length"):
        stems.read_stem_pairs(tmp_path)
