import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from earwitness.core.atomic_files import replacing
from earwitness.core.errors import ParameterError, WeightsError
from earwitness.frontends import StftDb, VggishLogMel
from earwitness.models.catalogue import ARCHITECTURES
from earwitness.models.networks.band_norm import BandNorm
from earwitness.models.networks.small_cnn import SmallCnn
from earwitness.training import (
    PUBLISHED_RECIPE,
    FitSettings,
    LabelledFeatures,
    Split,
    load_features,
    start_network,
    train_classifier,
)
from earwitness.training.augment import Augmentation
from earwitness.training.fitting import CHECKPOINT, borrowed_rng, fit, predict

SETTINGS = FitSettings(
    epochs=4, batch=5, learning_rate=3e-3, optimiser="adamw", schedule="cosine", average=0.8, seed=3, mix_until=0.5,
    augmentation=Augmentation(roll=True, stretch=0.1, shift_rows=1, gain_db=3, eq_db=3, mix_share=0.5,
                              background_share=0.5, max_rows=2, max_frames=3),
)
FRONT_END = StftDb(2000, 64, 64)


class Stop(Exception):
    """Raised in place of a kill."""


def bars(n, seed):
    """Clips with one loud row in the lower (class 0) or upper half (class 1)."""
    generator = torch.Generator().manual_seed(seed)
    values = 5 * torch.randn(n, 8, 12, generator=generator) - 60
    targets = torch.arange(n) % 2
    for k in range(n):
        values[k, 2 + 4 * int(targets[k])] += 40
    return LabelledFeatures(values, targets)


def small(seed=0):
    with borrowed_rng(seed):
        return SmallCnn(2, 8, channels=(4, 8), stem_stride=(1, 2), dropout=0.3)


def run(network, settings=SETTINGS, **arguments):
    backgrounds = bars(3, 9).values - 10
    return fit(network, bars(14, 0), bars(6, 1), settings=settings, backgrounds=backgrounds, **arguments)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns():
    network = small()
    settings = FitSettings(epochs=15, batch=8, learning_rate=1e-2, augmentation=Augmentation())
    result = fit(network, bars(32, 0), bars(16, 1), settings=settings)
    assert result.history[-1].train_loss < 0.3 * result.history[0].train_loss
    assert float((predict(network, bars(40, 2).values).argmax(1) == bars(40, 2).targets).float().mean()) == 1.0


def test_same_seed_same_weights_and_another_seed_others():
    first, second, other = (run(small(), settings).state_dict for settings in (
        SETTINGS, SETTINGS, replace(SETTINGS, seed=4)))
    assert same(first, second)
    assert not same(first, other)


def test_global_rng_and_training_clips_are_untouched():
    train = bars(14, 0)
    before, values = torch.random.get_rng_state(), train.values.clone()
    fit(small(), train, bars(6, 1), settings=SETTINGS)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(train.values, values)


@pytest.mark.parametrize("killed_after", [1, 3])
def test_killed_and_resumed_is_uninterrupted(tmp_path, killed_after):
    expected = run(small())

    def kill(epoch):
        if epoch.number == killed_after:
            raise Stop

    with pytest.raises(Stop):
        run(small(), out_dir=tmp_path, on_epoch=kill)
    resumed = run(small(seed=8), out_dir=tmp_path)  # the checkpoint, not the start, decides
    assert resumed.history == expected.history
    assert resumed.best_epoch == expected.best_epoch
    assert same(resumed.state_dict, expected.state_dict)


def test_a_finished_run_is_not_run_again(tmp_path):
    expected, epochs = run(small(), out_dir=tmp_path), []
    again = run(small(seed=8), out_dir=tmp_path, on_epoch=epochs.append)
    assert not epochs
    assert same(again.state_dict, expected.state_dict)


def test_best_epoch_is_kept_by_copy():
    network, seen = small(), {}
    settings = FitSettings(epochs=6, batch=7, learning_rate=0.3, augmentation=Augmentation())

    def look(epoch):
        seen[epoch.number] = {name: value.clone() for name, value in network.state_dict().items()}

    result = fit(network, bars(14, 0), bars(6, 1), settings=settings, on_epoch=look)
    ranks = [(epoch.valid_accuracy, -epoch.valid_loss) for epoch in result.history]
    assert result.best_epoch == 1 + ranks.index(max(ranks))
    assert same(result.state_dict, seen[result.best_epoch])
    assert same(network.state_dict(), seen[result.best_epoch])


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(tmp_path):
    run(small(), out_dir=tmp_path)
    with pytest.raises(WeightsError, match="made with"):
        run(small(), replace(SETTINGS, batch=6), out_dir=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        run(small(), out_dir=tmp_path)


def test_a_checkpoint_is_whole_or_absent(tmp_path):
    (tmp_path / "file").write_text("old")

    def fail(path):
        path.write_text("half")
        raise OSError

    def write():
        with replacing(tmp_path / "file") as temporary:
            fail(temporary)

    with pytest.raises(OSError):  # noqa: PT011
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"optimiser": "adm"}, "did you mean 'adam'"), ({"schedule": "cos"}, "unknown schedule"),
     ({"epochs": 0}, "epochs=0"), ({"learning_rate": -1.0}, "expected positive")],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        run(small(), replace(SETTINGS, **change))


def test_the_published_recipe_is_the_default():
    assert (PUBLISHED_RECIPE.optimiser, PUBLISHED_RECIPE.learning_rate, PUBLISHED_RECIPE.batch) == ("adam", 1e-4, 32)
    assert (PUBLISHED_RECIPE.epochs, PUBLISHED_RECIPE.schedule, PUBLISHED_RECIPE.label_smoothing) == (20, "constant", 0)
    assert PUBLISHED_RECIPE.augmentation == Augmentation(max_rows=10, max_frames=20)


def test_a_batch_of_one_clip_does_not_stop_the_run():
    assert len(fit(small(), bars(6, 0), bars(4, 1), settings=FitSettings(epochs=1, batch=5)).history) == 1


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Two classes, five folds: a low and a high tone in noise."""
    folder = tmp_path_factory.mktemp("tones")
    (folder / "audio").mkdir()
    (folder / "meta").mkdir()
    rng, lines = np.random.default_rng(0), ["filename,fold,target,category"]
    for fold in range(1, 6):
        for target, hz in ((0, 150.0), (7, 700.0)):
            for take in "AB":
                name = f"{fold}-{take}-{target}.wav"
                t = np.arange(4000) / 2000
                sound = 0.5 * np.sin(2 * np.pi * hz * t) + 0.02 * rng.standard_normal(t.size)
                soundfile.write(folder / "audio" / name, sound, 2000)
                lines.append(f"{name},{fold},{target},{'low' if target == 0 else 'high'}")
    (folder / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    return folder


QUICK = FitSettings(epochs=24, batch=6, learning_rate=1e-2,
                    augmentation=Augmentation(roll=True, background_share=0.3, background_labels=("low",)),
                    calibrate=True)


def test_a_folder_of_clips_becomes_a_model(data_dir, tmp_path):
    from earwitness import audio
    from earwitness.models.catalogue import load_model

    card = train_classifier(data_dir, tmp_path / "tones", arch="small", front_end=FRONT_END, settings=QUICK)
    assert card["labels"] == ["low", "high"]
    assert card["measured"]["test_accuracy"] == 1.0
    assert card["measured"]["per_class_recall"] == {"low": 1.0, "high": 1.0}
    assert card["measured"]["n_test"] == 4
    assert json.loads((tmp_path / "tones" / "card.json").read_text()) == json.loads(json.dumps(card))
    assert (tmp_path / "tones" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    model = load_model(tmp_path / "tones")
    chances = model.probabilities(audio.load(data_dir / "audio" / "5-A-7.wav"))
    assert model.labels[int(chances.argmax())] == "high"


def test_a_second_run_needs_resume(data_dir, tmp_path):
    first = train_classifier(data_dir, tmp_path, arch="small", front_end=FRONT_END, settings=QUICK)
    with pytest.raises(ParameterError, match="resume it, delete it or use another folder"):
        train_classifier(data_dir, tmp_path, arch="small", front_end=FRONT_END, settings=QUICK)
    again = train_classifier(data_dir, tmp_path, arch="small", front_end=FRONT_END, settings=QUICK, resume=True)
    assert again == first


def test_half_precision_weights_are_half_the_size(data_dir, tmp_path):
    for name, dtype in (("half", torch.float16), ("whole", torch.float32)):
        train_classifier(data_dir, tmp_path / name, arch="small", front_end=FRONT_END, weights_dtype=dtype,
                         settings=FitSettings(epochs=1))
    half, whole = ((tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "whole"))
    assert half < 0.52 * whole


def test_progress_is_shown_when_asked(data_dir, tmp_path):
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(quiet=True)) as progress:
        train_classifier(data_dir, tmp_path, arch="small", front_end=FRONT_END, settings=QUICK, progress=progress)
    training = progress.tasks[-1]
    assert training.finished
    assert "validation accuracy" in training.description


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"arch": "smal"}, "did you mean 'small'"),
     ({"settings": FitSettings(augmentation=Augmentation(background_share=1, background_labels=("hum",)))},
      "unknown background label"),
     ({"front_end": VggishLogMel()}, r"silence of VggishLogMel is -4\.605; expected -100 dB")],
)
def test_wrong_arguments_are_refused(data_dir, tmp_path, arguments, message):
    arguments = {"arch": "small", "front_end": FRONT_END, "settings": QUICK, **arguments}
    with pytest.raises(ParameterError, match=message):
        train_classifier(data_dir, tmp_path, **arguments)


def test_split_rotates_through_all_folds():
    splits = [Split().rotated(k) for k in range(5)]
    assert splits[0] == Split()
    assert sorted(split.test[0] for split in splits) == sorted(split.valid[0] for split in splits) == [1, 2, 3, 4, 5]
    with pytest.raises(ParameterError, match="none in two"):
        Split(train=(1, 2), valid=(2,))


def test_first_and_last_layer_start_anew_where_sizes_differ(tmp_path):
    path = tmp_path / "weights.pt"
    given = start_network("small", {"n_classes": 5, "n_bins": 64}, init=None, seed=1)
    torch.save({"model": given.state_dict()}, path)
    taken = start_network("small", {"n_classes": 3, "n_bins": 80}, init=path, seed=2)
    assert torch.equal(taken.features[0].weight, given.features[0].weight)
    assert taken.classify.out_features == 3
    assert taken.bn0.num_features == 80
    same_size = start_network("small", {"n_classes": 5, "n_bins": 64}, init=path, seed=2)
    assert same(dict(same_size.state_dict()), dict(given.state_dict()))


def test_weights_of_another_architecture_are_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError, match="expected weights of the same architecture"):
        start_network("small", {"n_classes": 5, "n_bins": 64}, init=path, seed=0)


def test_clips_are_brought_to_peak_one_and_five_seconds(data_dir):
    from earwitness import audio
    from earwitness.datasets import esc50

    recordings = esc50.read_esc50(data_dir).recordings[:1]
    clip = audio.load(recordings[0].path)
    expected = FRONT_END(audio.fit_length(clip.waveform / clip.waveform.abs().max(), 10000)[None]).values
    torch.testing.assert_close(load_features(recordings, FRONT_END).values, expected)


class TinyPanns(torch.nn.Module):
    """The names of Cnn14's first and last layer around one convolution."""

    def __init__(self, n_classes, n_bins):
        super().__init__()
        self.bn0 = BandNorm(n_bins)
        self.conv = torch.nn.Conv1d(n_bins, 4, 1)
        self.mix = torch.nn.Linear(4, 4)
        self.fc_audioset = torch.nn.Linear(4, n_classes)

    def forward(self, features):
        return self.fc_audioset(self.mix(self.conv(self.bn0(features)).amax(2)))


def test_the_published_recipe_starts_from_a_published_checkpoint(data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "cnn14", TinyPanns)
    with borrowed_rng(5):
        published = TinyPanns(527, 33).state_dict()
    published["bn0.running_mean"].fill_(-50.0)
    published["spectrogram_extractor.stft.conv_real.weight"] = torch.ones(2)
    torch.save({"model": published}, tmp_path / "Cnn14.pth")
    network = start_network("cnn14", {"n_classes": 2, "n_bins": 33}, init=tmp_path / "Cnn14.pth", seed=0)
    assert torch.equal(network.mix.weight, published["mix.weight"])
    assert torch.equal(network.bn0.running_mean, published["bn0.running_mean"])
    assert network.fc_audioset.out_features == 2
    card = train_classifier(data_dir, tmp_path / "out", arch="cnn14", front_end=FRONT_END, init=tmp_path / "Cnn14.pth",
                            settings=replace(PUBLISHED_RECIPE, epochs=2))
    assert card["training"]["init"] == "Cnn14.pth"
    assert card["arch"] == "cnn14"
