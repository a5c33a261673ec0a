"""Coarse random grids from which soft masks grow, and sums over thousands of them.

A soft mask is linear in its grid: it is interpolated, bordered and cropped at a shift. Sums over masks are therefore
kept as sums over grids, one for each shift, and grown into planes once at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.perturb import coalitions

PADDING = 3
SHIFTS = torch.cartesian_prod(*[torch.arange(2 * PADDING + 1)] * 2)
SIZES: dict[str, Callable[[int], tuple[int, int]]] = {
    "random": lambda cells: (cells, cells),
    "time": lambda cells: (1, cells),
    "frequency": lambda cells: (cells, 1),
    "time_frequency": lambda cells: (cells, cells),
}
FAMILIES = tuple(SIZES)


@dataclass(frozen=True, eq=False)
class Grids:
    """Random coarse grids with their shifts.

    Attributes:
        family: "random" cells, "time" stripes, "frequency" stripes, or "time_frequency", the product of both.
        switches: what was drawn independently: booleans (n, d), d cells or stripes.
        shifts: where each mask is cropped, (n, 2), 0..2·PADDING.
        size: rows and columns of a grid.
        keep: probability that a switch is on.
    """

    family: str
    switches: Tensor
    shifts: Tensor
    size: tuple[int, int]
    keep: float

    def __len__(self) -> int:
        return len(self.switches)

    def first(self, n: int) -> Grids:
        """Return the first ``n`` grids."""
        return replace(self, switches=self.switches[:n], shifts=self.shifts[:n])

    def cells(self, first: int, last: int) -> Tensor:
        """Return grids, (last - first, rows, columns), double precision."""
        on = self.switches[first:last].double()
        if self.family == "time_frequency":
            return on[:, self.size[1]:, None] * on[:, None, : self.size[1]]
        return on.view(-1, *self.size)

    def masks(self, first: int, last: int, values: Tensor) -> Tensor:
        """Grow soft masks (last - first, freq, time), device and dtype of ``values`` (1, freq, time)."""
        shape = (values.shape[1], values.shape[2])
        return coalitions.soft_masks(self.cells(first, last).to(values), self.shifts[first:last], shape,
                                     padding=PADDING)

    @property
    def mean(self) -> float:
        """Expected value of a mask, the same everywhere on the plane."""
        return self.keep**2 if self.family == "time_frequency" else self.keep


def draw_grids(
    n_masks: int, family: str, *, cells: int, keep: float, balanced: bool, generator: torch.Generator
) -> Grids:
    """Draw coarse grids and shifts.

    Args:
        n_masks: how many.
        family: one of ``FAMILIES``.
        cells: cells along each axis of the grid.
        keep: probability that a cell or stripe is kept.
        balanced: draw the grids balanced against each other (see ``coalitions.balanced``); needs keep = ½.
        generator: source of randomness, on the CPU.

    Raises:
        ParameterError: unknown family, or balanced grids with another ``keep``.
    """
    if family not in SIZES:
        raise unknown_name("masks", family, FAMILIES)
    size = SIZES[family](cells)
    n = sum(size) if family == "time_frequency" else size[0] * size[1]
    if not balanced:
        switches = torch.rand(n_masks, n, generator=generator) < keep
    elif keep == 0.5:
        switches = coalitions.balanced(n_masks, n, generator=generator)
    else:
        raise ParameterError(f"keep is {keep:g}; balanced sampling needs 0.5: use sampling='independent'")
    shifts = torch.randint(2 * PADDING + 1, (n_masks, 2), generator=generator)
    return Grids(family, switches, shifts, size, keep)


def sum_by_shift(grids: Grids, weights: Tensor) -> Tensor:
    """Add up weighted grids separately for each shift.

    Args:
        grids: n grids.
        weights: k numbers per grid, (k, n).

    Returns:
        (k, shifts, rows, columns), double precision; shifts in the order of ``SHIFTS``.
    """
    number = grids.shifts[:, 0] * (2 * PADDING + 1) + grids.shifts[:, 1]
    sums = torch.zeros(len(SHIFTS), len(weights), *grids.size, dtype=torch.float64)
    for first in range(0, len(grids), 1024):
        last = min(len(grids), first + 1024)
        weighted = weights[:, first:last].T[:, :, None, None] * grids.cells(first, last)[:, None]
        sums.index_add_(0, number[first:last], weighted)
    return sums.transpose(0, 1)


def grow_sums(sums: Tensor, shape: tuple[int, int]) -> Tensor:
    """Grow sums by shift (k, shifts, rows, columns) into planes, (k, freq, time)."""
    planes = [coalitions.soft_masks(by_shift, SHIFTS, shape, padding=PADDING).sum(0) for by_shift in sums]
    return torch.stack(planes)
