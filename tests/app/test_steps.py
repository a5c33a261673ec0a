import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.app import form, render, steps
from earwitness.app.form import BY_SHARE, OWN, FormValues
from earwitness.app.limits import Limits
from earwitness.app.regions import Region
from earwitness.app.sessions import BusyError, Cancelled, Sessions
from earwitness.checks import TITLE
from earwitness.core.errors import AudioFileError, EarwitnessError, ParameterError

HOSTILE = "../../\"><script>alert(1)</script>\n'x'.wav"
LIMITS = Limits(upload_mb=2, duration_s=20)


@pytest.fixture
def sessions(tmp_path):
    (tmp_path / "pages").mkdir()
    return Sessions(tmp_path / "pages", most=2)


@pytest.fixture
def session(sessions):
    return sessions.get("a")


@pytest.fixture
def ticks(tmp_path, scene):
    return ew.audio.save(tmp_path / "ticks.wav", scene.clip)


@pytest.fixture
def explained(session, ticks):
    steps.take_file(session, ticks, HOSTILE, LIMITS)
    return steps.explain_sound(session, FormValues())


def write(path, samples, rate=8000, **options):
    soundfile.write(path, samples, rate, **options)
    return path


def test_a_sound_is_explained_masked_anew_and_reported(session, explained):
    (section,) = explained.report.sections
    assert section.attribution.target == "clock_tick"
    assert float(section.mask.mean()) == pytest.approx(0.30, abs=0.01)
    less = steps.change_shown_mask(session, FormValues(mask=BY_SHARE, share=5))
    assert float(less.report.sections[0].mask.mean()) == pytest.approx(0.05, abs=0.01)
    assert less.report.sections[0].attribution is section.attribution
    assert "--mask topK_5 " in less.report.command
    steps.change_shown_mask(session, FormValues(mask="pos_thresh_50"))
    name, content = steps.report_archive(session)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = {path.rpartition("/")[2]: path for path in archive.namelist()}
        assert {"report.html", "kept.wav", "explanation.json"} <= set(inside)
        assert json.loads(archive.read(inside["explanation.json"]))["settings"]["mask"] == "pos_thresh_50"
    assert "/" not in name
    assert not [path for path in session.folder.iterdir() if path.is_dir()]


def test_names_are_shown_and_not_run(explained):
    html = render.result_html(explained)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" not in explained.report.clip_name
    assert explained.report.clip_name == "script> 'x'.wav"  # what follows the last slash, on one line
    assert "script&gt; &#39;x&#39;.wav" in html
    assert "<b>" not in render.message_html("<b>\nbold", kind="error")


def test_a_region_is_heard_or_deleted_and_the_model_asked_again(session, explained):
    section = explained.report.sections[0]
    every = Region(0.0, 5.0, 0.0, 20000.0)
    assert steps.hear_region(session, every).predictions[0].kept == pytest.approx(section.measures.p, abs=1e-3)
    first = steps.delete_region(session, Region(0.0, 2.5, 0.0, 20000.0))
    quiet, loud = first.clip.waveform[: 2 * 32000], first.clip.waveform[3 * 32000 :]
    assert quiet.abs().max() < 1e-3 < loud.abs().max()
    second = steps.delete_region(session, Region(2.5, 5.1, 0.0, 20000.0))
    assert second.clip.waveform.abs().max() < 1e-3
    assert second.predictions[0].kept < second.predictions[0].original
    steps.restore(session)
    third = steps.delete_region(session, Region(2.5, 5.1, 0.0, 20000.0))
    assert third.clip.waveform[: 2 * 32000].abs().max() > 1e-3
    assert "Without 2.50 to 5.10 s" in render.region_html(third, deleted=True)


@pytest.mark.parametrize("values", [(None, 1.0, 0.0, 1.0), (1.0, 0.5, 0.0, 1.0), (0.0, 1.0, 5.0, 5.0),
                                    (0.0, float("nan"), 0.0, 1.0), (-1.0, 1.0, 0.0, 1.0), ("0", 1.0, 0.0, 1.0)])
def test_a_region_that_is_none_is_refused(values):
    with pytest.raises(ParameterError, match="region is"):
        Region(*values)


def test_a_region_between_two_centres_takes_the_nearest_and_one_outside_is_refused():
    times, rows = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([100.0, 300.0])
    assert Region(0.6, 0.9, 90, 110).mask(times, rows).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert Region(10.9, 12.5, 90, 999).mask(times, rows, start_s=10).tolist() == [[0, 1, 1], [0, 1, 1]]
    with pytest.raises(ParameterError, match="outside"):
        Region(7, 8, 90, 110).mask(times, rows)


def test_two_methods_stand_side_by_side(session, ticks):
    steps.take_file(session, ticks, "ticks.wav", LIMITS)
    explained = steps.explain_sound(session, FormValues(versus="gradcam", target="dog"))
    verdicts = {f"{TITLE}, saliency": [("verdict", "Trust it: x")], f"{TITLE}, gradcam": [("verdict", "Do not: y")]}
    html = render.result_html(replace(explained, report=replace(explained.report, extra=verdicts)))
    assert html.index("Trust it: x") < html.index('data-method="gradcam"') < html.index("Do not: y")
    assert [section.attribution.method for section in explained.report.sections] == ["saliency", "gradcam"]
    assert html.count('class="ew-column"') == 2
    assert html.count('class="ew-verdict') == 2
    assert html.count("data:audio/flac") == 6


def test_a_scene_brings_its_true_evidence(session):
    facts, clip = steps.take_scene(session, "dog over rain")
    assert facts.duration_s == clip.duration_s == 5.0
    explained = steps.explain_sound(session, FormValues(model="esc10-stft", share=10))
    assert 'data-layer="truth"' in render.result_html(explained)
    assert explained.report.sections[0].evidence is not None
    assert steps.change_shown_mask(session, FormValues()).report.sections[0].evidence is not None


NAN = np.where(np.arange(8000) == 4000, np.nan, 0.1)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: path.write_text("no sound at all"), "not a sound file"),
    (lambda path: path.write_bytes(b""), "empty"),
    (lambda path: write(path, np.zeros(0)), "no samples"),
    (lambda path: write(path, np.zeros(10), 1), "sample rate is 1 Hz"),
    (lambda path: write(path, np.zeros(3 * 3600 * 1000, np.int16), 1000, subtype="PCM_U8"), "MB|10800 s"),
    (lambda path: write(path, np.zeros(21 * 8000)), "21 s of sound; expected at most 20 s"),
    (lambda path: write(path, NAN, subtype="FLOAT"), "NaN"),
    (lambda path: path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt garbage"), "not a sound file|cut short|no samples"),
], ids=["text", "zero bytes", "no samples", "1 Hz", "3 hours", "too long", "NaN", "garbage"])
def test_a_file_that_cannot_be_used_is_refused_by_its_name(session, tmp_path, ticks, make, message):
    steps.take_file(session, ticks, "ticks.wav", LIMITS)
    path = tmp_path / "made.wav"
    make(path)
    with pytest.raises(AudioFileError, match=message) as caught:
        steps.take_file(session, path, "my <sound>.wav", LIMITS)
    assert "my <sound>.wav" in str(caught.value)
    assert str(session.folder) not in str(caught.value)
    assert session.sound is None
    with pytest.raises(EarwitnessError, match="no sound is chosen"):
        steps.explain_sound(session, FormValues())


@pytest.mark.parametrize(("samples", "rate", "name"), [
    (np.random.default_rng(0).normal(0, 0.1, (20000, 3)), 768_000, "three channels.wav"),
    (np.zeros(8000), 8000, "silent.mp3"), (np.full(1, 0.5), 8000, "one sample.txt"), (np.zeros(8000), 8000, ""),
])
def test_strange_sounds_are_explained(session, tmp_path, samples, rate, name):
    steps.take_file(session, write(tmp_path / "x.wav", samples, rate), name, LIMITS)
    explained = steps.explain_sound(session, FormValues(method="gradcam"))
    assert "ew-column" in render.result_html(explained)
    assert (name or "recording") in explained.report.facts.get("Recording", "") + explained.report.clip_name


def test_cancelling_stops_the_work(session, ticks):
    steps.take_file(session, ticks, "ticks.wav", LIMITS)
    session.begin()
    said = []
    inner = session.report_progress

    def stop_soon(step, done):
        said.append(step)
        if step == "explaining" and done > 0:
            session.cancel()
        inner(step, done)

    session.report_progress = stop_soon
    with pytest.raises(Cancelled):
        steps.explain_sound(session, FormValues(method="rise"))
    assert session.explained is None
    assert said[-1] == "explaining"
    session.begin()
    assert steps.explain_sound(session, FormValues(method="gradcam")).report.sections


def test_pages_share_nothing_and_leave_nothing(sessions, ticks):
    one, two = sessions.get("a"), sessions.get("b")
    steps.take_file(one, ticks, "mine.wav", LIMITS)
    assert two.sound is None
    assert one.folder != two.folder
    with pytest.raises(BusyError, match="2 pages"):
        sessions.get("c")
    folder = one.folder
    sessions.close("a")
    sessions.close("a")
    assert not folder.exists()
    assert sessions.get("a").sound is None
    sessions.close_all()
    assert list(sessions.folder.iterdir()) == []


def test_a_page_does_one_thing_at_a_time(session):
    with session.working(), pytest.raises(BusyError), session.working(0.01):
        pass


def test_only_classifiers_that_are_here_are_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    assert form.model_names() == ["animals", "esc10-mel", "esc10-stft", "svd-jamendo"]
    (tmp_path / "Cnn14_mAP=0.431.pth").touch()
    assert "panns-cnn14" in form.model_names()
    with pytest.raises(ParameterError, match="unknown model"):
        form.load_chosen(str(tmp_path))


def test_settings_reach_the_methods_that_have_them():
    wish = FormValues(method="saliency", versus="slime", components="grid", fill="blur", mask="bin")
    assert form.request_from_form(wish).settings == {"components": "grid", "fill": "blur"}
    assert form.request_from_form(FormValues(components="grid", fill=OWN)).settings == {}
    assert form.request_from_form(wish).mask == "bin"
    with pytest.raises(ParameterError, match="share is"):
        FormValues(share="much")
