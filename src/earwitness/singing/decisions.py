"""From a curve of probabilities to decisions over time, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from scipy.ndimage import median_filter
from torch import Tensor

from earwitness.core.errors import ParameterError

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
    predicted, true = torch.cat([d.bool() for d in decisions]), torch.cat([t.bool() for t in truths])
    if predicted.shape != true.shape or not len(true):
        raise ParameterError(f"{len(predicted)} decisions for {len(true)} annotated frames; expected one each")
    hits, false_alarms = int((predicted & true).sum()), int((predicted & ~true).sum())
    misses, rejections = int((~predicted & true).sum()), int((~predicted & ~true).sum())
    precision, recall = _share(hits, hits + false_alarms), _share(hits, hits + misses)
    return DetectionFigures(
        error=(false_alarms + misses) / len(true), precision=precision, recall=recall,
        specificity=_share(rejections, rejections + false_alarms),
        f_score=_share(2 * hits, 2 * hits + false_alarms + misses))


def best_threshold(probabilities: Sequence[Tensor], truths: Sequence[Tensor]) -> float:
    """Return the threshold from 0.01 to 0.99 that is nearest to ½ among those not clearly worse than the best one.

    A threshold is clearly worse if it costs more frames than the one with the fewest wrong frames, by more than one
    standard error of the difference over songs. The one with the fewest moves with every song that is added: a
    network that is trained on 0.02 and 0.98 means ½ unless songs agree that it does not.

    Args:
        probabilities: smoothed curves (time,), one per song that may choose the threshold.
        truths: booleans (time,).

    Source: the one-standard-error rule of Breiman et al. 1984, section 3.4.3. Differs: the published detectors take
    the threshold with the fewest errors, and so does this one with one song.

    >>> best_threshold([torch.tensor([0.1, 0.2]), torch.tensor([0.7, 0.9])], [torch.zeros(2), torch.ones(2)])
    0.5
    """
    wrong = np.array([[int(((p.double() > t) != true.bool()).sum()) for t in THRESHOLDS]
                      for p, true in zip(probabilities, truths, strict=True)])
    total = wrong.sum(0)
    if len(wrong) == 1:
        fewest = np.flatnonzero(total == total.min())
        return float(THRESHOLDS[fewest[len(fewest) // 2]])
    more = wrong - wrong[:, [int(total.argmin())]]
    good = THRESHOLDS[more.sum(0) <= np.sqrt(len(wrong)) * more.std(0, ddof=1) + 1e-6]  # one song alone: equal
    return float(good[np.abs(good - 0.5).argmin()])


def song_threshold(curve: Tensor) -> float:
    """Return the threshold that parts the moments of one song into two groups, without annotations.

    Detectors rank the moments of a song better than they know how sure to be in a new song: an accordion lifts the
    whole curve. Two groups are found by k-means on log-odds and the threshold lies in the middle between them. It
    means something only for a song that is sung in part: of a song without singing it calls the liveliest moments so.

    Args:
        curve: smoothed probabilities (time,) of one song.

    Returns:
        A probability; ½ where the curve is flat.

    Source: ours, on k-means with two groups (in one dimension the criterion of Otsu 1979).

    >>> round(song_threshold(torch.tensor([0.7, 0.7, 0.7, 0.99, 0.99])), 3)
    0.938
    """
    odds = torch.logit(curve.double(), eps=1e-4).numpy()
    if odds.min() == odds.max():
        return 0.5
    centres, _ = kmeans2(odds, np.array([odds.min(), odds.max()]), minit="matrix")
    return float(1 / (1 + np.exp(-centres.mean())))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
