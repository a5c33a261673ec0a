import importlib.util
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.datasets.esc50 import Esc50Recording

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "domains_on_esc10.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("domains_on_esc10", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def found(script, clip, *, mask="bin", route="projection", given=1.0, heard=0.0, constant=False, method="saliency"):
    numbers = {"AD": 50.0, "AI": 0.0, "p_kept": 0.5, "p_removed": 0.5, "kept_area": 0.25, "degenerate": constant}
    on_features, on_audio = numbers | {"FidIn": given}, numbers | {"FidIn": heard}
    return script.Found(clip, method, mask, route, on_features, on_audio, given != heard)


def test_a_line_has_both_domains_their_difference_and_who_disagrees(script):
    rows = [found(script, f"clip {k}", heard=float(k < 3)) for k in range(4)]
    line = script.table({"bin": [*rows, found(script, "clip 0", constant=True)]}, "mask")[2].split(" | ")
    assert line[:4] == ["| bin", "projection", "100.0", "75.0"]
    assert line[4].startswith("-25.0 (-75.0 to +0.0")
    assert line[5:8] == ["50.0", "50.0", "+0.0 (+0.0 to +0.0)"]
    assert line[-2:] == ["25.0", "1 |"]


def test_only_constant_masks_are_no_number(script):
    (_, _, line, other) = script.table({"bin": [found(script, "clip", constant=True)]}, "mask")
    assert line.count("n/a") == 10
    assert line.endswith("| 1 |")
    assert other.endswith("| 0 |")


def test_methods_of_a_clip_count_once(script):
    """Two methods on one clip and one on another: the clips' means are averaged."""
    rows = [found(script, "a", heard=1.0), found(script, "a", heard=1.0, method="gradcam"), found(script, "b")]
    assert script.by_clip(rows, lambda each: each.audio["FidIn"]).tolist() == [1.0, 0.0]


def test_classes_take_turns(script):
    recordings = tuple(Esc50Recording(Path(f"{label}{k}.wav"), 5, label, 0) for label in "ab" for k in range(3))
    assert [recording.path.stem for recording in script.some(recordings, 3)] == ["a0", "b0", "a1"]


def test_a_page_is_measured_kept_and_keeps_its_findings(script, monkeypatch, tmp_path, capsys, scene):
    (tmp_path / "data" / "audio").mkdir(parents=True)
    (tmp_path / "data" / "meta").mkdir()
    soundfile.write(tmp_path / "data" / "audio" / "x.wav", scene.clip.waveform.numpy(), 32000)
    (tmp_path / "data" / "meta" / "esc50.csv").write_text("filename,fold,target,category\nx.wav,5,0,clock_tick\n")
    monkeypatch.setattr(script.ew.masks, "PRESETS", ("bin", "minmax"))
    page = tmp_path / "page.md"
    page.write_text("# Old\n\nwords\n\n## Findings\n\nWhat a person wrote.\n\n## `other`\n\nits table\n")
    words = ["--data", tmp_path / "data", "--keep", tmp_path / "kept", "--out", page, "--methods", "saliency",
             "--model", "esc10-stft"]
    monkeypatch.setattr(sys, "argv", ["domains_on_esc10.py", *map(str, words)])
    script.main()
    text = page.read_text()
    monkeypatch.setattr(script, "find", lambda *_: pytest.fail("found again"))
    script.main()
    assert page.read_text() == text
    assert text.index("## Findings\n\nWhat a person wrote.") < text.index("## `other`") < text.index("## `esc10-stft`")
    model = ew.load_model("esc10-stft")
    clip = ew.load(tmp_path / "data" / "audio" / "x.wav")
    mask = ew.masks.make(ew.explain(model, clip, "saliency"), "minmax")
    heard, _ = ew.metrics.measure(model, model.features(clip), mask, 7, domain="audio")
    (line,) = (line for line in text.splitlines() if line.startswith("| minmax | projection |"))
    assert line.split(" | ")[6] == f"{heard.AD:.1f}"
    assert torch.isfinite(torch.tensor(heard.AD))
    assert "nothing removed: same class for 100.0 %" in capsys.readouterr().out
