"""What the study writes down: accuracy, rows, summary, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from earwitness.core.atomic_files import replacing
from earwitness.experiments.run import Finished
from earwitness.frontends import FrontEnd
from earwitness.report.markdown import markdown_head, markdown_row
from earwitness.studies.outcome import write_failures
from earwitness.studies.relax2023.classifier import Accuracy, FittedClassifier, fit_classifier, measure_accuracy
from earwitness.studies.relax2023.figures import draw_flipping, draw_poster
from earwitness.studies.relax2023.labelled import LabelledClips
from earwitness.studies.relax2023.sounds import Subject
from earwitness.studies.relax2023.tables import as_markdown, ranks, summarise_checks

if TYPE_CHECKING:
    import pandas as pd


def write_accuracy(
    out_dir: Path, data: LabelledClips, embeddings: Tensor, split: str
) -> tuple[Accuracy, FittedClassifier]:
    """Fit the classifier on the training part of a split, test it, and write ``accuracy-SPLIT.json``.

    Args:
        out_dir: folder to write to.
        data: recordings and splits.
        embeddings: (n, dim), of all recordings.
        split: "fair" or "leaky".
    """
    folds = data.fair if split == "fair" else data.leaky
    train, test = data.part(folds, test=False), data.part(folds, test=True)
    groups = data.groups if split == "fair" else range(len(data.paths))
    fitted = fit_classifier(embeddings[train], [data.targets[k] for k in train], [groups[k] for k in train])
    accuracy = measure_accuracy(fitted, embeddings[test], [data.targets[k] for k in test], data.labels)
    low, high = accuracy.interval
    content: dict[str, Any] = {
        "split": split, "accuracy": accuracy.share, "low": low, "high": high, "n_test": accuracy.n,
        "n_train": len(train),
        "strength": fitted.strength, "valid_accuracy": fitted.valid_accuracy, "recall": accuracy.recall,
        "precision": accuracy.precision, "labels": list(data.labels),
        "confusion": [list(row) for row in accuracy.confusion],
    }
    with replacing(out_dir / f"accuracy-{split}.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return accuracy, fitted


def write_relax2023(out_dir: Path, finished: Finished, *, title: str, seed: int) -> None:
    """Write rows, summary and ranks (CSV), ``summary.md``, the flipping curves, and failures where there are some."""
    write_failures(finished.failures, out_dir)
    rows = finished.tables["rows"].dropna(axis=1, how="all")
    if not len(rows):
        return
    summary = summarise_checks(rows, seed=seed)
    for name, table in (("rows", rows), ("summary", summary), ("ranks", ranks(summary))):
        _write(table, out_dir / f"{name}.csv")
    with replacing(out_dir / "summary.md") as path:
        path.write_text(f"{accuracy_words(out_dir)}\n{as_markdown(summary)}", "utf-8")
    for part, steps in finished.tables["curves"].groupby("part", sort=False):
        curves = [{str(curve): list(scores["score"]) for curve, scores in clip.groupby("curve", sort=False)}
                  for _, clip in steps.groupby("clip", sort=False)]
        draw_flipping(out_dir / "figures" / f"flipping-{part}.png", curves, f"{title}, {part}: {len(curves)} sounds")


def draw_posters(folder: Path, finished: Finished, subjects: Mapping[str, Subject], front_end: FrontEnd) -> None:
    """Draw the maps of those sounds that kept them, given by their tasks, as PNG of the tasks' names."""
    rows = finished.tables["rows"]
    for key, subject in subjects.items():
        own = rows[(rows["part"] == subject.part) & (rows["clip"] == subject.name)]
        if not len(own):  # it failed
            continue
        tensors = {name: torch.from_numpy(plane) for name, plane in finished.arrays[key].items()}
        about = own.iloc[0]
        draw_poster(folder / f"{key}.png", tensors.pop("spectrogram"), tensors, front_end,
                    f"{about['clip']}: {about['label']}, heard as {about['target']}")


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def accuracy_words(out_dir: Path) -> str:
    """Return both splits' accuracy and the fair split's confusion matrix as Markdown."""
    lines = markdown_head(["split", "accuracy", "95 % interval", "recordings tested", "within training", "C"])
    for split in ("fair", "leaky"):
        got = json.loads((out_dir / f"accuracy-{split}.json").read_text("utf-8"))
        lines.append(markdown_row([split, f"{got['accuracy']:.1%}", f"{got['low']:.1%} to {got['high']:.1%}",
                                   str(got["n_test"]), f"{got['valid_accuracy']:.1%}", f"{got['strength']:g}"]))
    got = json.loads((out_dir / "accuracy-fair.json").read_text("utf-8"))
    lines += ["", *markdown_head(["truth, fair split", *got["labels"], "recall", "precision"])]
    for label, row in zip(got["labels"], got["confusion"], strict=True):
        lines.append(markdown_row([label, *map(str, row), f"{got['recall'][label]:.1%}",
                                   f"{got['precision'][label]:.1%}"]))
    return "\n".join([*lines, ""])
