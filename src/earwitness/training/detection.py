"""From a curve of probabilities to decisions over time, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from earwitness.errors import ParameterError

MEDIAN_FRAMES = 56
THRESHOLDS = np.arange(1, 100) / 100


@dataclass(frozen=True)
class DetectionFigures:
    """How well decisions agree with annotations, over all frames together.

    Attributes:
        error: share of wrong frames.
        precision: share of frames called vocal that are.
        recall: share of vocal frames that are called so.
        specificity: share of other frames that are not called vocal.
        f_score: harmonic mean of precision and recall.

    Source: Mishra et al. 2020, table I. A share of nothing is 1, as in the published code.
    """

    error: float
    precision: float
    recall: float
    specificity: float
    f_score: float

    def as_dict(self) -> dict[str, float]:
        """Return name -> number, rounded to four digits."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def smoothed(probabilities: Tensor, *, frames: int = MEDIAN_FRAMES) -> Tensor:
    """Return the running median of a curve (time,), same length; the ends are repeated outwards.

    Source: Schlüter & Grill 2015: 56 frames, 0.8 s.

    >>> smoothed(torch.tensor([0.0, 1.0, 0.0, 0.0]), frames=3).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    if frames < 1:
        raise ParameterError(f"frames is {frames}; expected at least 1")
    return torch.from_numpy(median_filter(probabilities.numpy(), frames, mode="nearest")).to(probabilities)


def figures(decisions: Sequence[Tensor], truths: Sequence[Tensor]) -> DetectionFigures:
    """Compare decisions with annotations, all songs as one long one.

    Args:
        decisions: booleans (time,), one per song.
        truths: the same.

    >>> figures([torch.tensor([True, True, False, False])], [torch.tensor([True, False, False, False])]).precision
    0.5
    """
    said, true = torch.cat([d.bool() for d in decisions]), torch.cat([t.bool() for t in truths])
    if said.shape != true.shape or not len(true):
        raise ParameterError(f"{len(said)} decisions for {len(true)} annotated frames; expected one each")
    hits, false_alarms = int((said & true).sum()), int((said & ~true).sum())
    misses, rejections = int((~said & true).sum()), int((~said & ~true).sum())
    precision, recall = _share(hits, hits + false_alarms), _share(hits, hits + misses)
    return DetectionFigures(
        error=(false_alarms + misses) / len(true), precision=precision, recall=recall,
        specificity=_share(rejections, rejections + false_alarms),
        f_score=_share(2 * hits, 2 * hits + false_alarms + misses))


def best_threshold(probabilities: Sequence[Tensor], truths: Sequence[Tensor]) -> float:
    """Return the threshold from 0.01 to 0.99 with the fewest wrong frames; the middle one of equals.

    Args:
        probabilities: smoothed curves (time,), one per song that may choose the threshold.
        truths: booleans (time,).
    """
    p, true = torch.cat(list(probabilities)).double(), torch.cat(list(truths)).bool()
    wrong = np.array([int(((p > t) != true).sum()) for t in THRESHOLDS])
    best = np.flatnonzero(wrong == wrong.min())
    return float(THRESHOLDS[best[len(best) // 2]])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
