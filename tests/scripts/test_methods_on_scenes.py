import importlib.util
import math
import sys
from pathlib import Path

import pytest

import earwitness as ew

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "methods_on_scenes.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("methods_on_scenes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_a_cell_says_mean_and_spread(script):
    assert script.cell([0.5, 0.7]) == "60.0 ± 14.1"
    assert script.cell([0.5]) == "50.0"
    assert script.cell([0.5, math.nan]) == "50.0 (1 of 2)"
    assert script.cell([math.nan]) == "n/a"


def test_the_best_comes_first_and_chance_last(script, monkeypatch):
    monkeypatch.setattr(script.ew, "METHODS", {"rise": None, "slime": None})
    found = [script.Found(method, "scene", {"relevance mass": share}, passes) for method, share, passes in (
        ("rise", 0.2, 3000), ("slime", 0.4, 1024), (script.CHANCE, 0.1, 0))]
    rows = [line.split(" | ") for line in script.table(found, "relevance mass")[2:]]
    assert [row[0] for row in rows] == ["| `slime`", "| `rise`", "| random map (mean of 100)"]
    assert rows[0][1:] == ["**40.0**", "40.0", "1,024 |"]


def test_the_page_says_what_was_measured_and_keeps_other_models(script, monkeypatch, tmp_path, capsys, mel_model):
    monkeypatch.setattr(script.ew, "METHODS", {name: ew.METHODS[name] for name in ("gradcam", "saliency")})
    page = tmp_path / "results" / "page.md"
    page.parent.mkdir()
    page.write_text("# Old\n\n## `esc10-stft`\n\nkept words\n")
    words = ["--model", "esc10-mel", "--scenes", "clock_tick over hum", "rooster over hum", "--seeds", "0", "--out"]
    monkeypatch.setattr(sys, "argv", ["methods_on_scenes.py", *words, str(page), "--keep", str(tmp_path / "kept")])
    script.main()
    text = page.read_text()
    monkeypatch.setattr(script, "find", lambda *_: pytest.fail("found again"))
    script.main()
    assert page.read_text() == text
    assert "## `esc10-stft`\n\nkept words" in text
    assert "- Not recognised: rooster over hum, seed 0; the model says crying_baby with" in text
    scene = ew.synthetic.make_scene("clock_tick over hum")
    values = ew.explain(mel_model, scene.clip, "saliency", "clock_tick").values
    mass = float(ew.metrics.relevance_mass(values, scene.evidence(mel_model.front_end)))
    assert f"| `saliency` | **{100 * mass:.1f}** | {100 * mass:.1f} | 2 |" in text
    assert "| `saliency` |" in capsys.readouterr().out
