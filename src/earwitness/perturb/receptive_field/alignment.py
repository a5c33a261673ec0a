"""Maps and constants at the same cells: what operations on several of them need."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.piecewise import BATCH, COLUMNS, ROWS, Axes, Layout, Pieces, PiecewiseTensor

EVERYWHERE = -9  # stands for the cells in a list of axes


def aligned(run: CoalitionForward, tensors: list[Tensor]) -> tuple[Pieces, list[Tensor]] | None:
    """Return a frame that all fit into, and the cells of each, broadcastable to (n_cells, ...) of the frame."""
    ndim = max(t.ndim for t in tensors)
    piecewise = [t for t in tensors if isinstance(t, PiecewiseTensor)]
    largest = max(piecewise, key=lambda t: (t.ndim, t.numel(), t.pieces.geometry.n_cells))
    shape = torch.broadcast_shapes(*(t.shape for t in tensors))  # type: ignore[no-untyped-call]
    if largest.ndim != ndim or shape != largest.shape:
        return None
    frame = largest.pieces
    geometry = frame.geometry
    for pieces in (t.pieces for t in piecewise):
        pieces.check()
        if pieces.geometry.shape != geometry.shape or not _fits(pieces, frame):
            return None
        geometry = geometry if geometry.same(pieces.geometry) else geometry.join(pieces.geometry)
    cell_bytes = frame.cells[:1].numel() * frame.cells.element_size()
    if not run.worth(geometry.n_cells, geometry.shape[0] * geometry.shape[1], geometry.n_cells * cell_bytes):
        return None
    frame = frame.gathered(geometry)
    aligned = []
    for tensor in tensors:
        if isinstance(tensor, PiecewiseTensor):
            own = _in_order_of(frame, tensor.pieces.gathered(geometry))
        else:
            own = constant_cells(frame, tensor, run)
        if own is None:
            return None
        aligned.append(own)
    return frame, aligned


def _fits(pieces: Pieces, frame: Pieces) -> bool:
    """Whether the divided axes and the batch stand in the same dimensions."""
    offset = len(frame.layout) - len(pieces.layout)
    for d, axes in enumerate(frame.layout):
        own = pieces.layout[d - offset] if d >= offset else ()
        divided = tuple(a for a in axes if a < 0)
        if tuple(a for a in own if a < 0) != divided and any(frame.length(a) > 1 or a == BATCH for a in divided):
            return False
    return True


def _in_order_of(frame: Pieces, pieces: Pieces) -> Tensor | None:
    """Return the cells with the undivided axes in the frame's order."""
    if pieces.layout == frame.layout and pieces.cells.shape[1:] == frame.cells.shape[1:]:
        return pieces.cells
    offset = len(frame.layout) - len(pieces.layout)
    groups: dict[int, Axes] = {}  # axis of the frame: axes here
    for d, axes in enumerate(frame.layout):
        own = tuple(a for a in (pieces.layout[d - offset] if d >= offset else ()) if a >= 0)
        undivided = [a for a in axes if a >= 0]
        if pieces.product(own) == 1:
            groups.update({a: () for a in undivided})
            if own and undivided:
                groups[undivided[0]] = own
        elif len(undivided) == len(own) and all(map(_equal(frame, pieces), undivided, own)):
            groups.update({a: (b,) for a, b in zip(undivided, own, strict=True)})
        elif len(undivided) == 1:
            groups[undivided[0]] = own
        else:
            return None
    left = set(range(pieces.cells.ndim - 1)) - {a for axes in groups.values() for a in axes}  # of length 1
    if left and not groups:
        return None
    if left:
        groups[0] = (*groups.get(0, ()), *left)
    return pieces.arranged([groups.get(a, ()) for a in range(frame.cells.ndim - 1)])


def _equal(frame: Pieces, pieces: Pieces) -> Any:
    return lambda a, b: frame.length(a) == pieces.length(b)


def constant_cells(frame: Pieces, constant: Tensor, run: CoalitionForward) -> Tensor | None:
    """Return an ordinary tensor at every cell of a frame, broadcastable to (n_cells, ...); None if it differs by input.

    Args:
        frame: where.
        constant: broadcastable to the frame's map.
        run: says where work is only counted.
    """
    if constant.ndim == 0:
        return constant
    if run.counting:
        constant = constant.to("meta")
    layout: Layout = frame.layout[len(frame.layout) - constant.ndim :]
    sizes: list[int] = []
    order: list[int] = []
    for axes, size in zip(layout, constant.shape, strict=True):
        if BATCH in axes and size != 1:
            return None
        sizes += [1 if size == 1 or a == BATCH else frame.length(a) for a in axes]
        order += axes
    if not order:
        return constant.reshape([])
    values = constant.reshape(sizes)
    for axis, places in ((ROWS, 0), (COLUMNS, 1)):
        if axis not in order or values.shape[order.index(axis)] == 1:
            continue
        other = COLUMNS if axis == ROWS else ROWS
        if other in order and values.shape[order.index(other)] > 1:
            return _by_place(frame, values, order)
        index = torch.from_numpy(frame.geometry.places()[places]).to(values.device)
        values = values.index_select(order.index(axis), index)
        return _cells_first(values, order, axis, frame)
    return _cells_first(values, order, None, frame)


def _by_place(frame: Pieces, values: Tensor, order: list[int]) -> Tensor:
    rows, columns = (torch.from_numpy(p).to(values.device) for p in frame.geometry.places())
    moved = values.movedim((order.index(ROWS), order.index(COLUMNS)), (0, 1))
    picked = moved[rows, columns]
    return _cells_first(picked, [ROWS, *(a for a in order if a not in (ROWS, COLUMNS))], ROWS, frame)


def _cells_first(values: Tensor, order: list[int], cells: int | None, frame: Pieces) -> Tensor:
    """Return values with dimensions (cells or 1, undivided axes in order)."""
    if cells is None:
        cells = EVERYWHERE
        values, order = values.unsqueeze(0), [cells, *order]
    values = values.movedim(order.index(cells), 0)
    left = [a for a in order if a != cells]
    for position in reversed([p for p, a in enumerate(left) if a < 0]):
        values = values.squeeze(1 + position)
        left.pop(position)
    rest = frame.cells.ndim - 1
    missing = [a for a in range(rest) if a not in left]
    values = values[(..., *[None] * len(missing))]
    left += missing
    return values.permute(0, *(1 + left.index(a) for a in range(rest)))


def cat(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Join maps along an undivided dimension."""
    tensors, dim = args[0], args[1] if len(args) > 1 else kwargs.get("dim", 0)
    if not all(isinstance(t, PiecewiseTensor) for t in tensors):
        return NotImplemented
    dim %= tensors[0].ndim
    pieces = [_own_axis(t.pieces, dim) for t in tensors]
    geometry = pieces[0].geometry
    for one in pieces:
        one.check()
        if one.geometry.shape != geometry.shape or any(a < 0 for a in one.layout[dim]):
            return NotImplemented
        geometry = geometry.join(one.geometry)
    gathered = [one.gathered(geometry) for one in pieces]
    flat = [_canonical(one) for one in gathered]
    if any(one is None or one.layout != flat[0].layout for one in flat if one is not None) or None in flat:  # type: ignore[union-attr]
        return NotImplemented
    layout = flat[0].layout  # type: ignore[union-attr]
    joined = torch.cat([one.cells for one in flat], 1 + layout[dim][0])  # type: ignore[union-attr]
    return run.wrap(Pieces(joined, geometry, layout))


def _own_axis(pieces: Pieces, dim: int) -> Pieces:
    """Return the map with an axis for a dimension of length 1."""
    if pieces.layout[dim]:
        return pieces
    layout = list(pieces.layout)
    layout[dim] = (pieces.cells.ndim - 1,)
    return Pieces(pieces.cells.unsqueeze(-1), pieces.geometry, tuple(layout), pieces.trouble)


def _canonical(pieces: Pieces) -> Pieces | None:
    """Return the map with one axis per undivided dimension, in their order; None where axes are mixed."""
    groups: list[Axes] = []
    layout: list[Axes] = []
    for axes in pieces.layout:
        undivided = tuple(a for a in axes if a >= 0)
        if undivided and len(undivided) < len(axes):
            return None
        layout.append((len(groups),) if undivided else axes)
        groups += [undivided] if undivided else []
    return Pieces(pieces.arranged(groups), pieces.geometry, tuple(layout), pieces.trouble)


HANDLERS = {torch.ops.aten.cat: cat}
