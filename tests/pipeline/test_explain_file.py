import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.pipeline import explain_file
from earwitness.pipeline.request import ExplainRequest


@pytest.fixture
def tick_file(tmp_path, scene):
    return ew.audio.save(tmp_path / "ticks.wav", scene.clip)


def test_a_report_holds_what_was_computed(mel_model, tick_file):
    request = ExplainRequest(method="saliency", mask="topK_5_pos", seed=2)
    report = explain_file.explain_file(tick_file, mel_model, request)
    (section,) = report.sections
    clip = ew.load(tick_file)
    attribution = ew.explain(mel_model, clip, "saliency")
    assert torch.equal(section.attribution.values, attribution.values)
    assert torch.equal(section.mask, ew.masks.make(attribution, "topK_5_pos"))
    assert torch.equal(section.sounds.kept, ew.listen(mel_model, clip, section.mask).kept)
    probabilities = mel_model.probabilities(clip)[0]
    best = probabilities.argsort(descending=True)[:5]
    assert [p.label for p in section.predictions] == [mel_model.labels[k] for k in best]
    assert section.predictions[0].original == pytest.approx(float(probabilities.max()), abs=1e-5)
    assert report.settings["seed"] == 2
    assert report.settings["weights"].startswith("sha256:")
    assert report.timeline == []


def test_the_command_repeats_the_report(mel_model, tmp_path, scene):
    path = ew.audio.save(tmp_path / "two words & 'quotes'.wav", scene.clip)
    choices = ExplainRequest(method="gradcam", target="dog", seed=7, settings={"relu": True})
    report = explain_file.explain_file(path, mel_model, choices)
    import shlex

    words = shlex.split(report.command)
    assert words[:3] == ["earwitness", "explain", str(path)]
    assert words[words.index("--target") + 1] == "dog"
    assert "relu=True" in words


def test_the_command_names_what_was_loaded(tmp_path, scene, monkeypatch):
    import shutil
    from importlib import resources

    bundled = resources.files("earwitness.models") / "bundled"
    shutil.copy(str(bundled / "esc10-mel.safetensors"), tmp_path / "esc10-mel.safetensors")
    shutil.copy(str(bundled / "esc10-mel.json"), tmp_path / "card.json")
    model = ew.load_model(tmp_path, weights=tmp_path / "esc10-mel.safetensors")
    monkeypatch.chdir(tmp_path)
    ew.audio.save("-dash.wav", scene.clip)
    command = explain_file.explain_file("-dash.wav", model, ExplainRequest(sections=2)).command
    assert command.startswith(f"earwitness explain ./-dash.wav --model {tmp_path} ")
    assert f"--weights {tmp_path / 'esc10-mel.safetensors'}" in command
    assert "--sections 2" in command


def test_recordings_beyond_full_scale_say_so(mel_model, tmp_path):
    soundfile.write(tmp_path / "loud.wav", 5 * np.random.default_rng(0).standard_normal(8000), 8000, "FLOAT")
    notes = explain_file.explain_file(tmp_path / "loud.wav", mel_model).notes
    assert any("beyond full scale" in note for note in notes)


@pytest.mark.parametrize(("seconds", "note"), [
    (0.001, "padded with silence"), (2.0, "padded with silence"), (5.1, None),
])
def test_short_recordings_are_padded_and_say_so(mel_model, tmp_path, seconds, note, generator):
    clip = ew.Clip(torch.rand(max(10, round(8000 * seconds)), generator=generator) - 0.5, 8000)
    report = explain_file.explain_file(ew.audio.save(tmp_path / "x.wav", clip), mel_model)
    assert len(report.sections) == 1
    assert any(note in text for text in report.notes) if note else not any("padded" in text for text in report.notes)


def test_silence_is_explained_and_said(mel_model, tmp_path):
    report = explain_file.explain_file(ew.audio.save(tmp_path / "x.wav", ew.Clip(torch.zeros(80000), 16000)), mel_model)
    assert any("silent" in note for note in report.notes)
    assert torch.isfinite(report.sections[0].attribution.values).all()


def test_long_recordings_explain_the_surest_windows(mel_model, tmp_path, scene, generator):
    noise = 0.05 * torch.randn(160000, generator=generator)
    sound = torch.cat([noise, scene.clip.waveform, noise, noise, scene.clip.waveform, noise[:3000]])
    path = ew.audio.save(tmp_path / "long.wav", ew.Clip(sound, 32000))
    request = ExplainRequest(method="gradcam", target="clock_tick", sections=2)
    report = explain_file.explain_file(path, mel_model, request)
    assert [section.start_s for section in report.sections] == [5.0, 20.0]
    assert [moment.start_s for moment in report.timeline] == [0.0, 5.0, 10.0, 15.0, 20.0]
    alone = ew.explain(mel_model, scene.clip, "gradcam", "clock_tick").values
    got = report.sections[0].attribution.values
    assert float((got - alone).abs().max()) < 0.05 * float(alone.abs().max())


def test_an_hour_does_not_need_more_memory_than_a_minute(tmp_path):
    """Read and heard window by window in a process of its own; the hour alone would be 900 MB as float32."""
    path = tmp_path / "hour.flac"
    block = (0.1 * np.random.default_rng(0).standard_normal((32000 * 60, 2))).astype(np.float32)
    with soundfile.SoundFile(path, "w", 32000, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(block)
    code = (
        "import sys, resource, earwitness as ew\n"
        "from earwitness import audio\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "windows = audio.windows(sys.argv[1], sample_rate_hz=16000, window_s=5.0)\n"
        "for _ in range(12): next(windows)\n"
        "minute = peak()\n"
        "count = 12 + sum(1 for _ in windows)\n"
        "print(count, minute, peak())\n"
    )
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    count, minute, hour = (float(word) for word in out.split())
    assert count == 720
    assert hour < minute + 50

def test_wrong_choices_are_refused(mel_model, tick_file):
    for choices, message in [({"mask": "topk"}, "unknown mask"), ({"target": "cow"}, "unknown target"),
                             ({"method": "magic"}, "unknown method")]:
        with pytest.raises(ParameterError, match=message):
            explain_file.explain_file(tick_file, mel_model, ExplainRequest(**choices))



def test_a_report_says_what_the_model_hears_of_the_sounds_it_plays(mel_model, tick_file):
    (section,) = explain_file.explain_file(tick_file, mel_model, ExplainRequest(mask="minmax")).sections
    for part, sound in (("kept", section.sounds.kept), ("removed", section.sounds.removed)):
        said = mel_model.probabilities(ew.Clip(sound, mel_model.sample_rate_hz))[0]
        (answer,) = (each for each in section.answers if (each.part, each.domain) == (part, "audio"))
        assert (answer.label, answer.target) == (mel_model.labels[int(said.argmax())], "clock_tick")
        assert answer.probability == pytest.approx(float(said.max()), abs=1e-5)
        assert answer.p == pytest.approx(float(said[mel_model.class_index("clock_tick")]), abs=1e-5)
    assert section.measures == section.by_domain["features"]
    features = mel_model.features(ew.load(tick_file))
    index = mel_model.class_index("clock_tick")
    for domain, measures in section.by_domain.items():
        alone, _ = ew.metrics.measure(mel_model, features, section.mask, index, domain=domain)
        assert measures.p_kept == pytest.approx(alone.p_kept, abs=2e-3)
        assert measures.p_removed == pytest.approx(alone.p_removed, abs=2e-3)
    assert abs(section.by_domain["audio"].p_kept - section.by_domain["features"].p_kept) > 0.2
    assert len(section.answers) == 6


def test_the_domain_is_chosen_recorded_and_repeated(mel_model, tick_file):
    report = explain_file.explain_file(tick_file, mel_model, ExplainRequest(mask="minmax", domain="audio"))
    (section,) = report.sections
    assert section.domain == "audio"
    assert section.measures == section.by_domain["audio"]
    assert section.predictions[0].kept == pytest.approx(section.by_domain["audio"].p_kept)
    assert "--domain audio" in report.command
    assert report.settings["domain"] == "audio"
    assert "--domain" not in explain_file.explain_file(tick_file, mel_model).command
    with pytest.raises(ParameterError, match="unknown domain 'sound'"):
        ExplainRequest(domain="sound")
