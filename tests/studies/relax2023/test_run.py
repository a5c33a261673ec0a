import csv
import json
import shutil
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import soundfile
import torch

from earwitness.cli.main import main
from earwitness.core.errors import DataError, EarwitnessError, ParameterError
from earwitness.experiments.local import do_locally
from earwitness.experiments.store import locked
from earwitness.studies.relax2023 import (
    Budget,
    Relax2023Plan,
    certain_part,
    make_maps,
    read_labelled,
    read_sounds_and_model,
    run_relax2023,
)
from earwitness.studies.relax2023.sounds import take_turns
from earwitness.studies.relax2023.tables import as_markdown, concordance, ranks, summarise_checks
from tests.made_models import deep, noise_clip

EFFORT = Budget(n_masks=24, n_masks_checks=12, n_blocks=8, n_changes=1)
CLASSES = {"low": 150.0, "high": 700.0, "rain": 0.0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Fifteen clips a class in ESC-50's layout: low tones, high tones, noise."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "meta").mkdir()
    (folder / "audio").mkdir()
    generator = torch.Generator().manual_seed(0)
    rows = []
    for target, (label, hz) in enumerate(CLASSES.items()):
        for k in range(15):
            t = torch.arange(992) / 2000
            pitch = hz * (1 + 0.1 * torch.rand(1, generator=generator))
            noise = torch.randn(992, generator=generator)
            sound = 0.05 * noise + (0.5 * torch.sin(2 * torch.pi * pitch * t) if hz else 0.3 * noise)
            name = f"{k % 5 + 1}-{k}-A-{target}.wav"
            soundfile.write(folder / "audio" / name, (sound / sound.abs().max() * 0.9).numpy(), 2000)
            rows.append((name, k % 5 + 1, target, label))
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "fold", "target", "category"), *rows])
    return folder


@pytest.fixture
def model(generator):
    return deep(generator)


@pytest.fixture(scope="module")
def study(data, tmp_path_factory):
    """A finished study: its folder, its plan and what it returned."""
    folder = tmp_path_factory.mktemp("study") / "out"
    plan = Relax2023Plan(n_clips=3, n_scenes=2, n_posters=1, effort=EFFORT)
    return folder, plan, run(data, folder, plan)


def run(data, folder, plan, **settings):
    inputs = read_sounds_and_model(data, deep(torch.Generator().manual_seed(0)), plan)
    return run_relax2023(inputs, folder, **settings)


def test_both_layouts_and_splits(data, tmp_path):
    found = read_labelled(data)
    assert found.labels == ("low", "high", "rain")
    assert len(found.part(found.fair, test=True)) == 9
    assert found.fair != found.leaky
    with pytest.raises(DataError, match="expected folders such as Aslan"):
        read_labelled(tmp_path)


def test_classes_take_turns(data):
    found = read_labelled(data)
    labels = [found.labels[found.targets[k]] for k in take_turns(found, found.labels, 5, 0)]
    assert labels == ["low", "high", "rain", "low", "high"]
    assert all(found.fair[k] == 5 for k in take_turns(found, found.labels, 99, 0))


def test_the_whole_study(study):
    folder, _, found = study
    assert (found.finished.total, found.finished.kept) == (5, 0)
    assert found.findings["accuracy"]["fair"][0] > 0.6
    rows = pd.read_csv(folder / "rows.csv")
    assert len(rows) == 5 * 12
    assert set(rows["method"]) == {"relax", "u_relax", "rise"}
    assert rows[rows["part"] == "scenes"][["mass", "rank", "auc", "iou"]].notna().all().all()
    assert rows[rows["part"] == "clips"]["mass"].isna().all()
    assert rows[rows["method"] == "rise"]["random_labels"].notna().all()
    assert (rows[["contrast", "lead"]].abs() <= 1).all().all()
    assert set(rows[rows["part"] == "scenes"]["label"]) == {"low", "high"}
    for name in ("summary.md", "summary.csv", "ranks.csv", "accuracy-fair.json", "figures/flipping-clips.png",
                 "figures/flipping-scenes.png", "scenes/scenes.json"):
        assert (folder / name).stat().st_size > 100
    assert len(list((folder / "figures").glob("clips-*.png"))) == 1
    matrix = json.loads((folder / "accuracy-fair.json").read_text())["confusion"]
    assert sum(map(sum, matrix)) == 9


def test_a_stopped_run_goes_on_in_processes_and_comes_to_the_same(study, data, tmp_path):
    finished, plan, _ = study
    shutil.copytree(finished, tmp_path / "out")
    tasks = sorted((tmp_path / "out" / "sounds" / "tasks").iterdir())
    assert [path.stem.partition("-")[0] for path in tasks] == ["clips"] * 3 + ["scenes"] * 2
    embedded = next((tmp_path / "out" / "embeddings" / "tasks").iterdir())
    for path in (tasks[1], tasks[-1], embedded, tmp_path / "out" / "rows.csv", tmp_path / "out" / "summary.md"):
        path.unlink()
    kept = tasks[0].stat().st_mtime_ns
    again = run(data, tmp_path / "out", plan, engine=partial(do_locally, workers=2))
    assert again.finished.kept == 3
    assert tasks[0].stat().st_mtime_ns == kept
    for name in ("rows.csv", "summary.csv", "summary.md"):
        assert (tmp_path / "out" / name).read_text() == (finished / name).read_text()


def test_a_study_can_be_widened(study, data, tmp_path):
    finished, plan, _ = study
    out = tmp_path / "out"
    run(data, out, replace(plan, n_clips=0, n_scenes=1))
    for folder, ending in (("tasks", "parquet"), ("arrays", "npz")):  # saves their time
        for path in (finished / "sounds" / folder).glob(f"clips-*.{ending}"):
            shutil.copy(path, out / "sounds" / folder)
    assert len(list((out / "sounds" / "tasks").glob("scenes-*"))) == 1
    run(data, out, plan)
    for name in ("rows.csv", "summary.csv", "scenes/scenes.json"):
        assert (tmp_path / "out" / name).read_text() == (finished / name).read_text()


def test_a_folder_holds_one_study(study, data, tmp_path):
    with pytest.raises(ParameterError, match=r"another plan: n_posters \(was 1, is 0\) changed"):
        run(data, study[0], Relax2023Plan(n_clips=1, n_posters=0, effort=EFFORT))
    other = read_sounds_and_model(data, deep(torch.Generator().manual_seed(1)), study[1])
    with pytest.raises(ParameterError, match="another plan: model changed"):
        run_relax2023(other, study[0])
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(ParameterError, match="run of an earlier earwitness"):
        run(data, tmp_path, study[1])
    with locked(study[0]), pytest.raises(EarwitnessError, match="another run is at work there"):
        run(data, study[0], study[1])


def test_scenes_need_backgrounds(data, tmp_path):
    plan = Relax2023Plan(n_clips=0, n_scenes=1, backgrounds=("sea",), n_posters=0, effort=EFFORT)
    with pytest.raises(DataError, match="scenes need classes of events and of backgrounds"):
        run(data, tmp_path, plan)


def test_u_relax_keeps_the_certain_half(model, generator):
    item = model.features(noise_clip(generator))
    maps = {(made.method, made.family): made for made in make_maps(model, item, 0, n_masks=30, seed=0)}
    assert len(maps) == 12
    for family in ("random", "time", "frequency", "time_frequency"):
        whole, cut = maps["relax", family], maps["u_relax", family]
        certain = whole.uncertainty <= whole.uncertainty.median()
        assert torch.equal(cut.values[certain], (whole.values - whole.values.min())[certain])
        assert not cut.values[~certain].any()
        assert whole.doubt > 0
    assert certain_part(torch.ones(2, 2), torch.zeros(2, 2)).all()


def test_tables_know_what_is_better():
    rows = pd.DataFrame([
        {"part": "clips", "method": "relax", "masks": masks, "clip": f"{k}", "contrast": lead + 0.01 * k,
         "doubt": doubt, "sensitivity": doubt, "random_weights": doubt}
        for masks, lead, doubt in (("random", 0.1, 0.3), ("time", 0.3, 0.1), ("frequency", 0.2, 0.2))
        for k in range(4)])
    summary = summarise_checks(rows)
    assert summary["contrast"].tolist() == pytest.approx([0.115, 0.315, 0.215])
    assert (summary["contrast_low"] < summary["contrast"]).all()
    table = ranks(summary)
    assert table[table["check"] == "faithful"][["random", "time", "frequency"]].to_numpy().tolist() == [[3, 1, 2]]
    assert table[table["check"] == "all"]["agreement"].item() == 1
    text = as_markdown(summary)
    assert "| relax | time | **0.315 [" in text
    assert text.count("**0.100 [") == 3


def test_concordance_is_nothing_for_opposite_judges():
    assert concordance(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])) == 0


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    assert main(["study", "relax2023", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "expected folders such as Aslan" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
