"""A simple classifier on embeddings: does the embedding hold what we want to know?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError
from earwitness.datasets.animals import grouped_folds
from earwitness.metrics.intervals import wilson_interval

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)
INNER_FOLDS = 4
MAX_STEPS = 2000


@dataclass(frozen=True, eq=False)
class FittedClassifier:
    """A logistic regression on standardised embeddings.

    Attributes:
        mean: of the training embeddings, (dim,).
        scale: their deviation, (dim,).
        weight: (classes, dim), for standardised embeddings.
        bias: (classes,).
        strength: C, the inverse of the penalty, chosen by cross-validation within the training part.
        valid_accuracy: mean accuracy of that cross-validation, 0..1.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    strength: float
    valid_accuracy: float

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return logits, (n, classes), of embeddings (n, dim)."""
        return ((embeddings - self.mean) / self.scale) @ self.weight.T + self.bias


class EmbeddingClassifier(nn.Module):
    """An encoder with a fitted classifier behind it, as one network: features in, logits out."""

    def __init__(self, encoder: nn.Module, fitted: FittedClassifier) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(fitted.weight.shape[1], fitted.weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(fitted.weight / fitted.scale)
            self.head.bias.copy_(fitted.bias - (fitted.weight / fitted.scale) @ fitted.mean)

    def embed(self, features: Tensor) -> Tensor:
        """Return the encoder's embeddings, (batch, dim)."""
        embedding: Tensor = self.encoder.embed(features)  # type: ignore[operator]
        return embedding

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, classes) of features (batch, freq, time)."""
        logits: Tensor = self.head(self.embed(features))
        return logits


@dataclass(frozen=True)
class Accuracy:
    """How often a classifier was right on recordings it had not seen.

    Attributes:
        n_right: recordings classified rightly.
        n: recordings tested.
        confusion: rows are the truth, columns the answer; counts.
        labels: class names.
    """

    n_right: int
    n: int
    confusion: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]

    @property
    def share(self) -> float:
        """Accuracy, 0..1."""
        return self.n_right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson)."""
        return wilson_interval(self.n_right, self.n)

    @property
    def recall(self) -> dict[str, float]:
        """Share of each class's recordings that were recognised; NaN where there were none."""
        return {label: row[k] / sum(row) if sum(row) else float("nan")
                for k, (label, row) in enumerate(zip(self.labels, self.confusion, strict=True))}

    @property
    def precision(self) -> dict[str, float]:
        """Share of the answers of each class that were right; NaN where there were none."""
        columns = list(zip(*self.confusion, strict=True))
        return {label: column[k] / sum(column) if sum(column) else float("nan")
                for k, (label, column) in enumerate(zip(self.labels, columns, strict=True))}


def fit_classifier(
    embeddings: Tensor, targets: Sequence[int], groups: Sequence[int], *, seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
) -> FittedClassifier:
    """Fit a logistic regression on standardised embeddings; its penalty is chosen within the given recordings.

    Args:
        embeddings: (n, dim), of the training part only.
        targets: class of each, 0..classes-1, every class at least once.
        groups: recordings that must not be on both sides of the inner splits.
        seed: of the inner splits.
        strengths: values of C to choose from; the smallest of the best is taken.

    Raises:
        ParameterError: lengths differ, or fewer than two classes.

    Source: Hammershøi et al. 2023 (a logistic classifier on VGGish embeddings). Differs: grouped cross-validation.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not len(embeddings) == len(targets) == len(groups) or len(set(targets)) < 2:
        raise ParameterError(f"{len(embeddings)} embeddings, {len(targets)} targets of {len(set(targets))} classes, "
                             f"{len(groups)} groups; expected as many of each and at least two classes")
    folds = torch.tensor(grouped_folds(targets, groups, n_folds=INNER_FOLDS, seed=seed))
    inner: list[tuple[Any, Any]] = [((folds != k).nonzero()[:, 0].numpy(), (folds == k).nonzero()[:, 0].numpy())
                                    for k in range(1, INNER_FOLDS + 1) if bool((folds == k).any())]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MAX_STEPS))
    search = GridSearchCV(pipeline, {"logisticregression__C": list(strengths)}, cv=inner)
    search.fit(embeddings.double().numpy(), list(targets))
    scaler, model = search.best_estimator_.named_steps.values()
    weight, bias = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
    if len(weight) == 1:  # two classes: scikit-learn keeps the second one's logit only
        weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    return FittedClassifier(torch.from_numpy(scaler.mean_).float(), torch.from_numpy(scaler.scale_).float(),
                            weight.float(),
                  bias.float(), float(search.best_params_["logisticregression__C"]), float(search.best_score_))


def measure_accuracy(
    fitted: FittedClassifier, embeddings: Tensor, targets: Sequence[int], labels: Sequence[str]
) -> Accuracy:
    """Count right answers on embeddings (n, dim) that the classifier has not seen."""
    answers = fitted.logits(embeddings).argmax(1).tolist()
    counts = [[0] * len(labels) for _ in labels]
    for truth, answer in zip(targets, answers, strict=True):
        counts[truth][answer] += 1
    right = sum(counts[k][k] for k in range(len(labels)))
    return Accuracy(right, len(answers), tuple(tuple(row) for row in counts), tuple(labels))


def together(parts: Sequence[Accuracy]) -> Accuracy:
    """Add up the counts of several test parts, such as the folds of a cross-validation."""
    confusion = tuple(tuple(sum(cell) for cell in zip(*rows, strict=True))
                      for rows in zip(*(part.confusion for part in parts), strict=True))
    return Accuracy(sum(part.n_right for part in parts), sum(part.n for part in parts), confusion, parts[0].labels)
