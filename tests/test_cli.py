import json
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.cli import main
from earwitness.report.folder import folder_name

FILES = {"report.html", "explanation.png", "explanation.npz", "explanation.json", "original.wav", "kept.wav",
         "removed.wav", "original.png", "kept.png", "removed.png"}


@pytest.fixture
def tick_file(tmp_path, scene):
    return ew.audio.save(tmp_path / "ticks.wav", scene.clip)


def run(capsys, *words):
    code = main([str(word) for word in words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_explain_writes_everything(capsys, tmp_path, tick_file):
    code, out, err = run(capsys, "explain", tick_file, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "clock_tick" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    data = np.load(tmp_path / "out" / "explanation.npz")
    assert data["values"].shape == data["mask"].shape == data["spectrogram"].shape == (64, 501)
    content = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert content["sections"][0]["target"] == "clock_tick"
    kept, removed, original = (ew.load(tmp_path / "out" / f"{n}.wav").waveform for n in ("kept", "removed", "original"))
    assert (kept + removed - original).abs().max() < 1e-3


def test_json_is_all_that_is_printed(capsys, tmp_path, tick_file):
    code, out, err = run(capsys, "explain", tick_file, "--out", tmp_path / "out", "--json", "--mask", "topK_50")
    assert (code, err) == (0, "")
    (content,) = json.loads(out)
    assert content["settings"]["mask"] == "topK_50"


def test_nan_becomes_null(capsys, tmp_path):
    path = ew.audio.save(tmp_path / "x.wav", ew.Clip(torch.zeros(160000), 32000))
    code, out, _ = run(capsys, "explain", path, "--out", tmp_path / "out", "--json", "--mask", "pos_thresh_25",
                       "--method", "saliency")
    metrics = json.loads(out)[0]["sections"][0]["metrics"]
    assert code == 0
    assert not metrics["degenerate"] or metrics["SPS"] is None


@pytest.mark.parametrize("method", sorted(set(ew.METHODS) - {"attention_rollout"}))
def test_every_method_makes_a_report(capsys, tmp_path, tick_file, method):
    quick = {"lime": "n_samples=20", "slime": "n_samples=20", "kernel_shap": "n_samples=20", "rise": "n_masks=20",
             "relax": "n_masks=20", "integrated_gradients": "n_steps=4", "smoothgrad": "n_samples=4",
             "audible_mask": "n_steps=2"}
    words = ["--set", quick[method]] if method in quick else []
    code, out, err = run(capsys, "explain", tick_file, "--method", method, "--out", tmp_path / "out", *words)
    assert (code, err) == (0, "")
    assert ("embedding" if method == "relax" else "clock_tick") in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_methods_side_by_side_share_a_report(capsys, tmp_path, tick_file):
    words = ["explain", tick_file, "--method", "saliency,relax", "--set", "n_masks=20", "--out", tmp_path / "out"]
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert "saliency: clock_tick, p = " in out
    assert "relax: embedding, of clock_tick, p = " in out
    assert "note: relax explains the embedding" in out
    shared = {"report.html", "explanation.json", "original.wav", "original.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == shared | {
        f"{name}-{method}.{kind}" for method in ("saliency", "relax") for name, kind in (
            ("kept", "wav"), ("kept", "png"), ("removed", "wav"), ("removed", "png"), ("explanation", "png"),
            ("explanation", "npz"))}
    (content,) = json.loads(run(capsys, *words, "--json")[1])
    assert [section["method"] for section in content["sections"]] == ["saliency", "relax"]
    assert content["sections"][1]["passes"] == {"forward": 20, "backward": 0}
    assert "--method saliency,relax" in content["command"]
    assert "--set n_masks=20" in content["command"]


def test_the_sound_can_be_what_is_measured(capsys, tmp_path, tick_file):
    words = ["explain", tick_file, "--mask", "minmax", "--out", tmp_path / "out"]
    code, out, err = run(capsys, *words, "--domain", "audio")
    assert (code, err) == (0, "")
    assert "both as audio" in out
    assert "warning: features and sound disagree: Of the kept part it" in out
    assert "xa0" not in out
    content = json.loads((tmp_path / "out" / "explanation.json").read_text())
    (section,) = content["sections"]
    assert section["metrics"] == section["metrics_by_domain"]["audio"] != section["metrics_by_domain"]["features"]
    assert "Measured on the sounds" in (tmp_path / "out" / "report.html").read_text()


def test_verdicts_name_their_method(capsys):
    from earwitness.cli.output import show

    rows = [["verdict", "Trust it."], ["completeness gap", "none"]]
    extra = {"Put to the test": rows, "Put to the test, rise": rows}
    show({"sections": [], "notes": [], "folder": "out", "extra": extra})
    assert capsys.readouterr().out.splitlines()[:2] == ["verdict: Trust it.", "verdict (rise): Trust it."]


def test_all_methods_go_side_by_side(capsys, tmp_path, tick_file, monkeypatch):
    two = {name: ew.METHODS[name] for name in ("gradcam", "saliency")}
    monkeypatch.setattr("earwitness.pipeline.side_by_side.METHODS", two)
    code, out, _ = run(capsys, "explain", tick_file, "--method", "all", "--out", tmp_path / "out", "--json")
    assert code == 0
    assert [section["method"] for section in json.loads(out)[0]["sections"]] == ["gradcam", "saliency"]
    assert "--method all" in json.loads(out)[0]["command"]


def test_several_recordings_get_a_folder_each(capsys, tmp_path, tick_file):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for name in ("a.wav", "b.wav", "<script>alert(1)<script>.wav", "a.flac"):
        ew.audio.save(sounds / name, ew.load(tick_file))
    code, _, _ = run(capsys, "explain", sounds, "--out", tmp_path / "out")
    assert code == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a", "a-2", "b", "script_alert_1_script"}


def test_no_recording_takes_anothers_folder(capsys, tmp_path, tick_file):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for name in ("a-2.wav", "a.flac", "a.wav"):
        ew.audio.save(sounds / name, ew.load(tick_file))
    assert run(capsys, "explain", sounds, "--out", tmp_path / "out")[0] == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a-2", "a", "a-3"}


def test_one_bad_file_does_not_stop_the_others(capsys, tmp_path, tick_file):
    bad = tmp_path / "bad.wav"
    bad.write_text("not sound")
    code, out, err = run(capsys, "explain", bad, tick_file, "--out", tmp_path / "out")
    assert code == 2
    assert "clock_tick" in out
    assert "bad.wav: not a sound file" in err
    assert "1 of 2" in err
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"ticks"}


@pytest.mark.parametrize(("words", "message"), [
    (["explain", "missing.wav"], "no such file"),
    (["explain"], "Missing argument"),
    (["explain", ""], "name of a file is empty"),
    (["train", "--data", "x", "--out", "y", "--learning-rate", "nan"], "learning_rate is nan"),
    (["train", "--data", "x", "--out", "y", "--batch", "1"], "not in the range"),
    (["explain", "{file}", "--method", "relax", "--target", "dog"], "does not go with score"),
    (["explain", "{file}", "--method", "gradcm"], "did you mean 'gradcam'"),
    (["explain", "{file}", "--domain", "audoi"], "did you mean 'audio'"),
    (["explain", "{file}", "--method", "saliency,gradcm"], "did you mean 'gradcam'"),
    (["explain", "{file}", "--method", ""], "with an empty name"),
    (["explain", "{file}", "--method", ","], "with an empty name"),
    (["explain", "{file}", "--method", "rise,saliency,rise"], "'rise' twice"),
    (["explain", "{file}", "--method", "all", "--target", "cat"], "unknown target"),
    (["explain", "{file}", "--method", "all", "--mask", "topK_300"], "unknown mask"),
    (["explain", "{file}", "--method", "all", "--set", "leyer=conv"], "did you mean 'layer'"),
    (["explain", "{file}", "--method", "all", "--set", "seed=3"], "--seed"),
    (["demo", "--method", "saliency,saliency"], "'saliency' twice"),
    (["explain", "{file}", "--mask", "topK_300"], "unknown mask"),
    (["explain", "{file}", "--target", "cat"], "unknown target"),
    (["explain", "{file}", "--model", "esc10"], "unknown model 'esc10'"),
    (["explain", "{file}", "--device", "tpu9"], "unknown device"),
    (["explain", "{file}", "--device", "cuda:77"], "try --device cpu"),
    (["explain", "{file}", "--weights", "missing.pth"], "no such file"),
    (["explain", "{file}", "--set", "layer"], "NAME=VALUE"),
    (["explain", "{file}", "--set", "seed=3"], "--seed"),
    (["explain", "{file}", "--target", "²"], "unknown target"),
    (["explain", "{file}", "--target", "9" * 5000], "unknown target"),
    (["explain", "{file}", "--model", "m" * 5000], "unknown model"),
    (["explain", "x" * 5000], "cannot be opened"),
    (["explain", "a\0b.wav"], "no such file"),
    (["explain", "{file}", "--seed", "-1"], "not in the range"),
    (["explain", "{file}", "--sections", "0"], "not in the range"),
    (["explain", "{file}", "--device", "meta"], "unknown device"),
    (["explain", "{file}", "--method", "gradcam", "--set", "layer=[1]"], "layer is '[1]'; expected"),
    (["explain", "{file}", "--method", "rise", "--set", "n_masks=-1"], "n_masks is -1; expected 1 to"),
    (["explain", "{file}", "--method", "rise", "--set", "n_masks=NaN"], "n_masks is 'nan'; expected a whole number"),
    (["explain", "{file}", "--method", "lime", "--set", "kernel_width=0"], "kernel_width is 0; expected"),
    (["explain", "{file}", "--method", "lime", "--set", "components={{}}"], "components is empty"),
    (["explain", "{file}", "--set", "x=" + "[" * 5000], "unknown setting"),
    (["explain", "{file}", "--method", "gradcam", "--set", "leyer=conv"], "did you mean 'layer'"),
    (["explain", "{file}", "--method", "saliency", "--set", "layer=conv"], "unknown setting of saliency"),
    (["explain", "{file}", "--inversion", "magic"], "unknown inversion"),
    (["explain", "{file}", "--out", "/proc/nowhere"], "cannot be written"),
    (["explain", "{file}", "--sed", "1"], "--seed"),
    (["models", "esc"], "unknown model"),
    (["demo", "--scene", "cow over hum"], "unknown scene"),
    (["explane"], "No such command"),
])
def test_errors_are_one_line_and_exit_2(capsys, tmp_path, monkeypatch, tick_file, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *(word.format(file=tick_file) for word in words))
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".writing")]


def test_debug_shows_where_an_error_comes_from(capsys, tmp_path):
    with pytest.raises(ew.AudioFileError):
        run(capsys, "explain", tmp_path / "missing.wav", "--debug")


def test_a_bug_is_one_line_too(capsys, monkeypatch, tick_file):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("oops\nsecond line")

    monkeypatch.setattr("earwitness.pipeline.explain_file.explain_file", broken)
    code, _, err = run(capsys, "explain", tick_file)
    assert code == 1
    assert err.count("\n") == 1
    assert "unexpected ZeroDivisionError" in err


def test_hostile_file_names_are_printed_escaped(capsys, tmp_path):
    code, _, err = run(capsys, "explain", tmp_path / "a\nb\x1b[31m.wav")
    assert code == 2
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_local_weights_take_the_place_of_the_models_own(capsys, tmp_path, tick_file):
    from safetensors.torch import save_file

    network = ew.load_model("esc10-mel").network
    state = {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in network.state_dict().items()}
    save_file(state, tmp_path / "zero.safetensors")
    code, out, _ = run(capsys, "explain", tick_file, "--weights", tmp_path / "zero.safetensors", "--out",
                       tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)[0]["sections"][0]["metrics"]["p"] == pytest.approx(0.1)


def test_models_lists_cards(capsys):
    code, out, _ = run(capsys, "models")
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names == sorted(ew.models.cards())
    assert {"animals", "esc10-mel", "esc10-stft", "panns-cnn14", "vggish"} <= set(names)
    (card,) = json.loads(run(capsys, "models", "esc10-mel")[1])
    assert card["licence"]
    assert 0 < card["measured"]["test_accuracy"] <= 1


def test_demo_beats_chance_and_says_so(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "--out", tmp_path / "demo")
    assert code == 0
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES
    content = json.loads((tmp_path / "demo" / "explanation.json").read_text())
    (section,) = content["sections"]
    assert section["target"] == "clock_tick"
    assert section["metrics"]["p"] >= 0.8
    rows = dict(row for rows in content["extra"].values() for row in rows)
    shares = {name: [float(number) for number in re.findall(r"([\d.]+)%", text)] for name, text in rows.items()}
    (chance,) = (found for name, found in shares.items() if name.startswith("random map"))
    assert all(ours > 2 * theirs for ours, theirs in zip(shares["saliency"], chance, strict=True))
    assert chance[0] == pytest.approx(shares["the evidence covers"][0], abs=0.3)
    assert all(name in out for name in rows)


def test_the_demo_compares_the_chosen_methods_with_chance(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "--method", "saliency,occlusion,relax", "--set", "n_masks=20", "--out",
                       tmp_path / "demo")
    assert code == 0
    content = json.loads((tmp_path / "demo" / "explanation.json").read_text())
    assert [section["target"] for section in content["sections"]] == ["clock_tick", "clock_tick", None]
    (rows,) = content["extra"].values()
    assert [name for name, _ in rows] == ["the evidence covers", "saliency", "occlusion", "relax",
                                          "random map (mean of 100)"]
    assert "--method saliency,occlusion,relax" in content["command"]
    assert "n_masks=20" in content["command"]
    assert "True evidence" in (tmp_path / "demo" / "report.html").read_text()
    assert "saliency: relevance mass" in out


def test_the_installed_command_and_the_module_run(tmp_path):
    done = subprocess.run([sys.executable, "-m", "earwitness", "models"], capture_output=True, text=True, check=True)
    assert "esc10-mel" in done.stdout
    assert "Commands" in subprocess.run([sys.executable, "-m", "earwitness", "--help"], capture_output=True, text=True,
                                        check=True).stdout


@pytest.mark.parametrize(("name", "folder"), [
    ("dog.wav", "dog"), ("../../etc/passwd", "etc_passwd"), ("...", "recording"),
    ("名前.wav", "名前"), ("a b\n.wav", "a_b"),
])
def test_folder_names_are_harmless(name, folder):
    assert folder_name(name) == folder


def test_stereo_files_explain_like_their_mean(capsys, tmp_path, tick_file):
    mono = ew.load(tick_file).waveform.numpy()
    soundfile.write(tmp_path / "stereo.wav", np.stack([mono, mono], 1), 32000, "FLOAT")
    results = [json.loads(run(capsys, "explain", path, "--out", tmp_path / "o", "--json")[1])[0]["sections"]
               for path in (tick_file, tmp_path / "stereo.wav")]
    assert results[0] == results[1]
