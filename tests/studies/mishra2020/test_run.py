import json
import shutil

import pandas as pd
import pytest

from earwitness.cli import main
from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import jamendo
from earwitness.studies.mishra2020.choose_fill import choose_fill
from earwitness.studies.mishra2020.plan import Mishra2020Plan
from earwitness.studies.mishra2020.run import held_out_models, run_mishra2020
from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan
from earwitness.studies.mishra2020.tables import instability_explained, write_mishra2020

TINY = Mishra2020Plan(excerpts=1, stable_excerpts=1, grid_excerpts=0, places=1, mixes=3, boundary_places=1,
                 samples=(50, 400), fills=("zero", "mean_inp"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def found(data, detector, folder):
    return run_mishra2020(data, detector, folder, TINY)


def test_every_table_has_its_rows(found):
    stability, sensitivity = found["stability"], found["sensitivity"]
    assert len(stability) == 2 * 1 * 2 * 2 * 2 * 2  # songs, excerpts, kinds, fills, kernels, samples
    assert len(sensitivity) == 2 * 1 * 2 * 3 * 2  # songs, excerpts, kinds, estimates, fills
    assert stability["U_n"].between(3, 10).all()
    assert (stability["asked"] <= 1024).all()
    assert (sensitivity.loc[sensitivity["fill"] == "zero", "N_ce"] == 3).all()
    assert found["tried"]["tried"].sum() >= len(found["truth"].drop_duplicates(["song", "place", "mix"]))


def test_songs_computed_alone_are_those_computed_together(found, data, detector, tmp_path):
    alone = run_mishra2020(data, detector, tmp_path, TINY, only=["two"])
    for name in ("stability", "sensitivity", "truth"):
        together = found[name][found[name]["song"] == "two"].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone[name].reset_index(drop=True), together, check_dtype=False, check_like=True)
    with pytest.raises(ParameterError, match="unknown song 'three'"):
        run_mishra2020(data, detector, tmp_path, TINY, only=["three"])


def test_a_song_that_is_there_is_not_computed_again(found, folder, data, detector, tmp_path):
    shutil.copytree(folder / "parts", tmp_path / "parts")
    place = tmp_path / "parts" / "one-excerpts-0-1.csv"
    pd.read_csv(place).assign(U_n=9).to_csv(place, index=False)
    assert (run_mishra2020(data, detector, tmp_path, TINY, only=["one"])["stability"]["U_n"] == 9).all()


def test_results_are_tables_figures_and_one_page(found, tmp_path):
    sentence = write_mishra2020(found, tmp_path)
    page = (tmp_path / "summary.md").read_text()
    assert sentence in page
    for name in ("stability", "instability-explained", "sensitivity", "truth"):
        assert f"## {name}" in page
        assert len(pd.read_csv(tmp_path / f"{name}.csv"))
    assert len(list(tmp_path.glob("fig*.png"))) == 7


def test_instability_is_shared_out():
    rows = pd.DataFrame([
        {"kind": "temporal", "fill": "zero", "samples": 1000, "kernel": kernel, "U_n": u}
        for kernel, values in (("l2", (7, 7)), ("cosine", (4, 3))) for u in values])
    row = instability_explained(rows).iloc[0]
    assert (row["U_n_l2"], row["U_n_cosine"]) == (7.0, 3.5)
    assert row["by_kernel"] == pytest.approx(3.5 / 4)
    assert row["by_chance"] == pytest.approx(0.5 / 4)


def test_held_out_models_need_folds(tmp_path):
    with pytest.raises(DataError, match="no folds with a card"):
        held_out_models(tmp_path)


@pytest.mark.parametrize(("settings", "message"), [
    ({"excerpts": 0}, "at least one excerpt"), ({"stable_excerpts": 60}, "stable_excerpts up to excerpts"),
    ({"samples": (100, 100)}, "expected rising numbers"), ({"fills": ("zeros",)}, "unknown fill 'zeros'"),
])
def test_wrong_plans_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        Mishra2020Plan(**settings)


def test_choose_fill_on_songs_says_which_fills_are_left_out(data, loudness_model):
    songs = jamendo.read_songs(data)
    assert songs
    found = choose_fill(loudness_model, data, plan=SplicePlan(places=2, mixes=1),
                        fills=("zero", "min_inp", "noise_data"))
    assert set(found.missing) == {"noise_data"}
    assert found.recommendation.fill in ("zero", "min_inp")
    assert "--method slime" in found.command
    assert f"fill={found.recommendation.fill}" in found.command


def test_choose_fill_offline_on_scenes(mel_model):
    plan = SplicePlan(places=1, mixes=1, inside="mixture")
    found = choose_fill(mel_model, "scenes", plan=plan, fills=("mean_inp",), most=1)
    assert found.recommendation.n == 1
    assert found.rows["song"].iloc[0] == "dog over hum"  # the first scene in which the model finds the event
    assert found.command.endswith("--model esc10-mel --method slime --set fill=mean_inp --set components=temporal")


def test_choose_fill_at_annotated_boundaries(data, loudness_model):
    found = choose_fill(loudness_model, data, plan=SplicePlan("annotated", places=4), fills=("silence", "min_inp"))
    assert found.rows["of"].between(1, 3).all()
    assert "components=" not in found.command


def test_choose_fill_from_the_command_line_offline(tmp_path, capsys, monkeypatch, loudness_model, data):
    monkeypatch.setattr("earwitness.cli.choose_fill.given.load_with_options", lambda options: loudness_model)
    assert main(["choose-fill", "--data", str(data), "--places", "1", "--mixes", "2", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "use it: earwitness explain FILE --model loudness --method slime" in shown
    assert "left out: noise_data" in shown
    assert set(pd.read_csv(tmp_path / "fills.csv")["fill"]) >= {"zero", "silence", "mean_inp", "noise"}


def test_choose_fill_as_json(data, capsys, monkeypatch, loudness_model):
    monkeypatch.setattr("earwitness.cli.choose_fill.given.load_with_options", lambda options: loudness_model)
    assert main(["choose-fill", "--data", str(data), "--places", "1", "--mixes", "1", "--most", "1", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["fills"][0].keys() >= {"fill", "perfect", "mean_N_ce"}
    assert content["command"].startswith("earwitness explain FILE")
    assert "noise_data" in content["missing"]


def test_the_study_from_the_command_line(data, tmp_path, capsys):
    options = ["--excerpts", "1", "--stable-excerpts", "1", "--grid-excerpts", "0", "--places", "1", "--mixes", "1"]
    assert main(["study", "mishra2020", "--data", str(data), "--held-out", str(tmp_path / "no"), "--out",
                 str(tmp_path / "out"), *options]) == 2
    assert "no folds with a card" in capsys.readouterr().err


def test_one_line_for_bad_data(tmp_path, capsys):
    assert main(["choose-fill", "--model", "esc10-mel", "--data", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
