import json
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

from earwitness.cli import main
from earwitness.core.errors import DataError, ParameterError
from earwitness.datasets import jamendo
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import run_experiment
from earwitness.studies.mishra2020.choose_fill import choose_fill
from earwitness.studies.mishra2020.excerpts import SongRecording
from earwitness.studies.mishra2020.plan import Mishra2020Plan
from earwitness.studies.mishra2020.run import held_out_models, read_songs_and_models, run_mishra2020
from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan
from earwitness.studies.mishra2020.tables import instability_explained, write_mishra2020
from tests.datasets.songs_on_disk import write_lyrics

TINY = Mishra2020Plan(excerpts=1, stable_excerpts=1, grid_excerpts=0, places=1, mixes=3, boundary_places=1,
                 samples=(50, 400), fills=("zero", "mean_inp"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def found(data, detector, folder):
    return run_experiment(read_songs_and_models(data, detector, TINY), folder).tables


def test_every_table_has_its_rows(found):
    stability, sensitivity = found["stability"], found["sensitivity"]
    assert len(stability) == 2 * 1 * 2 * 2 * 2 * 2  # songs, excerpts, kinds, fills, kernels, samples
    assert len(sensitivity) == 2 * 1 * 2 * 3 * 2  # songs, excerpts, kinds, estimates, fills
    assert stability["U_n"].between(3, 10).all()
    assert (stability["asked"] <= 1024).all()
    assert (sensitivity.loc[sensitivity["fill"] == "zero", "N_ce"] == 3).all()
    assert found["tried"]["tried"].sum() >= len(found["truth"].drop_duplicates(["song", "place", "mix"]))


def test_songs_computed_alone_are_those_computed_together(found, data, detector, tmp_path):
    inputs = read_songs_and_models(data, detector, TINY)
    alone = run_mishra2020(inputs, tmp_path, only=["two"])
    assert (alone.findings, alone.finished.total) == ({}, 3)
    for name in ("stability", "sensitivity", "truth"):
        together = found[name][found[name]["song"] == "two"].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.finished.tables[name], together, check_exact=True)
    with pytest.raises(ParameterError, match="unknown song 'three'"):
        run_mishra2020(inputs, tmp_path, only=["three"])


def test_processes_that_load_the_detector_themselves_come_to_the_same_rows(found, data, detector, tmp_path):
    inputs = read_songs_and_models(data, detector, TINY)
    tasks = [task for task in inputs.tasks() if task.payload["kind"] == "truth"]
    rows = run_experiment(inputs, tmp_path, tasks=tasks, engine=partial(do_locally, workers=2)).tables["truth"]
    pd.testing.assert_frame_equal(rows, found["truth"], check_exact=True)


def test_a_folder_of_another_plan_or_detector_is_refused(found, folder, data, detector):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = replace(TINY, seed=7, fills=("noise",))
    with pytest.raises(ParameterError, match=r"another plan: fills .*, seed \(was 0, is 7\) changed"):
        run_mishra2020(read_songs_and_models(data, detector, other), folder)
    with pytest.raises(ParameterError, match="another plan: models changed"):
        run_mishra2020(read_songs_and_models(data, replace(detector, normalise="peak"), TINY), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_song_is_decoded_once_for_its_tasks(data, detector, monkeypatch):
    inputs, loaded, load = read_songs_and_models(data, detector, TINY), [], SongRecording.load
    monkeypatch.setattr(SongRecording, "load", lambda song, model: loaded.append(song.name) or load(song, model))
    worker = inputs.make_worker()
    for task in inputs.tasks():
        if task.payload["kind"] in ("truth", "boundaries"):
            worker(task)
    assert loaded == ["one", "two"]


def test_a_song_that_cannot_be_read_is_told_and_tried_again(detector, tmp_path):
    songs = write_lyrics(tmp_path / "data", {"one": (4.0, [(1.0, 2.0)]), "two": (4.0, [(1.0, 2.0)])})
    inputs = read_songs_and_models(songs, detector, replace(TINY, fills=("zero",)))
    (path,) = (song.path for song in inputs.songs if song.name == "one")
    sound = path.read_bytes()
    path.write_bytes(b"no sound")
    finished = run_mishra2020(inputs, tmp_path / "out", only=["one", "two"]).finished
    assert set(finished.tables["sensitivity"]["song"]) == {"two"}
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert set(failures["task"]) == {"one-truth-0-1", "one-excerpts-0-1", "one-boundaries-0-1"}
    assert failures["error"].str.contains("not a sound file").all()
    path.write_bytes(sound)
    assert run_mishra2020(inputs, tmp_path / "out", only=["one", "two"]).finished.kept == 3
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_a_model_without_a_window_is_refused_before_anything_runs(data, detector):
    with pytest.raises(ParameterError, match="needs one with a window"):
        read_songs_and_models(data, replace(detector, window_s=None), TINY)


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
    options = ["--excerpts", "1", "--stable-excerpts", "1", "--grid-excerpts", "0", "--places", "1", "--mixes", "1",
               "--boundary-places", "1", "--songs", "one", "--workers", "1"]
    assert main(["study", "mishra2020", "--data", str(data), "--held-out", str(tmp_path / "no"), "--out",
                 str(tmp_path / "out"), *options]) == 2
    assert "no folds with a card" in capsys.readouterr().err
    words = ["study", "mishra2020", "--data", str(data), "--out", str(tmp_path / "out"), *options]
    assert main([*words, "--fills", "zero", "--dry-run"]) == 0
    assert "6 tasks; about" in (shown := capsys.readouterr().out)
    assert "nothing was written" in shown
    assert not (tmp_path / "out").exists()
    assert main([*words, "--fill", "zero"]) == 0
    assert "computed: one; run it without --songs" in capsys.readouterr().out
    assert main([*words, "--seed", "7", "--fill", "mean_inp", "--fill", "noise"]) == 2
    assert 'fills (was ["zero"], is ["mean_inp", "noise"]), seed (was 0, is 7) changed' in capsys.readouterr().err


def test_one_line_for_bad_data(tmp_path, capsys):
    assert main(["choose-fill", "--model", "esc10-mel", "--data", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
