"""A cheap stand-in for the model over switches: what it explains need not be sampled.

A Gaussian process learns the score from the switches of the masks or coalitions that were scored. Its own expectation
is known in closed form or costs next to nothing; only what it gets wrong is left to chance. Each score is compared
with the prediction from the other blocks alone, so the sum of both stays unbiased however poor the stand-in is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 2048  # rows learned together: the cost grows with the cube
LEAST_BLOCKS = 3
CONSTANT, LINEAR, SMOOTH, NOISE = 100.0, 0.5, 1.0, 0.1
REACH = 2.0  # correlation exp(-REACH · share of switches that differ)
SHIFT_REACH = 0.005  # per squared bin or frame


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """What was learned from one chunk of rows.

    Attributes:
        signs: switches as -1 and 1, (n, d).
        shifts: crops of the masks, (n, 2); zeros where there are none.
        weights: of the kernel at each row, averaged over the blocks left out, (n,).
        residuals: score minus the prediction from the other blocks, (n,).
    """

    signs: Tensor
    shifts: Tensor
    weights: Tensor
    residuals: Tensor

    def predict(self, switches: Tensor) -> Tensor:
        """Return predictions for other switches (k, d) at shift zero, (k,)."""
        return torch.cat([_kernel(_signs(rows), torch.zeros(len(rows), 2, dtype=torch.float64), self.signs,
                                  self.shifts) @ self.weights for rows in torch.split(switches, CHUNK)])

    def moments(self, shifts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return expectations over all switches at given shifts (k, 2), in closed form.

        Returns:
            Of the prediction (k,), of prediction · sign_j (k, d), and of prediction · sign_i · sign_j (k, d, d),
            i ≠ j.
        """
        # exp(-REACH · share differing) is a product over switches, so its mean over fair coins is one too: each factor
        # is 1 or ``factor``. Times sign_j, the j-th alone becomes ± (1 - factor) / 2. The linear kernel has only first
        # moments, the constant one only a mean.
        d = self.signs.shape[1]
        factor = float(torch.exp(torch.tensor(-REACH / d, dtype=torch.float64)))
        centre, slope = ((1 + factor) / 2) ** d, (1 - factor) / (1 + factor)
        near = _nearness(shifts.double(), self.shifts) * self.weights
        mean = CONSTANT * self.weights.sum() + SMOOTH * centre * near.sum(1)
        first = (LINEAR / d + SMOOTH * centre * slope) * near @ self.signs
        second = SMOOTH * centre * slope**2 * torch.einsum("kn,ni,nj->kij", near, self.signs, self.signs)
        return mean, first, second


def fit_gaussian_processes(
    switches: Tensor, scores: Tensor, *, block: int, shifts: Tensor | None = None
) -> list[GaussianProcess]:
    """Learn scores from switches, chunk by chunk.

    Args:
        switches: booleans, (n, d).
        scores: (n,).
        block: rows that were drawn together; a row is predicted without its block.
        shifts: crops of the masks, (n, 2).

    Returns:
        One surrogate a chunk of rows; none where there are fewer than three blocks, or blocks too large to learn from.

    Source: Rasmussen & Williams 2006, ch. 2 and 5.4.2 (leaving out in closed form); control variates as in Owen 2013,
    ch. 8.9.
    """
    n = len(switches)
    if n < LEAST_BLOCKS * block or 2 * block > CHUNK:
        return []
    shifts = torch.zeros(n, 2) if shifts is None else shifts
    chunks = -(-n // CHUNK)
    size = -(-n // (chunks * block)) * block
    return [_learn(_signs(switches[k : k + size]), shifts[k : k + size].double(), scores[k : k + size].double(), block)
            for k in range(0, n, size)]


def _learn(signs: Tensor, shifts: Tensor, scores: Tensor, block: int) -> GaussianProcess:
    # Leaving a block B out costs no fit: with a = K⁻¹y, what the others get wrong there is r = (K⁻¹_BB)⁻¹ a_B, and
    # their weights are a - K⁻¹[:, B] r, zero on B. Whole blocks, because rows of one array tell of each other.
    n = len(scores)
    kernel = _kernel(signs, shifts, signs, shifts)
    kernel.diagonal().add_(NOISE)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(kernel))
    weights = inverse @ scores
    averaged, residuals = weights.clone(), torch.empty_like(scores)
    for first in range(0, n, block):
        block_rows = slice(first, min(n, first + block))
        residuals[block_rows] = torch.linalg.solve(inverse[block_rows, block_rows], weights[block_rows])
        # by the block's share of rows, as the residuals are: expectation + mean residual is then unbiased
        averaged -= (block_rows.stop - block_rows.start) / n * inverse[:, block_rows] @ residuals[block_rows]
    return GaussianProcess(signs, shifts, averaged, residuals)


def _signs(switches: Tensor) -> Tensor:
    return switches.double() * 2 - 1


def _kernel(signs: Tensor, shifts: Tensor, others: Tensor, their_shifts: Tensor) -> Tensor:
    # Tried instead: complements in pairs (double the error of the common offset), a linear stand-in alone (explains
    # 21-81 % of a RELAX score's variance; this one 35-86 % at 1,000 masks), all pairs of cells (more terms than masks).
    d = signs.shape[1]
    agreement = signs @ others.T / d
    smooth = LINEAR * agreement + SMOOTH * torch.exp(-REACH / 2 * (1 - agreement))
    return CONSTANT + smooth * _nearness(shifts, their_shifts)


def _nearness(shifts: Tensor, others: Tensor) -> Tensor:
    return torch.exp(-SHIFT_REACH * torch.cdist(shifts, others) ** 2)
