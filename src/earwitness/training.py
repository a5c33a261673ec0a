"""From a folder of labelled clips to a model that ``load_model`` reads: weights, card, learning curve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from safetensors.torch import save_file
from torch import Tensor, nn

from earwitness import audio, frontends
from earwitness.augment import Augmentation
from earwitness.backgrounds import make_backgrounds
from earwitness.datasets import esc50
from earwitness.errors import DataError, ParameterError, WeightsError, unknown_name
from earwitness.fitting import (
    CHECKPOINT,
    Epoch,
    FitResult,
    FitSettings,
    LabelledFeatures,
    borrowed_rng,
    copy_of,
    fit,
    predict,
    write_whole,
)
from earwitness.frontends import FrontEnd
from earwitness.models.catalogue import ARCHITECTURES
from earwitness.models.weights import FRONT_END_PREFIXES, read_state_dict

__all__ = ["PUBLISHED_RECIPE", "SMALL_RECIPE", "Augmentation", "FitResult", "FitSettings", "LabelledFeatures", "Split",
           "fit", "load_features", "start_network", "train_classifier"]

WINDOW_S = 5.0
MADE_UP_BACKGROUNDS = 60
REPLACEABLE = ("bn0.", "fc_audioset.", "classify.")

PUBLISHED_RECIPE = FitSettings()
SMALL_RECIPE = FitSettings(
    epochs=80, batch=32, learning_rate=2e-3, optimiser="adamw", weight_decay=0.02, schedule="cosine",
    label_smoothing=0.05, average=0.98, autocast=True,
    augmentation=Augmentation(
        roll=True, stretch=0.2, shift_rows=3, gain_db=6, eq_db=6, mix_share=0.7, background_share=0.4,
        max_rows=10, max_frames=60,
    ),
)


@dataclass(frozen=True)
class Split:
    """Which folds train, choose the best epoch, and test.

    >>> Split().rotated(1)
    Split(train=(2, 3, 4), valid=(5,), test=(1,))
    """

    train: tuple[int, ...] = (1, 2, 3)
    valid: tuple[int, ...] = (4,)
    test: tuple[int, ...] = (5,)

    def __post_init__(self) -> None:
        folds = [*self.train, *self.valid, *self.test]
        if len(set(folds)) < len(folds) or not (self.train and self.valid and self.test):
            raise ParameterError(f"train={self.train}, valid={self.valid}, test={self.test}; "
                                 "expected at least one fold in each and none in two")

    def rotated(self, by: int) -> Split:
        """Return the split with every fold number moved on, for cross-validation over all folds."""
        folds = sorted([*self.train, *self.valid, *self.test])
        onward = {fold: folds[(place + by) % len(folds)] for place, fold in enumerate(folds)}
        return Split(*(tuple(sorted(onward[fold] for fold in part)) for part in (self.train, self.valid, self.test)))


def train_classifier(
    data_dir: Path,
    out_dir: Path,
    *,
    arch: str,
    front_end: FrontEnd,
    settings: FitSettings,
    init: Path | None = None,
    split: Split | None = None,
    resume: bool = False,
    weights_dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a classifier on a data set in ESC-50's layout, test it, and write the model into a folder.

    Clips are resampled, brought to peak 1 and cut or padded with silence to 5 s.

    Args:
        data_dir: see ``datasets.esc50.read``.
        out_dir: gets ``model.safetensors``, ``card.json``, ``learning_curve.png`` and the checkpoint.
        arch: "small" or "cnn14".
        front_end: what the network hears through.
        settings: the recipe, e.g. ``PUBLISHED_RECIPE`` or ``SMALL_RECIPE``.
        init: weights to start from; a first or last layer of another size starts anew.
        split: folds; None means 1-3, 4 and 5.
        resume: continue the checkpoint in ``out_dir``.
        weights_dtype: of the file; the test is measured after the cast.
        progress: shows the loading and the epochs, if given.

    Returns:
        The card as plain values; ``load_model(out_dir)`` reads it.

    Raises:
        DataError: the data set is not as documented.
        ParameterError: unknown ``arch``, a value out of range, or a checkpoint is there without ``resume``.
        WeightsError: ``init`` or the checkpoint does not fit.

    Source: Pak & Teryokhina 2025, sec. III-A (with ``PUBLISHED_RECIPE``). Differs: see ``FitSettings``.
    """
    split = split or Split()
    if arch not in ("small", "cnn14"):
        raise unknown_name("arch", arch, ("small", "cnn14"))
    out_dir.mkdir(parents=True, exist_ok=True)
    if (out_dir / CHECKPOINT).exists() and not resume:
        raise ParameterError(f"{out_dir / CHECKPOINT} is there already; resume it, delete it or use another folder")
    data = esc50.read(data_dir)
    train, valid, test = (
        load_features(data.of_folds(folds), front_end, progress=progress, what=what)
        for what, folds in (("training", split.train), ("validation", split.valid), ("test", split.test)))
    arch_settings = {"n_classes": len(data.labels), "n_bins": front_end.n_bins}
    network = start_network(arch, arch_settings, init=init, seed=settings.seed)
    result = _fit_with_progress(
        network, train, valid, settings=settings, out_dir=out_dir, progress=progress,
        backgrounds=_backgrounds(train, data.labels, front_end, settings))
    _write_weights(out_dir / "model.safetensors", network, weights_dtype)
    card = {
        "name": out_dir.resolve().name,
        "summary": f"{len(data.labels)} classes of {data_dir.resolve().name}; {arch} on {type(front_end).__name__}",
        "origin": "trained with earwitness", "licence": "that of its training data", "arch": arch,
        "front_end": frontends.describe(front_end), "weights": "model.safetensors",
        "checksum": _checksum(out_dir / "model.safetensors"), "arch_settings": arch_settings,
        "labels": list(data.labels), "activation": "softmax", "window_s": WINDOW_S, "normalise": "peak",
        "credits": f"the recordings of {data_dir.resolve().name} and their makers",
        "data": f"{len(train)} clips to train, {len(valid)} to choose the best epoch, {len(test)} to test",
        "training": {**asdict(settings), "init": None if init is None else init.name, **asdict(split)},
        "measured": _measure(network, test, data.labels, split, result),
    }
    write_whole(out_dir / "learning_curve.png", lambda path: draw_learning_curve(result, path))
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_whole(out_dir / "card.json", lambda path: path.write_text(text, encoding="utf-8"))
    return card


def load_features(
    recordings: Sequence[esc50.Recording], front_end: FrontEnd, *, progress: Progress | None = None, what: str = ""
) -> LabelledFeatures:
    """Return the features of clips: resampled, peak 1, 5 s.

    Args:
        recordings: the clips, all on disk.
        front_end: waveform -> features.
        progress: shows how far it is, if given.
        what: which clips they are, for the progress bar.
    """
    length = round(WINDOW_S * front_end.sample_rate_hz)
    steps: Iterable[esc50.Recording] = recordings
    if progress is not None:
        steps = progress.track(recordings, description=f"reading {what} clips")
    values = []
    for recording in steps:
        clip = audio.resample(audio.load(recording.path), front_end.sample_rate_hz)
        values.append(front_end(audio.fit_length(audio.normalise(clip.waveform, "peak"), length)[None]).values)
    return LabelledFeatures(torch.cat(values), torch.tensor([recording.target for recording in recordings]))


def start_network(arch: str, arch_settings: dict[str, Any], *, init: Path | None, seed: int) -> nn.Module:
    """Build a network with weights drawn from a seed, then take over those of a file.

    Args:
        arch: key of ``ARCHITECTURES``.
        arch_settings: its arguments.
        init: weights, e.g. PANNs' checkpoint; None keeps the drawn ones. The first norm and the last layer are
            left out where their sizes differ, all else must fit.
        seed: of the draw.

    Raises:
        WeightsError: the file is damaged or does not fit.
    """
    with borrowed_rng(seed):
        network = ARCHITECTURES[arch](**arch_settings)
    if init is None:
        return network
    own = network.state_dict()
    given = {name: value for name, value in read_state_dict(init).items() if not name.startswith(FRONT_END_PREFIXES)}
    other_size = {name for name in own if name not in given or given[name].shape != own[name].shape}
    other_size |= {name for name in given if name not in own}
    left_out = tuple(prefix for prefix in REPLACEABLE if any(name.startswith(prefix) for name in other_size))
    wrong = sorted(name for name in other_size if not name.startswith(left_out or "\0")
                   and not name.endswith("num_batches_tracked"))
    if wrong:
        raise WeightsError(f"{init}: {wrong[0]} and {len(wrong) - 1} more do not fit {arch} with {arch_settings}; "
                           "expected weights of the same architecture")
    network.load_state_dict({name: value for name, value in given.items()
                             if name in own and not name.startswith(left_out or "\0")}, strict=False)
    return network


def draw_learning_curve(result: FitResult, path: Path) -> None:
    """Draw loss and validation accuracy of every epoch into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    losses = figure.add_subplot()
    accuracy = losses.twinx()
    numbers = [epoch.number for epoch in result.history]
    losses.plot(numbers, [epoch.train_loss for epoch in result.history], color="#9a5b00", label="training loss")
    losses.plot(numbers, [epoch.valid_loss for epoch in result.history], color="#9a5b00", linestyle=":",
                label="validation loss")
    accuracy.plot(numbers, [100 * epoch.valid_accuracy for epoch in result.history], color="#00579a",
                  label="validation accuracy")
    accuracy.axvline(result.best_epoch, color="#666666", linewidth=0.8, label=f"best epoch, {result.best_epoch}")
    losses.set(xlabel="epoch", ylabel="cross-entropy, nats")
    accuracy.set(ylabel="accuracy, %", ylim=(0, 101))
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=130, format="png")


def _backgrounds(
    train: LabelledFeatures, labels: Sequence[str], front_end: FrontEnd, settings: FitSettings
) -> Tensor | None:
    wanted = settings.augmentation.background_labels
    unknown = [label for label in wanted if label not in labels]
    if unknown:
        raise unknown_name("background label", unknown[0], labels)
    if not settings.augmentation.background_share:
        return None
    generator = torch.Generator().manual_seed(settings.seed)
    made_up = make_backgrounds(front_end, count=MADE_UP_BACKGROUNDS, duration_s=WINDOW_S, generator=generator)
    if made_up.shape[1:] != train.values.shape[1:]:
        raise DataError(f"backgrounds have shape {tuple(made_up.shape)}, clips {tuple(train.values.shape)}")
    lasting = torch.isin(train.targets, torch.tensor([list(labels).index(label) for label in wanted], dtype=torch.long))
    return torch.cat([made_up, train.values[lasting]])


def _fit_with_progress(
    network: nn.Module, train: LabelledFeatures, valid: LabelledFeatures, *, settings: FitSettings,
    backgrounds: Tensor | None, out_dir: Path, progress: Progress | None,
) -> FitResult:
    if progress is None:
        return fit(network, train, valid, settings=settings, backgrounds=backgrounds, out_dir=out_dir)
    task = progress.add_task("training", total=settings.epochs)

    def show(epoch: Epoch) -> None:
        text = f"training: loss {epoch.train_loss:.3f}, validation accuracy {epoch.valid_accuracy:.1%}"
        progress.update(task, completed=epoch.number, description=text)

    return fit(network, train, valid, settings=settings, backgrounds=backgrounds, out_dir=out_dir, on_epoch=show)


def _write_weights(path: Path, network: nn.Module, dtype: torch.dtype) -> None:
    """Write the weights in ``dtype`` and give the network what the file says."""
    state = {name: value.to(dtype).contiguous() for name, value in copy_of(network.state_dict()).items()
             if value.is_floating_point()}
    write_whole(path, lambda temporary: save_file(state, temporary))
    network.load_state_dict(state, strict=False)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _measure(
    network: nn.Module, test: LabelledFeatures, labels: Sequence[str], split: Split, result: FitResult
) -> dict[str, Any]:
    right = predict(network, test.values).argmax(1) == test.targets
    recall = {label: round(float(right[test.targets == k].float().mean()), 4)
              for k, label in enumerate(labels) if bool((test.targets == k).any())}
    return {
        "test_accuracy": round(float(right.float().mean()), 4), "test_fold": list(split.test), "n_test": len(test),
        "valid_accuracy": round(result.history[result.best_epoch - 1].valid_accuracy, 4),
        "best_epoch": result.best_epoch, "per_class_recall": recall,
    }
