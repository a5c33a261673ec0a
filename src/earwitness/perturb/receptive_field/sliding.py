"""Sliding operations: each output's window is put together for every variant of what the output sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.geometry import Geometry, Window
from earwitness.perturb.receptive_field.parts import Integers
from earwitness.perturb.receptive_field.piecewise import BATCH, COLUMNS, ROWS, Axes, Pieces

CHUNK_BYTES = 16 * 2**20  # of windows and outputs at once


@dataclass(frozen=True, eq=False)
class Sliding:
    """How an operation over the last dimensions of a map slides over it.

    Attributes:
        pieces: the map.
        order: last dimensions, the divided ones first; counted from 0.
        n_divided: how many are divided.
        channels: undivided axes of the dimensions before.
        across: windows along rows and columns; of kernel 1 for an axis that is not slid over.
    """

    pieces: Pieces
    order: list[int]
    n_divided: int
    channels: tuple[Axes, ...]
    across: tuple[Window, Window]

    @property
    def cells(self) -> Tensor:
        """Cells with the undivided slid dimensions and then the channels, (n_cells, ..., channels)."""
        merged = tuple(axis for axes in self.channels for axis in axes)
        return self.pieces.arranged([*self.undivided, merged])

    @property
    def undivided(self) -> list[Axes]:
        """Axes of the undivided slid dimensions."""
        first = len(self.pieces.layout) - len(self.order)
        return [self.pieces.layout[first + d] for d in self.order[self.n_divided :]]

    def output(self, cells: Tensor, geometry: Geometry) -> Pieces:
        """Return the map of the outputs, (n_cells, undivided dimensions..., channels...)."""
        first = len(self.pieces.layout) - len(self.order)
        n_undivided = len(self.order) - self.n_divided
        layout: list[Axes] = []
        axis = n_undivided
        for axes in self.pieces.layout[:first]:
            own = tuple(a for a in axes if a < 0)
            rest = tuple(range(axis, axis + len(axes) - len(own)))
            axis += len(rest)
            layout.append(own + rest)
        slid: list[Axes] = [()] * len(self.order)
        for number, d in enumerate(self.order):
            slid[d] = self.pieces.layout[first + d] if number < self.n_divided else (number - self.n_divided,)
        return Pieces(cells, geometry, (*layout, *slid))


def sliding(pieces: Pieces, windows: list[Window]) -> Sliding | None:
    """Say how an operation with these windows slides over the last dimensions; None where it cannot be shared."""
    first = len(pieces.layout) - len(windows)
    divided = [d for d in range(len(windows)) if any(a in (ROWS, COLUMNS) for a in pieces.layout[first + d])]
    left = [d for d in range(len(windows)) if d not in divided]
    if any(len(pieces.layout[first + d]) != 1 for d in divided):
        return None
    if any(BATCH in pieces.layout[first + d] for d in left):
        return None
    for axes in pieces.layout[:first]:
        own = [a for a in axes if a < 0]
        if len(own) < len(axes) and own:  # the batch and other axes in one dimension
            return None
    divided.sort(key=lambda d: pieces.layout[first + d], reverse=True)  # rows before columns
    across = {pieces.layout[first + d][0]: windows[d] for d in divided}
    shape = pieces.geometry.shape
    both = across.get(ROWS, Window(shape[0])), across.get(COLUMNS, Window(shape[1]))
    channels = tuple(tuple(a for a in axes if a >= 0) for axes in pieces.layout[:first])
    return Sliding(pieces, divided + left, len(divided), channels, both)


def slide(
    run: CoalitionForward, slider: Sliding, fill: float, operation: Callable[[Tensor, tuple[int, int]], Tensor],
    scale: int = 1,
) -> tuple[Tensor, Geometry] | None:
    """Carry out a sliding operation.

    Args:
        run: says whether sharing is worth it.
        slider: how it slides.
        fill: value of the padding.
        operation: (windows (blocks, rows, columns, ...), size of a run) -> outputs (blocks·rows·columns, ...).
        scale: bytes of windows and outputs over those of the windows.

    Returns:
        The cells of the outputs, (n_cells, ...), and their geometry; None where it does not pay.
    """
    old, cells = slider.pieces.geometry, slider.cells
    geometry = Geometry(old.variants, old.rows.slide(slider.across[0]), old.columns.slide(slider.across[1]))
    n_places = geometry.shape[0] * geometry.shape[1]
    cell_bytes = cells[:1].numel() * cells.element_size()
    if not run.worth(geometry.n_cells, n_places, geometry.n_cells * cell_bytes):
        return None
    if all(window == Window(length) for window, length in zip(slider.across, old.shape, strict=True)):
        return _place_by_place(cells, operation, scale), old
    results: Tensor | None = None
    done = 0
    for size, index in old.windows(geometry, slider.across):
        chunk = max(1, CHUNK_BYTES // (index[0].size * cell_bytes * scale))
        for first in range(0, len(index), chunk):
            outputs = operation(_windows(cells, index[first : first + chunk], fill), size)
            if results is None:
                results = outputs.new_empty(geometry.n_cells, *outputs.shape[1:])
            results[done : done + len(outputs)] = outputs
            done += len(outputs)
    assert results is not None
    return results, geometry


def _windows(cells: Tensor, index: Integers, fill: float) -> Tensor:
    if cells.device.type == "meta":
        return cells.new_empty(*index.shape, *cells.shape[1:])
    outside = index < 0
    flat = torch.from_numpy(np.where(outside, 0, index)).flatten().to(cells.device)
    picked = cells.index_select(0, flat).view(*index.shape, *cells.shape[1:])
    if outside.any():
        picked[torch.from_numpy(outside).to(cells.device)] = fill
    return picked


def _place_by_place(cells: Tensor, operation: Callable[[Tensor, tuple[int, int]], Tensor], scale: int) -> Tensor:
    """Nothing slides along the divided axes."""
    chunk = max(1, CHUNK_BYTES // (cells[:1].numel() * cells.element_size() * scale))
    return torch.cat([operation(part[:, None, None], (1, 1)) for part in torch.split(cells, chunk)])
