"""The study on a tiny data set: what its tables say, and the whole command."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

import earwitness as ew
from earwitness.cli import main
from earwitness.studies.pak2025 import METRICS, choose, summarise_metrics
from earwitness.studies.pak2025.tables import best_tables, mask_tables
from earwitness.studies.pak2025.writing import to_html, to_latex, to_markdown
from tests.studies.pak2025.made_data import PLAN, make_data

HOSTILE = "<b>a_b|&%"


@pytest.fixture
def rows():
    """Two masks of one method on 40 clips; a quarter of 'bin' is constant, the last ten clips are wrong."""
    rng = np.random.default_rng(0)
    place = {"front_end": "mel", "scenario": "clean", "method": HOSTILE}
    found = []
    for k in range(40):
        for mask, shift in (("bin", 0.0), ("topK_50_pos", 0.2)):
            constant = mask == "bin" and k % 4 == 0
            numbers = dict(zip(METRICS, rng.random(7) + shift, strict=True))
            if constant:
                numbers |= {"SPS": np.nan, "COMP": np.nan}
            found.append({**place, "clip": f"{k}.wav", "mask": mask, **numbers, "kept_area": 1.0 if constant else 0.5,
                          "degenerate": constant, "correct": k < 30})
    return pd.DataFrame(found)


def one(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_means_by_subset_and_treatment(rows):
    summary = summarise_metrics(rows)
    bins = rows[rows["mask"] == "bin"]
    published = one(summary, subset="all", degenerate_masks="included", mask="bin")
    assert published["n"] == 40
    assert published["degenerate"] == 0.25
    assert published["kept_area"] == pytest.approx(0.25 + 0.75 * 0.5)
    assert published["SPS"] == pytest.approx(bins["SPS"].sum() / 40)  # a constant mask scores 0
    assert published["FF"] == pytest.approx(bins["FF"].mean())
    without = one(summary, subset="all", degenerate_masks="excluded", mask="bin")
    assert (without["n"], without["degenerate"]) == (30, 0)
    assert without["SPS"] == pytest.approx(bins["SPS"].mean())
    assert without["FF"] == pytest.approx(bins[~bins["degenerate"]]["FF"].mean())
    wrong = one(summary, subset="wrong", degenerate_masks="included", mask="bin")
    assert wrong["FF"] == pytest.approx(bins[~bins["correct"]]["FF"].mean())
    assert (wrong["n"], one(summary, subset="correct", degenerate_masks="included", mask="bin")["n"]) == (10, 30)


def test_intervals_are_those_of_the_mean_and_come_from_the_seed(rows):
    row = one(summarise_metrics(rows), subset="all", degenerate_masks="included", mask="topK_50_pos")
    values = rows[rows["mask"] == "topK_50_pos"]["FF"]
    spread = 1.96 * values.std(ddof=0) / np.sqrt(40)
    assert row["FF_low"] == pytest.approx(values.mean() - spread, abs=0.2 * spread)
    assert row["FF_high"] == pytest.approx(values.mean() + spread, abs=0.2 * spread)
    pd.testing.assert_frame_equal(summarise_metrics(rows, seed=1), summarise_metrics(rows, seed=1))
    assert one(summarise_metrics(rows, seed=1), subset="all", degenerate_masks="included", mask="bin")["FF_low"] != \
        one(summarise_metrics(rows, seed=2), subset="all", degenerate_masks="included", mask="bin")["FF_low"]


def test_rows_without_wrong_or_sound_masks_have_no_such_tables(rows):
    summary = summarise_metrics(rows[rows["correct"]].assign(degenerate=True))
    assert set(summary["subset"]) == {"all", "correct"}
    assert set(summary["degenerate_masks"]) == {"included"}


def test_degenerate_masks_may_change_the_choice():
    """A mask that keeps everything on half the clips wins by the published choice and loses without them."""
    place = {"front_end": "mel", "scenario": "clean", "method": "saliency", "correct": True, "AI": 0.0, "AG": 0.0}
    everything = {"FF": 0.9, "FidIn": 1.0, "AD": 0.0, "SPS": np.nan, "COMP": np.nan, "degenerate": True, "kept_area": 1}
    some = {"FF": 0.2, "FidIn": 0.2, "AD": 80.0, "SPS": 0.6, "COMP": 9.0, "degenerate": False, "kept_area": 0.4}
    sound = {"FF": 0.5, "FidIn": 0.5, "AD": 50.0, "SPS": 0.5, "COMP": 9.5, "degenerate": False, "kept_area": 0.5}
    rows = pd.DataFrame([{**place, "mask": mask, **numbers} for mask, numbers in (
        ("topK_50_pos", everything), ("topK_50_pos", some), ("bin", sound), ("bin", sound))])
    chosen = choose(summarise_metrics(rows))
    assert one(chosen, subset="all", degenerate_masks="included")["mask"] == "topK_50_pos"
    assert one(chosen, subset="all", degenerate_masks="excluded")["mask"] == "bin"


def test_best_and_worst_are_marked_in_every_format(rows):
    low = rows.assign(method="low", FF=rows["FF"] - 1, COMP=rows["COMP"] - 1)
    chosen = choose(summarise_metrics(pd.concat([rows, low])))
    table = best_tables(chosen)[0]
    marks = {table.heads[c]: [row[c].mark for row in table.rows] for c in range(len(table.heads))}
    assert marks["FF ↑"] == ["best", "worst"]
    assert marks["COMP ↓"] == ["worst", "best"]
    assert marks["clips"] == ["", ""]
    text = to_markdown([table], title="t")
    assert re.search(r"\| \*\*[\d.]+\*\* \|", text)
    assert "\\<b\\>a\\_b\\|&%" in text
    latex = to_latex([table])
    assert r"\cellcolor{green!30}" in latex
    assert r"a\_b|\&\%" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    page = to_html([table], title="t")
    assert "&lt;b&gt;a_b|&amp;%" in page
    assert "<b>a_b" not in page
    assert 'class="best"' in page


def test_tables_of_all_masks_have_intervals(rows):
    tables = mask_tables(summarise_metrics(rows))
    assert len(tables) == 2
    assert len(tables[0].rows) == 2
    assert re.fullmatch(r"[\d.]+ to [\d.]+", tables[0].rows[0][1].hint)
    assert tables[0].rows[0][1].hint in to_markdown(tables, title="t")


@pytest.fixture
def words(made, tmp_path):
    plan = {"models": [str(made / "mel"), str(made / "stft")], **PLAN}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    return ["study", "pak2025", "--data", str(made / "data"), "--noises", str(made / "noises"),
            "--plan", str(tmp_path / "plan.yaml"), "--workers", "1", "--out", str(tmp_path / "out")]


def test_the_command_writes_tables_figure_and_sounds(words, tmp_path, capsys):
    assert main([*words, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "forward and" in out
    assert "nothing was written" in out
    assert not (tmp_path / "out").exists()
    assert main(words) == 0
    out = capsys.readouterr()
    assert "16 clips, counted once per model and scenario: 16 explained now" in out.out
    assert out.err == ""
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"best.md", "best.csv", "best.tex", "masks.md", "masks.csv", "tables.html", "montage.html", "montage.png",
            "summary.json", "identity.json", "tasks"} <= names
    chosen = pd.read_csv(tmp_path / "out" / "best.csv")
    published = chosen[(chosen["subset"] == "all") & (chosen["degenerate_masks"] == "included")]
    assert len(published) == 4 * 3
    own = ew.studies.pak2025.best_masks(pd.read_csv(tmp_path / "out" / "masks.csv").query(
        "subset == 'all' and degenerate_masks == 'included'"))
    assert published["mask"].tolist() == own["mask"].tolist()
    speed = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert 0 < speed["floor_s"] < speed["worker_s"]
    for page in ("montage.html", "tables.html"):
        assert "http" not in (tmp_path / "out" / page).read_text().replace("http-equiv", "")
    assert main(words) == 0
    assert "0 explained now (0.0 a minute), 16 were there" in capsys.readouterr().out
    assert main([*words, "--limit", "2"]) == 2
    err = capsys.readouterr().err
    assert "another plan: clips, limit (was null, is 2), sounds changed; use another --out" in err
    assert err.count("\n") == 1


def test_failures_are_counted_and_written(words, made, tmp_path, capsys):
    data = make_data(tmp_path / "data")
    (data / "audio" / "5-0-A-0.wav").write_bytes(b"no sound")
    words[words.index("--data") + 1] = str(data)
    assert main([*words, "--scenarios", "clean", "--methods", "saliency", "--montage", ""]) == 0
    out = capsys.readouterr()
    assert "warning: 2 explanations failed, see failures.csv; the first: 5-0-A-0.wav" in out.err
    assert len(pd.read_csv(tmp_path / "out" / "failures.csv")) == 2
    assert not (tmp_path / "out" / "montage.html").exists()


@pytest.mark.parametrize(("changes", "message"), [
    (["--methods", "lime,shap"], "unknown method 'shap'; did you mean 'deep_shap'? known: deep_shap, lime, saliency"),
    (["--model", "esc10-mell"], "unknown model 'esc10-mell'; did you mean 'esc10-mel'"),
    (["--engine", "spark"], "unknown engine 'spark'; known: local, ray"),
    (["--address", "auto"], "address is for --engine ray"),
    (["--plan", "none.yaml"], "none.yaml: cannot be read as a plan"),
    (["--data", "none"], "meta/esc50.csv: no such file; expected ESC-50's layout"),
    (["--noises", "none"], "expected the folder with the noises of hum"),
    (["--montage", "none.wav"], "clip 'none.wav' is not in"),
    (["--out", "/dev/null/out"], "cannot be written"),
])
def test_wrong_words_are_one_line(words, changes, message, tmp_path, capsys):
    assert main([*words, *changes]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    if "--montage" not in changes:
        assert not (tmp_path / "out").exists()
