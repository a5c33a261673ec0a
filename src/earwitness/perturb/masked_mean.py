"""Importance and uncertainty from soft masks and the scores of what they keep."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.core.errors import unknown_name
from earwitness.perturb.coalitions import balanced_block
from earwitness.perturb.control_variate import GaussianProcess, fit_gaussian_processes
from earwitness.perturb.estimators import Normalisation
from earwitness.perturb.soft_masks import SHIFTS, Grids, grow_sums, sum_by_shift


@dataclass(frozen=True, eq=False)
class MaskedMean:
    """Sums over soft masks m and scores s, from which importance and uncertainty follow.

    Scores are summed as d = s - offset, with their mean as offset: similarities crowd near 1, where the difference of
    squares would lose its digits.

    Attributes:
        mask: Σ m, (freq, time).
        mask_score: Σ m·d.
        mask_score2: Σ m·d².
        importance: R, where it is estimated better than by these sums; E[m·s] / E[m].
        mean: E[m].
        offset: see above.
        count: number of masks.
        error: largest standard error of R over the cells of the grid.
    """

    mask: Tensor
    mask_score: Tensor
    mask_score2: Tensor
    importance: Tensor | None
    mean: float
    offset: float
    count: int
    error: float

    def result(self, *, normalise: Normalisation = "mask_sum") -> tuple[Tensor, Tensor]:
        """Return importance R and uncertainty U, both (freq, time).

        Args:
            normalise: "mask_sum", as the published code: R = Σms / Σm and U = Σms² - R²·Σm = Σm(s - R)², a sum that
                grows with the number of masks; "count", as the paper: R = Σms / N and U = Σm(s - R)² / N.

        Source: Wickstrøm et al. 2023, eq. 4 and 5 ("count") and published code ("mask_sum"). Differs: where R was
        estimated with a control variate, that estimate stands in for Σms / Σm.
        """
        if normalise not in ("mask_sum", "count"):
            raise unknown_name("normalise", normalise, ("mask_sum", "count"))
        if self.importance is not None:
            importance = self.importance * (1.0 if normalise == "mask_sum" else self.mean)
        else:
            total = self.mask_score + self.offset * self.mask
            importance = total / (self.mask.clamp(min=1e-12) if normalise == "mask_sum" else self.count)
        distance = importance - self.offset
        spread = self.mask_score2 - 2 * distance * self.mask_score + distance**2 * self.mask
        return importance, (spread if normalise == "mask_sum" else spread / self.count).clamp(min=0)


def masked_mean(grids: Grids, scores: Tensor, shape: tuple[int, int], *, balanced: bool) -> MaskedMean:
    """Estimate importance from the scores of masks.

    Args:
        grids: what the masks grew from, n of them.
        scores: (n,), double precision.
        shape: (freq, time).
        balanced: the grids are balanced; with enough of them a stand-in for the model lowers the error.
    """
    offset = float(scores.mean())
    distance = scores - offset
    mask, mask_score, mask_score2 = grow_sums(
        sum_by_shift(grids, torch.stack([torch.ones_like(scores), distance, distance**2])), shape)
    processes = fit_gaussian_processes(grids.switches, distance, block=balanced_block(grids.switches.shape[1]),
                                       shifts=grids.shifts) if balanced else []
    importance = offset + _importance(grids, processes, shape) if processes else None
    rest = torch.cat([process.residuals for process in processes]) if processes else distance
    return MaskedMean(mask, mask_score, mask_score2, importance, grids.mean, offset, len(grids),
                      _standard_error(grids, rest, centred=bool(processes)))


def _importance(grids: Grids, processes: list[GaussianProcess], shape: tuple[int, int]) -> Tensor:
    """What the stand-ins expect, and the mean of what they got wrong, over E[m]: (freq, time)."""
    # E[m·s] = E[m·prediction] + E[m·(s - prediction)]: the first is known, only the second is averaged over masks.
    # Both stay sums over coarse grids, one per shift (each equally likely), and become planes once.
    n = len(grids)
    residuals = torch.cat([process.residuals for process in processes])
    sums = sum_by_shift(grids, residuals[None] / n)
    for process in processes:
        sums[0] += _expected_cells(grids, process) * (len(process.residuals) / n / len(SHIFTS))
    planes: Tensor = grow_sums(sums, shape)
    return planes[0] / grids.mean


def _expected_cells(grids: Grids, process: GaussianProcess) -> Tensor:
    """Expectation of prediction · cell at each shift, (shifts, rows, columns)."""
    # a cell is (1 + sign) / 2, so its moment with the prediction is made of the moments with 1 and with the sign
    mean, first, second = process.moments(SHIFTS)
    if grids.family != "time_frequency":
        return ((mean[:, None] + first) / 2).view(-1, *grids.size)
    # here a cell is the product of a time and a frequency stripe, (1 + u)(1 + v) / 4: four moments
    along, down = first[:, : grids.size[1]], first[:, grids.size[1]:]
    both = second[:, grids.size[1]:, : grids.size[1]]
    return (mean[:, None, None] + down[:, :, None] + along[:, None, :] + both) / 4


def _standard_error(grids: Grids, rest: Tensor, *, centred: bool) -> float:
    """Largest standard error over cells: of the mean of cell · rest, or of Σ cell · rest / Σ cell."""
    n, totals = len(grids), torch.zeros(3, *grids.size, dtype=torch.float64)
    for first in range(0, n, 1024):
        last = min(n, first + 1024)
        cells, chunk = grids.cells(first, last), rest[first:last]
        totals += torch.einsum("kn,nij->kij", torch.stack([torch.ones_like(chunk), chunk, chunk**2]), cells)
    on, linear, square = totals
    if centred:
        variance = square / n - (linear / n) ** 2
        return float((variance.clamp(min=0) / n).sqrt().max()) / grids.mean
    ratio = linear / on.clamp(min=1)
    spread = square - 2 * ratio * linear + ratio**2 * on
    return float((spread.clamp(min=0).sqrt() / on.clamp(min=1)).max())
