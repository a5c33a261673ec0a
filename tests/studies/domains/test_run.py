from dataclasses import make_dataclass
from pathlib import Path

import pytest
import soundfile

import earwitness as ew
from earwitness.cli import main
from earwitness.core.errors import ParameterError
from earwitness.datasets.esc50 import Esc50Recording
from earwitness.studies.domains import DomainsPlan, read_domain_clips, run_domains
from earwitness.studies.domains.run import first_of_classes
from earwitness.studies.domains.tables import differences_table, mean_by_clip


def row(clip, *, mask="bin", route="projection", given=1.0, heard=0.0, constant=False, method="saliency"):
    numbers = {"AD": 50.0, "AI": 0.0, "p_kept": 0.5, "p_removed": 0.5, "kept_area": 0.25, "degenerate": constant}
    values = {"clip": clip, "method": method, "mask": mask, "route": route, "disagrees": given != heard,
              **{f"features_{name}": value for name, value in {**numbers, "FidIn": given}.items()},
              **{f"audio_{name}": value for name, value in {**numbers, "FidIn": heard}.items()}}
    return make_dataclass("Row", list(values))(**values)


def test_a_line_has_both_domains_their_difference_and_who_disagrees():
    rows = [row(f"clip {k}", heard=float(k < 3)) for k in range(4)]
    line = differences_table({"bin": [*rows, row("clip 0", constant=True)]}, "mask")[2].split(" | ")
    assert line[:4] == ["| bin", "projection", "100.0", "75.0"]
    assert line[4].startswith("-25.0 (-75.0 to +0.0")
    assert line[5:8] == ["50.0", "50.0", "+0.0 (+0.0 to +0.0)"]
    assert line[-2:] == ["25.0", "1 |"]


def test_only_constant_masks_are_no_number():
    (_, _, line, other) = differences_table({"bin": [row("clip", constant=True)]}, "mask")
    assert line.count("n/a") == 10
    assert line.endswith("| 1 |")
    assert other.endswith("| 0 |")


def test_methods_of_a_clip_count_once():
    """Two methods on one clip and one on another: the clips' means are averaged."""
    rows = [row("a", heard=1.0), row("a", heard=1.0, method="gradcam"), row("b")]
    assert mean_by_clip(rows, lambda each: each.audio_FidIn).tolist() == [1.0, 0.0]


def test_classes_take_turns():
    recordings = tuple(Esc50Recording(Path(f"{label}{k}.wav"), 5, label, 0) for label in "ab" for k in range(3))
    assert [recording.path.stem for recording in first_of_classes(recordings, 3)] == ["a0", "b0", "a1"]


@pytest.fixture
def data(tmp_path, scene):
    (tmp_path / "data" / "audio").mkdir(parents=True)
    (tmp_path / "data" / "meta").mkdir()
    soundfile.write(tmp_path / "data" / "audio" / "x.wav", scene.clip.waveform.numpy(), 32000)
    (tmp_path / "data" / "meta" / "esc50.csv").write_text("filename,fold,target,category\nx.wav,5,0,clock_tick\n")
    return tmp_path / "data"


def test_a_page_is_measured_kept_and_keeps_its_findings(data, tmp_path):
    page, plan = tmp_path / "page.md", DomainsPlan(("esc10-stft",), ("saliency",), ("bin", "minmax"))
    page.write_text("# Old\n\nwords\n\n## Findings\n\nWhat a person wrote.\n\n## `other`\n\nits table\n")
    inputs = read_domain_clips(data, plan)
    run_domains(inputs, tmp_path / "out", page=page)
    text = page.read_text()
    run_domains(inputs, tmp_path / "out", page=page, engine=lambda *_: pytest.fail("found again"))
    assert page.read_text() == text
    assert text.index("## Findings\n\nWhat a person wrote.") < text.index("## `other`") < text.index("## `esc10-stft`")
    model = ew.load_model("esc10-stft")
    clip = ew.load(data / "audio" / "x.wav")
    mask = ew.masks.make(ew.explain(model, clip, "saliency"), "minmax")
    heard, _ = ew.metrics.measure(model, model.features(clip), mask, 7, domain="audio")
    (line,) = (line for line in text.splitlines() if line.startswith("| minmax | projection |"))
    assert line.split(" | ")[6] == f"{heard.AD:.1f}"
    assert "nothing removed: same class for 100.0 %" in text


def test_the_masks_that_are_searched_for_have_a_table(data, tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.studies.domains.run.explain", lambda model, clip, method, target: ew.explain(
        model, clip, "saliency", target))  # the search itself takes long
    plan = DomainsPlan(("esc10-mel",), ("saliency",), ("topK_30_pos",), n_optimised=1)
    outcome = run_domains(read_domain_clips(data, plan), tmp_path / "out")
    assert outcome.finished.total == 3
    text = (tmp_path / "out" / "summary.md").read_text()
    assert "on the same 1 clips" in text
    assert text.count("| `audible_mask`, ") == 2


@pytest.mark.parametrize(("changes", "message"), [
    ({"methods": ("salience",)}, "did you mean 'saliency'"), ({"masks": ("binn",)}, "did you mean 'bin'"),
    ({"models": ("a", "a")}, "models are"), ({"n_clips": 0}, "expected at least one clip"),
])
def test_wrong_plans_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        DomainsPlan(**changes)


def test_the_command(data, tmp_path, capsys):
    words = ["study", "domains", "--data", str(data), "--models", "esc10-stft", "--methods", "saliency", "--masks",
             "bin", "--clips", "1", "--workers", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--dry-run"]) == 0
    assert "2 tasks; about" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main(words) == 0
    assert "2 methods of clips: 2 explained now" in capsys.readouterr().out
    assert main([*words, "--optimised", "1"]) == 2
    assert "another plan: n_optimised (was 0, is 1) changed" in capsys.readouterr().err
