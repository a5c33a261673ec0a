import math

import pandas as pd
import pytest

import earwitness as ew
from earwitness.cli import main
from earwitness.core.errors import ParameterError
from earwitness.studies.scenes import ScenesPlan, read_scene_models, run_scenes
from earwitness.studies.scenes import run as scenes_run
from earwitness.studies.scenes.tables import CHANCE, scenes_part

PLAN = ScenesPlan(("esc10-mel",), ("clock_tick over hum", "rooster over hum"), (0,), ("gradcam", "saliency"))


def tables(shares, recognised=True):
    place = {"model": "m", "scene": "scene"}
    rows = [{**place, "seed": seed, "method": method, "relevance mass": share, "relevance rank": math.nan,
             "passes": passes} for method, share, passes, seed in shares]
    said = {**place, "seed": 0, "says": "dog", "probability": 0.9, "recognised": recognised}
    return {"shares": pd.DataFrame(rows), "said": pd.DataFrame([said])}


def rows_of(text, measure="relevance mass"):
    table = text.partition(f"| {measure}, %")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_the_best_comes_first_and_chance_last():
    plan = ScenesPlan(("m",), methods=("rise", "slime"))
    rows = rows_of(scenes_part(plan, "m", tables([("rise", 0.2, 3000, 0), ("slime", 0.4, 1024, 0),
                                                  (CHANCE, 0.1, 0, 0)])))
    assert [row[0] for row in rows] == ["`slime`", "`rise`", "random map (mean of 100)"]
    assert rows[0][1:] == ["**40.0**", "40.0", "1,024"]


def test_a_cell_says_mean_spread_and_what_is_undefined():
    plan = ScenesPlan(("m",), methods=("rise", "slime"))
    shares = [("rise", 0.5, 1, 0), ("rise", 0.7, 3, 1), ("slime", 0.5, 1, 0), ("slime", math.nan, 1, 1),
              (CHANCE, 0.1, 0, 0)]
    text = scenes_part(plan, "m", tables(shares))
    assert rows_of(text)[0] == ["`rise`", "**60.0 ± 14.1**", "60.0", "1 to 3"]
    assert rows_of(text)[1][1] == "50.0 (1 of 2)"
    assert rows_of(text, "relevance rank")[0][1] in ("n/a (0 of 2)", "n/a", "**n/a**")
    assert "- Not recognised: scene, seed 0; the model says dog with 90%." in scenes_part(plan, "m", tables(
        shares, recognised=False))


def test_the_page_says_what_was_measured_and_keeps_other_models(tmp_path, mel_model):
    page, inputs = tmp_path / "results" / "page.md", read_scene_models(PLAN)
    page.parent.mkdir()
    page.write_text("# Old\n\n## `esc10-stft`\n\nkept words\n")
    outcome = run_scenes(inputs, tmp_path / "out", page=page)
    text = page.read_text()
    assert "## `esc10-stft`\n\nkept words" in text
    assert "- Not recognised: rooster over hum, seed 0; the model says crying_baby with" in text
    scene = ew.synthetic.make_scene("clock_tick over hum")
    values = ew.explain(mel_model, scene.clip, "saliency", "clock_tick").values
    mass = float(ew.metrics.relevance_mass(values, scene.evidence(mel_model.front_end)))
    assert f"| `saliency` | **{100 * mass:.1f}** | {100 * mass:.1f} | 2 |" in text
    assert len(pd.read_csv(tmp_path / "out" / "rows.csv")) == 3
    again = run_scenes(inputs, tmp_path / "out", page=page, engine=lambda *_: pytest.fail("found again"))
    assert (outcome.finished.kept, again.finished.kept) == (0, 2)
    assert page.read_text() == text


def test_a_method_that_fails_is_recorded_and_the_others_go_on(tmp_path, monkeypatch):
    explain = scenes_run.explain

    def fails(model, clip, method, target, *, seed):
        if method == "gradcam":
            raise ParameterError("no such layer")
        return explain(model, clip, method, target, seed=seed)

    monkeypatch.setattr(scenes_run, "explain", fails)
    finished = run_scenes(read_scene_models(PLAN), tmp_path).finished
    assert len(pd.read_csv(tmp_path / "failures.csv")) == 1
    assert finished.failures[["scene", "method", "error"]].to_numpy().tolist() == [
        ["clock_tick over hum", "gradcam", "no such layer"]]
    assert finished.tables["shares"]["method"].tolist() == ["saliency", CHANCE]


@pytest.mark.parametrize(("changes", "message"), [
    ({"scenes": ("rain",)}, "unknown scene 'rain'"), ({"methods": ("salience",)}, "did you mean 'saliency'"),
    ({"seeds": (1, 1)}, r"seeds are \[1, 1\]; expected at least one, each once"), ({"models": ()}, "models are"),
])
def test_wrong_plans_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        ScenesPlan(**changes)


def test_the_command(tmp_path, capsys):
    words = ["study", "scenes", "--models", "esc10-mel", "--scenes", "clock_tick over hum", "--methods", "saliency",
             "--workers", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--seeds", "0", "--dry-run"]) == 0
    assert "1 tasks; about" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main([*words, "--seeds", "0"]) == 0
    assert "1 scenes: 1 explained now" in capsys.readouterr().out
    assert main([*words, "--seeds", "1"]) == 2
    assert "another plan: seeds (was [0], is [1]) changed" in capsys.readouterr().err
    assert main([*words, "--seeds", "one"]) == 2
    assert "seeds are 'one'; expected whole numbers" in capsys.readouterr().err
