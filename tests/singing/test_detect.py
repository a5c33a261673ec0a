import csv
import re

import pytest
import soundfile
import torch

import earwitness as ew
from earwitness import audio
from earwitness.cli import main
from earwitness.core.errors import AudioFileError, EarwitnessError, ParameterError
from earwitness.models import SingingVoiceNet
from earwitness.singing.decisions import song_threshold
from earwitness.singing.detect import CHUNK_FRAMES, detect_file
from earwitness.singing.report import Detection, SungSegment, draw_detection, render_detection, write_detection
from earwitness.training import borrowed_rng
from earwitness.training.classifier import write_weights
from tests.datasets.songs_on_disk import RATE_HZ, sound


@pytest.fixture(scope="module")
def model():
    with borrowed_rng(4):
        network = SingingVoiceNet().eval()
    front_end = ew.frontends.SingingVoiceLogMel(mean=[-5.0] * 80, std=[1.5] * 80)
    calm, sung = (torch.from_numpy(sound(36934 / RATE_HZ, where)).float() for where in ([], [(0.0, 9.0)]))
    with torch.no_grad():
        low, high = (network(front_end(each[None]).values)[0, 0] for each in (calm, sung))
        network.fc9.bias.copy_(8 / (high - low) * (network.fc9.bias - (low + high) / 2))
        network.fc9.weight *= 8 / (high - low)
    return ew.AudioModel(network, front_end, ["vocal"], "sigmoid", 36934 / RATE_HZ, name="random")


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "a <b> & song.wav"
    soundfile.write(path, sound(12.0, [(4.0, 8.0)]), RATE_HZ)
    return path


@pytest.fixture(scope="module")
def found(song, model):
    return detect_file(song, model, threshold=0.5)


def test_every_frame_is_the_middle_of_an_excerpt(found, song, model):
    clip = audio.load(song)
    n_frames = (clip.waveform.numel() - 1024) // 315 + 1
    assert found.probability.shape == found.smooth.shape == found.times_s.shape == (n_frames,)
    for frame in (57, 300, n_frames - 58):
        first = (frame - 57) * 315
        window = ew.Clip(clip.waveform[first : first + 36934], RATE_HZ)
        assert float(found.probability[frame]) == pytest.approx(float(model.probabilities(window)), abs=1e-5)
        assert float(found.times_s[frame]) == pytest.approx((first + 36934 / 2) / RATE_HZ, abs=1e-6)


def test_singing_is_found_where_it_is(found):
    (stretch,) = (s for s in found.stretches if s.vocal and 2 < s.start_s < 10)  # silence at the ends is new to it
    assert stretch.start_s == pytest.approx(4.0, abs=0.5)
    assert stretch.end_s == pytest.approx(8.0, abs=0.5)
    assert found.stretches[0].start_s == 0.0
    assert found.stretches[-1].end_s == pytest.approx(12.0)
    assert all(a.end_s == b.start_s and a.vocal != b.vocal
               for a, b in zip(found.stretches, found.stretches[1:], strict=False))
    assert found.vocal_share == pytest.approx(sum(s.end_s - s.start_s for s in found.stretches if s.vocal) / 12)


def test_pieces_do_not_show(found, song, model, monkeypatch):
    assert len(found.probability) < CHUNK_FRAMES
    monkeypatch.setattr("earwitness.singing.detect.CHUNK_FRAMES", 100)
    pieces = detect_file(song, model, threshold=0.5)
    assert torch.allclose(pieces.probability, found.probability, atol=1e-4)
    assert pieces.sound is not None


def test_other_rates_and_channels(found, model, tmp_path):
    mono = torch.from_numpy(sound(12.0, [(4.0, 8.0)])).float()
    wide = audio.resample(ew.Clip(mono, RATE_HZ), 44100).waveform
    soundfile.write(tmp_path / "stereo.flac", torch.stack([wide, wide], 1).numpy(), 44100)
    other = detect_file(tmp_path / "stereo.flac", model, threshold=0.5)
    agree = (other.probability > 0.5) == (found.probability[: len(other.probability)] > 0.5)
    assert agree.float().mean() > 0.95


@pytest.mark.parametrize("duration_s", [0.01, 0.5, 1.0])
def test_recordings_shorter_than_an_excerpt(model, tmp_path, duration_s):
    soundfile.write(tmp_path / "short.wav", sound(duration_s, []), RATE_HZ)
    found = detect_file(tmp_path / "short.wav", model)
    assert len(found.probability) == max(1, (round(duration_s * RATE_HZ) - 1024) // 315 + 1)
    assert found.stretches[-1].end_s == pytest.approx(duration_s, rel=0.01)
    draw_detection(found)
    assert "earwitness detect" in render_detection(found)


def test_the_folder_holds_page_figure_and_tables(found, tmp_path):
    page = write_detection(found, tmp_path / "out").read_text()
    assert "a &lt;b&gt; &amp; song.wav" in page
    assert "<b>" not in page
    assert "data:audio/mpeg;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    rows = list(csv.DictReader((tmp_path / "out" / "stretches.csv").read_text().splitlines()))
    assert [row["label"] == "vocal" for row in rows] == [stretch.vocal for stretch in found.stretches]
    curve = list(csv.DictReader((tmp_path / "out" / "curve.csv").read_text().splitlines()))
    assert len(curve) == len(found.probability)
    assert sum(int(row["vocal"]) for row in curve) == int((found.smooth > 0.5).sum())
    assert (tmp_path / "out" / "timeline.png").stat().st_size > 5000
    (tmp_path / "file").write_text("")
    with pytest.raises(EarwitnessError, match="is a file; expected a folder"):
        write_detection(found, tmp_path / "file")


def test_the_song_itself_can_choose_the_threshold(found, song, model, tmp_path, capsys):
    own = detect_file(song, model, threshold="song")
    assert own.threshold == pytest.approx(song_threshold(found.smooth))
    assert f"above {own.threshold:.3g} in" in own.facts["Decision"]
    assert [s.vocal for s in own.stretches if 2 < s.start_s < 10] == [True, False]
    with borrowed_rng(0):
        write_weights(tmp_path / "w.safetensors", SingingVoiceNet(), torch.float16)
    words = ["detect", str(song), "--weights", str(tmp_path / "w.safetensors"), "--out", str(tmp_path / "out")]
    assert main([*words, "--threshold", "song"]) == 0
    assert main([*words, "--threshold", "loud"]) == 2
    assert "'loud' is not a valid float" in capsys.readouterr().err


@pytest.mark.parametrize("n_frames", [1500, 2173, 3500])
def test_curve_and_coloured_stretches_lie_at_the_same_place(n_frames):
    smooth = torch.zeros(n_frames)
    smooth[n_frames // 4 : n_frames // 2] = 1.0
    times = torch.arange(n_frames, dtype=torch.float64) / 70
    whole = n_frames / 70
    vocal = SungSegment(whole / 4, whole / 2, True, 1.0)
    found = Detection("a", whole, times, smooth, smooth, 0.5, (vocal,), None, {})
    line = draw_detection(found).axes[0].lines[1]
    inside = line.get_xdata()[line.get_ydata() > 0.5]
    assert (inside[0], inside[-1]) == pytest.approx((vocal.start_s, vocal.end_s), abs=0.06)
    points = re.search(r'points="([^"]+)"', render_detection(found))[1].split()
    high = [float(x) for x, y in (point.split(",") for point in points) if float(y) < 50]
    assert (high[0], high[-1]) == pytest.approx((250, 500), abs=3)


def test_what_is_played_lasts_as_long_as_the_recording(found, tmp_path):
    (tmp_path / "a.mp3").write_bytes(found.sound)
    assert audio.info(tmp_path / "a.mp3").duration_s == pytest.approx(12.0, abs=0.15)


def test_long_recordings_are_not_in_the_page(song, model, monkeypatch):
    monkeypatch.setattr("earwitness.singing.detect.MAX_PLAYED_S", 5.0)
    found = detect_file(song, model)
    assert found.sound is None
    assert "its sound is not in this page" in render_detection(found)


def test_bad_input_is_named(song, model, mel_model, tmp_path):
    with pytest.raises(ParameterError, match="model 'esc10-mel' judges whole windows"):
        detect_file(song, mel_model)
    with pytest.raises(ParameterError, match="threshold is 2"):
        detect_file(song, model, threshold=2)
    with pytest.raises(ParameterError, match="threshold is 'loud'; expected 0 to 1, or 'song'"):
        detect_file(song, model, threshold="loud")
    with pytest.raises(AudioFileError, match="no such file"):
        detect_file(tmp_path / "none.wav", model)


def test_the_command_prints_one_line_for_another_model(song, tmp_path, capsys):
    assert main(["detect", str(song), "--model", "esc10-mel", "--out", str(tmp_path / "out")]) == 2
    assert "detect needs one that judges every frame" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
