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
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.datasets import esc50
from earwitness.frontends import FrontEnd
from earwitness.training.augment import SILENCE_DB
from earwitness.training.backgrounds import make_backgrounds
from earwitness.training.calibration import best_temperature, divide_logits
from earwitness.training.curve import draw_learning_curve
from earwitness.training.fitting import CHECKPOINT, copy_of, fit, predict
from earwitness.training.settings import Epoch, FitResult, FitSettings, LabelledFeatures
from earwitness.training.start import start_network

WINDOW_S = 5.0
MADE_UP_BACKGROUNDS = 60


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
        onward = {fold: folds[(index + by) % len(folds)] for index, fold in enumerate(folds)}
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
    _check(arch, front_end, out_dir, resume=resume)
    make_folder(out_dir)
    data = esc50.read_esc50(data_dir)
    train, valid, test = (
        load_features(data.of_folds(folds), front_end, progress=progress, what=what)
        for what, folds in (("training", split.train), ("validation", split.valid), ("test", split.test)))
    arch_settings = {"n_classes": len(data.labels), "n_bins": front_end.n_bins}
    network = start_network(arch, arch_settings, init=init, seed=settings.seed)
    result = _fit_with_progress(
        network, train, valid, settings=settings, out_dir=out_dir, progress=progress,
        backgrounds=_backgrounds(train, data.labels, front_end, settings))
    temperature = _calibrate(network, valid) if settings.calibrate else 1.0
    write_weights(out_dir / "model.safetensors", network, weights_dtype)
    card = {
        "name": out_dir.resolve().name, "arch": arch, "arch_settings": arch_settings,
        "summary": f"{len(data.labels)} classes of {data_dir.resolve().name}; {arch} on {type(front_end).__name__}",
        "origin": "trained with earwitness", "licence": "that of its training data",
        "credits": f"the recordings of {data_dir.resolve().name} and their makers",
        "data": f"{len(train)} clips to train, {len(valid)} to choose the best epoch, {len(test)} to test",
        "front_end": frontends.describe_front_end(front_end), "window_s": WINDOW_S, "normalise": "peak",
        "labels": list(data.labels), "activation": "softmax",
        "weights": "model.safetensors", "checksum": checksum(out_dir / "model.safetensors"),
        "training": {**asdict(settings), **asdict(split), "init": None if init is None else init.name,
                     "temperature": temperature},
        "measured": _measure(network, test, data.labels, split, result),
    }
    with replacing(out_dir / "learning_curve.png") as path:
        draw_learning_curve(result, path)
    write_card(out_dir / "card.json", card)
    return card


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a model card as JSON, whole or not at all."""
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def load_features(
    recordings: Sequence[esc50.Esc50Recording], front_end: FrontEnd, *, progress: Progress | None = None, what: str = ""
) -> LabelledFeatures:
    """Return the features of clips: resampled, peak 1, 5 s.

    Args:
        recordings: the clips, all on disk.
        front_end: waveform -> features.
        progress: shows how far it is, if given.
        what: which clips they are, for the progress bar.
    """
    length = round(WINDOW_S * front_end.sample_rate_hz)
    steps: Iterable[esc50.Esc50Recording] = recordings
    if progress is not None:
        steps = progress.track(recordings, description=f"reading {what} clips")
    values = []
    for recording in steps:
        clip = audio.resample(audio.load(recording.path), front_end.sample_rate_hz)
        values.append(front_end(audio.fit_length(audio.normalise(clip.waveform, "peak"), length)[None]).values)
    return LabelledFeatures(torch.cat(values), torch.tensor([recording.target for recording in recordings]))


def _check(arch: str, front_end: FrontEnd, out_dir: Path, *, resume: bool) -> None:
    if arch not in ("small", "cnn14"):
        raise unknown_name("arch", arch, ("small", "cnn14"))
    if front_end.silence != SILENCE_DB:
        raise ParameterError(f"silence of {type(front_end).__name__} is {front_end.silence:.3f}; expected "
                             f"{SILENCE_DB:.0f} dB, as of MelDb and StftDb: the augmentation fills with it")
    if (out_dir / CHECKPOINT).exists() and not resume:
        raise ParameterError(f"{out_dir / CHECKPOINT} is there already; resume it, delete it or use another folder")


def _backgrounds(
    train: LabelledFeatures, labels: Sequence[str], front_end: FrontEnd, settings: FitSettings
) -> Tensor | None:
    background_labels = settings.augmentation.background_labels
    unknown = [label for label in background_labels if label not in labels]
    if unknown:
        raise unknown_name("background label", unknown[0], labels)
    if not settings.augmentation.background_share:
        return None
    generator = torch.Generator().manual_seed(settings.seed)
    made_up = make_backgrounds(front_end, count=MADE_UP_BACKGROUNDS, duration_s=WINDOW_S, generator=generator)
    indices = [list(labels).index(label) for label in background_labels]
    lasting = torch.isin(train.targets, torch.tensor(indices, dtype=torch.long))
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


def _calibrate(network: nn.Module, valid: LabelledFeatures) -> float:
    temperature = best_temperature(predict(network, valid.values), valid.targets)
    divide_logits(network, temperature)
    return temperature


def write_weights(path: Path, network: nn.Module, dtype: torch.dtype) -> None:
    """Write the weights in ``dtype`` and give the network what the file says."""
    state = {name: value.to(dtype).contiguous() for name, value in copy_of(network.state_dict()).items()
             if value.is_floating_point()}
    with replacing(path) as temporary:
        save_file(state, temporary)
    network.load_state_dict(state, strict=False)


def checksum(path: Path) -> str:
    """Return the checksum of a file as cards have it."""
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
