"""What the study writes down: accuracy, rows, summary, figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from earwitness.core.atomic_files import replacing
from earwitness.studies.relax2023.classifier import Accuracy, FittedClassifier, fit_classifier, measure_accuracy
from earwitness.studies.relax2023.figures import draw_flipping
from earwitness.studies.relax2023.labelled import LabelledClips
from earwitness.studies.relax2023.tables import as_markdown, ranks, summarise_checks


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
    found = measure_accuracy(fitted, embeddings[test], [data.targets[k] for k in test], data.labels)
    low, high = found.interval
    content: dict[str, Any] = {
        "split": split, "accuracy": found.share, "low": low, "high": high, "n_test": found.n, "n_train": len(train),
        "strength": fitted.strength, "valid_accuracy": fitted.valid_accuracy, "recall": found.recall,
        "precision": found.precision, "labels": list(data.labels), "confusion": [list(row) for row in found.confusion],
    }
    with replacing(out_dir / f"accuracy-{split}.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return found, fitted


def write_relax2023(out_dir: Path, *, title: str, seed: int) -> None:
    """Gather the answers of all sounds into rows, summary and ranks (CSV), ``summary.md`` and figures."""
    import pandas as pd

    answers = [json.loads(path.read_text("utf-8")) for path in sorted((out_dir / "parts").glob("*.json"))]
    if not answers:
        return
    rows = pd.DataFrame([row for answer in answers for row in answer["rows"]])
    summary = summarise_checks(rows, seed=seed)
    for name, table in (("rows", rows), ("summary", summary), ("ranks", ranks(summary))):
        with replacing(out_dir / f"{name}.csv") as path:
            table.to_csv(path, index=False, float_format="%.6g")
    with replacing(out_dir / "summary.md") as path:
        path.write_text(f"{accuracy_words(out_dir)}\n{as_markdown(summary)}", "utf-8")
    for part in rows["part"].unique():
        curves = [answer["curves"] for answer in answers if answer["rows"][0]["part"] == part]
        draw_flipping(out_dir / "figures" / f"flipping-{part}.png", curves, f"{title}, {part}: {len(curves)} sounds")


def accuracy_words(out_dir: Path) -> str:
    """Return both splits' accuracy and the fair split's confusion matrix as Markdown."""
    lines = ["| split | accuracy | 95 % interval | recordings tested | within training | C |", "|---" * 6 + "|"]
    for split in ("fair", "leaky"):
        got = json.loads((out_dir / f"accuracy-{split}.json").read_text("utf-8"))
        lines.append(f"| {split} | {got['accuracy']:.1%} | {got['low']:.1%} to {got['high']:.1%} | {got['n_test']} | "
                     f"{got['valid_accuracy']:.1%} | {got['strength']:g} |")
    got = json.loads((out_dir / "accuracy-fair.json").read_text("utf-8"))
    lines += ["", f"| truth, fair split | {' | '.join(got['labels'])} | recall | precision |",
              "|---" * (len(got["labels"]) + 3) + "|"]
    for label, row in zip(got["labels"], got["confusion"], strict=True):
        lines.append(f"| {label} | {' | '.join(str(count) for count in row)} | {got['recall'][label]:.1%} | "
                     f"{got['precision'][label]:.1%} |")
    return "\n".join([*lines, ""])
