import csv
import json

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.pipeline import long_recording
from earwitness.pipeline.explain_file import explain_file
from earwitness.pipeline.request import ExplainRequest
from earwitness.report.folder import write_folder
from earwitness.report.html import render_html
from tests.made_models import FRONT_END, SHAPE, Additive


def model_of(generator, hop_s=None):
    weights = torch.randn(2, *SHAPE, generator=generator) / 3000
    return ew.AudioModel(Additive(weights), FRONT_END, labels=["a", "b"], window_s=0.496, hop_s=hop_s)


@pytest.fixture
def recording(tmp_path, generator):
    path = tmp_path / "long.wav"
    soundfile.write(path, (0.1 * torch.randn(2000 * 6, generator=generator)).numpy(), 2000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("hop_s", [None, 0.256])
def test_the_overview_is_the_joined_explanation(hop_s, recording, generator):
    model = model_of(generator, hop_s)
    resolved = ExplainRequest(target="a").resolve(model)
    overview = long_recording.explain_long_recording(recording, model, resolved, window_s=0.496)
    wanted = ew.explain(model, ew.load(recording), "saliency", "a")
    torch.testing.assert_close(torch.from_numpy(np.load(overview.tables["overview.npy"])), wanted.values)
    sounds = {name: torch.from_numpy(soundfile.read(path, dtype="float32")[0])
              for name, path in overview.sounds.items()}
    assert [len(sound) for sound in sounds.values()] == [12000] * 3
    torch.testing.assert_close(sounds["original"], ew.load(recording).waveform, atol=1e-4, rtol=0)
    torch.testing.assert_close(sounds["kept"] + sounds["removed"], sounds["original"], atol=2e-4, rtol=0)
    rows = list(csv.DictReader(overview.tables["windows.csv"].read_text().splitlines()))
    assert len(rows) == overview.n_windows == model.windows(ew.load(recording)).layout.n_windows
    assert {row["target"] for row in rows} == {"a"}
    folder = overview.tables["overview.npy"].parent
    del overview
    assert not folder.exists()


def test_the_picture_has_a_bounded_width_and_the_page_names_its_files(recording, generator, tmp_path, monkeypatch):
    monkeypatch.setattr(long_recording, "MOST_COLUMNS", 50)
    model = model_of(generator)
    report = explain_file(recording, model, ExplainRequest(whole=True, sections=1))
    assert report.overview.evidence.shape == report.overview.spectrogram.shape == (33, 50)
    values = torch.from_numpy(np.load(report.overview.tables["overview.npy"]))
    columns = torch.arange(values.shape[1]) * 50 // values.shape[1]
    torch.testing.assert_close(report.overview.evidence[:, 7], values[:, columns == 7].mean(1))
    assert len(report.sections) == 1
    page = render_html(report)
    assert 'src="kept.flac"' in page
    assert "media-src data: blob: &#39;self&#39; file:" in page or "media-src data: blob: 'self' file:" in page
    assert "--whole" in report.command
    write_folder(report, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "explanation.json").read_text())
    for name in (content["overview"]["picture"], *content["overview"]["sounds"], *content["overview"]["tables"]):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_short_recordings_have_no_course_and_several_methods_none_either(recording, generator, tmp_path):
    model = model_of(generator)
    soundfile.write(tmp_path / "short.wav", np.zeros(900), 2000)
    assert explain_file(tmp_path / "short.wav", model, ExplainRequest(whole=True)).overview is None
    with pytest.raises(ParameterError, match="whole goes with one method"):
        explain_file(recording, model, ExplainRequest(whole=True, method="saliency,slime"))


def test_what_is_held_does_not_grow_with_the_recording(tmp_path, generator):
    """Arrays alive while the windows pass: those of one window, whatever comes before and after."""
    import gc

    model = model_of(generator)
    peaks = []
    for seconds in (10, 40):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, (0.1 * torch.randn(2000 * seconds, generator=generator)).numpy(), 2000)
        held = []

        def count(_done, held=held):
            held.append(sum(each.numel() for each in gc.get_objects()
                            if type(each) is torch.Tensor and each.numel() > 100))

        resolved = ExplainRequest(target="a").resolve(model)
        long_recording.explain_long_recording(path, model, resolved, window_s=0.496, progress=count)
        pictures = 2 * 33 * min(long_recording.MOST_COLUMNS, 32 * round(seconds / 0.496 + 0.5))
        peaks.append(max(held) - pictures)
    assert peaks[1] < 1.2 * peaks[0] + 20_000


@pytest.fixture
def stereo(tmp_path, generator):
    """High tone left, low tone right."""
    t = np.arange(992) / 2000
    soundfile.write(tmp_path / "stereo.wav", 0.3 * np.stack([np.sin(4400 * t), np.sin(1500 * t)], 1), 2000)
    return tmp_path / "stereo.wav"


def test_channels_are_averaged_or_one_is_taken(stereo):
    left, right = (ew.load(stereo, channel=name).waveform for name in ("left", "right"))
    assert not torch.allclose(left, right, atol=0.1)
    torch.testing.assert_close(ew.load(stereo).waveform, (left + right) / 2)
    assert torch.equal(ew.load(stereo, channel=2).waveform, right)
    assert torch.equal(ew.load(stereo, channel="1").waveform, left)
    (_, clip), *_ = ew.audio.windows(stereo, sample_rate_hz=2000, window_s=0.496, channel="right")
    assert torch.equal(clip.waveform, right)
    for channel in (0, 3, "middle", -1, True):
        with pytest.raises(ParameterError, match="expected 'mean', or one of the 2 channels"):
            ew.load(stereo, channel=channel)


def test_the_report_says_which_channel_and_what_the_numbers_are_about(stereo, generator):
    model = model_of(generator)
    report = explain_file(stereo, model, ExplainRequest(channel="right", target="a", against="b"))
    assert "stereo, channel right" in report.facts["Recording"]
    assert torch.equal(report.sections[0].sounds.original, ew.load(stereo, channel="right").waveform)
    assert report.sections[0].attribution.target == "a against b"
    assert any("the numbers beside it are about a" in note for note in report.notes)
    assert "--target a --against b --channel right" in report.command
    like = explain_file(stereo, model, ExplainRequest(like=str(stereo), check=True))
    assert like.sections[0].attribution.target == "like stereo.wav"
    assert like.sections[0].measured in ("a", "b")


def test_the_no_of_a_sigmoid_output_is_reported(stereo, generator):
    yes = model_of(generator)
    model = ew.AudioModel(Additive(yes.network.weights[:1].detach()), FRONT_END, ["vocal"], "sigmoid", 0.496)
    (section,) = explain_file(stereo, model, ExplainRequest(target="not vocal", check=True)).sections
    p = float(model.probabilities(ew.load(stereo))[0, 0])
    assert section.measures.p == pytest.approx(1 - p, abs=1e-5)
    assert [(each.label, round(each.original, 4)) for each in section.predictions if each.label == "not vocal"] == [
        ("not vocal", round(1 - p, 4))]


@pytest.mark.parametrize(("choices", "said"), [
    ({"against": "b"}, "expected --target too"), ({"like": "x.wav", "target": "a"}, "expected one of them"),
    ({"like": "missing.wav"}, "no such file"), ({"target": "c"}, "unknown target 'c'"),
    ({"target": "not a"}, "sigmoid outputs only"), ({"channel": "3"}, "one of the 2 channels"),
])
def test_choices_that_do_not_fit_are_one_line(choices, said, stereo, generator):
    with pytest.raises((ParameterError, ew.AudioFileError), match=said) as caught:
        explain_file(stereo, model_of(generator), ExplainRequest(**choices))
    assert "\n" not in str(caught.value)


def test_reports_are_about_probabilities(stereo, generator):
    model = ew.AudioModel(Additive(torch.randn(1, *SHAPE, generator=generator)), FRONT_END, ["level"], "identity")
    with pytest.raises(ParameterError, match="a report is about probabilities"):
        explain_file(stereo, model)
