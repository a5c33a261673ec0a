import json

import numpy as np
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.cli import main


@pytest.fixture
def data_dir(tmp_path):
    """Two classes, five folds, in ESC-50's layout: low and high noises of 5 s."""
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rng = np.random.default_rng(0)
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in range(1, 6):
        for target, category in ((3, "low"), (9, "high")):
            name = f"{fold}-1-A-{target}.wav"
            sound = rng.standard_normal(40000)
            sound = np.cumsum(sound) if category == "low" else np.diff(sound, prepend=0)
            soundfile.write(folder / "audio" / name, 0.5 * sound / np.abs(sound).max(), 8000)
            rows.append(f"{name},{fold},{target},{category},True,1,A")
    (folder / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_train_writes_a_model_that_explain_uses(capsys, tmp_path, data_dir):
    assert main(["train", "--data", str(data_dir), "--out", str(tmp_path / "mine"), "--epochs", "2", "--mix", "0"]) == 0
    out = capsys.readouterr().out
    assert "test accuracy" in out
    assert "high: recall" in out
    assert {"model.safetensors", "card.json", "learning_curve.png"} <= {p.name for p in (tmp_path / "mine").iterdir()}
    clip = data_dir / "audio" / "5-1-A-9.wav"
    words = ["explain", str(clip), "--model", str(tmp_path / "mine"), "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    (content,) = json.loads(capsys.readouterr().out)
    assert {p["label"] for p in content["sections"][0]["predictions"]} == {"low", "high"}


def test_the_published_recipe_runs_on_cnn14_from_a_panns_checkpoint(capsys, tmp_path, data_dir, parity_states):
    """Stand-in weights with the published names; one epoch of two steps; the whole command."""
    torch.save({"iteration": 600000, "model": parity_states("cnn14")}, tmp_path / "panns.pth")
    words = ["train", "--data", str(data_dir), "--arch", "cnn14", "--init", str(tmp_path / "panns.pth"),
             "--out", str(tmp_path / "mine"), "--epochs", "1", "--batch", "4"]
    assert main(words) == 0
    capsys.readouterr()
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert card["arch"] == "cnn14"
    assert card["training"]["learning_rate"] == 1e-4
    assert card["training"]["optimiser"] == "adam"
    model = ew.load_model(tmp_path / "mine")
    assert model.labels == ("low", "high")
    before = parity_states("cnn14")["conv_block1.conv1.weight"]
    change = (model.network.conv_block1.conv1.weight.detach() - before).abs()
    assert 0 < float(change.max()) < 1e-3  # two Adam steps of 1e-4 from the checkpoint


@pytest.mark.parametrize(("words", "message"), [
    (["--arch", "cnn15"], "unknown arch 'cnn15'; did you mean 'cnn14'"),
    (["--front-end", "mfcc"], "unknown front end 'mfcc'"),
    (["--epochs", "0"], "0 is not in the range"),
    (["--init", "missing.pth"], "no such file"),
])
def test_wrong_words_are_one_line(capsys, tmp_path, data_dir, words, message):
    assert main(["train", "--data", str(data_dir), "--out", str(tmp_path / "mine"), *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_in_another_layout_is_refused(capsys, tmp_path):
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "mine")]) == 2
    err = capsys.readouterr().err
    assert "esc50.csv" in err
    assert err.count("\n") == 1


def test_a_broken_checkpoint_is_one_line(capsys, tmp_path, data_dir):
    words = ["train", "--data", str(data_dir), "--out", str(tmp_path / "mine"), "--epochs", "1", "--batch", "4"]
    assert main(words) == 0
    path = tmp_path / "mine" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    torch.save(state | {"network": 5}, path)
    assert main([*words, "--resume"]) == 2
    path.unlink()
    path.mkdir()
    assert main([*words, "--resume"]) == 2
    err = capsys.readouterr().err
    assert err.count("not a checkpoint") == 2
    assert err.count("\n") == 2
