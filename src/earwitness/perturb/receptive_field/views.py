"""Operations that move dimensions about and leave the numbers alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.geometry import Geometry, Window
from earwitness.perturb.receptive_field.piecewise import BATCH, ROWS, Axes, Pieces, PiecewiseTensor


def filled(args: tuple[Any, ...], defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments with the defaults of those that were left out."""
    return (*args, *defaults[len(args) :])


def regrouped(pieces: Pieces, sizes: list[int], batch: int) -> Pieces | None:
    """Return the values with dimensions of other sizes, as a view has them; None where a divided axis would be cut."""
    cells = pieces.cells
    layout: list[Axes] = []
    axes = [a for dimension in pieces.layout for a in dimension if pieces.length(a, batch) != 1 or a == BATCH]
    lengths = {axis: pieces.length(axis, batch) for axis in axes}
    for size in sizes:
        dimension: list[int] = []
        left = size
        while left > 1 or (axes and axes[0] == BATCH and batch == 1 and not layout and not dimension):
            if not axes:
                return None
            axis = axes.pop(0)
            if left % lengths[axis]:
                if axis < 0 or lengths[axis] % left:
                    return None
                cells = cells.reshape(*cells.shape[: 1 + axis], left, lengths[axis] // left, *cells.shape[2 + axis :])
                layout = [tuple(a + (a > axis) for a in d) for d in layout]
                dimension = [a + (a > axis) for a in dimension]
                lengths = {a + (a > axis): n for a, n in lengths.items()}
                axes = [axis + 1, *(a + (a > axis) for a in axes)]
                lengths[axis], lengths[axis + 1] = left, cells.shape[2 + axis]
            left //= lengths[axis]
            dimension.append(axis)
        layout.append(tuple(dimension))
    if axes:
        return None
    return without_lost_axes(Pieces(cells, pieces.geometry, tuple(layout), pieces.trouble))


def without_lost_axes(pieces: Pieces) -> Pieces:
    """Drop undivided axes of length 1 that no dimension is made of any more."""
    used = {axis for dimension in pieces.layout for axis in dimension}
    lost = [axis for axis in range(pieces.cells.ndim - 1) if axis not in used]
    cells = pieces.cells
    for axis in reversed(lost):
        cells = cells.squeeze(1 + axis)
    layout = tuple(tuple(a - sum(x < a for x in lost) if a >= 0 else a for a in d) for d in pieces.layout)
    return Pieces(cells, pieces.geometry, layout, pieces.trouble)


def view(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """view, _unsafe_view, reshape."""
    x, sizes = args[0], list(args[1])
    if -1 in sizes:
        rest = 1
        for size in sizes:
            rest *= size if size != -1 else 1
        sizes[sizes.index(-1)] = x.numel() // rest
    pieces = regrouped(x.pieces, sizes, run.batch_size)
    return NotImplemented if pieces is None else run.wrap(pieces, x)


def permute(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """permute, transpose, t."""
    x, name = args[0], func.overloadpacket.__name__
    order = list(range(x.ndim))
    if name == "permute":
        order = [d % x.ndim for d in args[1]]
    elif x.ndim > 1:
        first, second = args[1:3] if name == "transpose" else (0, 1)
        order[first], order[second] = order[second], order[first]
    return run.wrap(x.pieces.with_layout([x.pieces.layout[d] for d in order]), x)


def unsqueeze(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Add a dimension of length 1."""
    x, layout = args[0], list(args[0].pieces.layout)
    layout.insert(args[1] % (x.ndim + 1), ())
    return run.wrap(x.pieces.with_layout(layout), x)


def squeeze(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Drop dimensions of length 1."""
    x = args[0]
    dims = range(x.ndim) if len(args) == 1 else [args[1]] if isinstance(args[1], int) else args[1]
    dropped = {d % x.ndim for d in dims if x.shape[d] == 1}
    if any(BATCH in x.pieces.layout[d] for d in dropped):
        return NotImplemented
    layout = [axes for d, axes in enumerate(x.pieces.layout) if d not in dropped]
    return run.wrap(without_lost_axes(x.pieces.with_layout(layout)), x)


def expand(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Repeat along dimensions of length 1."""
    x, sizes = args[0], list(args[1])
    pieces = x.pieces.with_layout([()] * (len(sizes) - x.ndim) + list(x.pieces.layout))
    cells, layout = pieces.cells, list(pieces.layout)
    for d, (size, own) in enumerate(zip(sizes, pieces.shape(run.batch_size), strict=True)):
        if size in (-1, own):
            continue
        if any(axis < 0 for axis in layout[d]):
            return NotImplemented
        layout[d] = (cells.ndim - 1,)
        cells = cells.unsqueeze(-1).expand(*cells.shape, size)
    return run.wrap(without_lost_axes(Pieces(cells, pieces.geometry, tuple(layout), pieces.trouble)), x)


def same(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Aliases, and dropout in evaluation."""
    return run.wrap(args[0].pieces, args[0])


def clone(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """A copy; the memory format is ours to choose."""
    return run.wrap(args[0].pieces.with_cells(args[0].pieces.cells.clone()))


def taken(pieces: Pieces, axis: int, window: Window, fill: float = 0.0) -> Pieces:
    """Return the map with other places along a divided axis: strided, cut or padded."""
    old = pieces.geometry
    across = (window, Window(old.shape[1])) if axis == ROWS else (Window(old.shape[0]), window)
    geometry = Geometry(old.variants, old.rows.slide(across[0]), old.columns.slide(across[1]))
    return Pieces(gather(pieces.cells, old, geometry, across, fill), geometry, pieces.layout, pieces.trouble)


def gather(cells: Tensor, old: Geometry, new: Geometry, across: tuple[Window, Window], fill: float) -> Tensor:
    """Return the cells of a geometry of kernel 1, taken from another."""
    cell_numbers = []
    for _, index in old.windows(new, across):
        if across[0].stride > 1 or across[1].stride > 1:
            index = index[:, :: across[0].stride, :: across[1].stride]
        cell_numbers.append(torch.from_numpy(index).flatten())
    indices = torch.cat(cell_numbers).to(cells.device)
    if cells.device.type == "meta":
        return cells.new_empty(len(indices), *cells.shape[1:])
    picked = cells.index_select(0, indices.clamp(min=0))
    outside = indices < 0
    if bool(outside.any()):
        picked[outside] = fill
    return picked


def part(run: CoalitionForward, x: PiecewiseTensor, dim: int, start: int, stop: int, step: int) -> Any:
    """Return x[..., start:stop:step, ...]."""
    axes = x.pieces.layout[dim]
    if not axes:
        return run.wrap(x.pieces, x) if start == 0 and stop > 0 else NotImplemented
    if len(axes) > 1 or axes[0] == BATCH:
        return NotImplemented
    if axes[0] >= 0:
        index = [slice(None)] * x.pieces.cells.ndim
        index[1 + axes[0]] = slice(start, stop, step)
        return run.wrap(x.pieces.with_cells(x.pieces.cells[tuple(index)]), x)
    count = max(0, -(-(stop - start) // step))
    if not count:
        return NotImplemented
    return run.wrap(taken(x.pieces, axes[0], Window(count, stride=step, padding=-start)), x)


def select_index(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Take one place along a dimension."""
    x, dim, index = args[0], args[1] % args[0].ndim, args[2]
    index += x.shape[dim] if index < 0 else 0
    one = part(run, x, dim, index, index + 1, 1)
    return one if one is NotImplemented else squeeze(run, func, (one, dim), {})


def slice_(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Take a range along a dimension."""
    x, dim, start, stop, step = filled(args, (None, 0, None, None, 1))
    start, stop, step = slice(start, stop, step).indices(x.shape[dim])
    if (start, step) == (0, 1) and stop == x.shape[dim]:
        return run.wrap(x.pieces, x)
    return part(run, x, dim % x.ndim, start, stop, step)


def split(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Cut into several along a dimension."""
    x, sizes, dim = args[0], args[1], args[2] if len(args) > 2 else kwargs.get("dim", 0)
    length = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, length - first) for first in range(0, length, sizes)]
    results, first = [], 0
    for size in sizes:
        results.append(part(run, x, dim % x.ndim, first, first + size, 1))
        first += size
    return NotImplemented if any(r is NotImplemented for r in results) else results


def pad(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """constant_pad_nd."""
    x, widths, fill = filled(args, (None, None, 0.0))
    if not any(widths):
        return clone(run, func, args, kwargs)
    pieces = x.pieces
    for d in range(len(widths) // 2):
        before, after = widths[2 * d : 2 * d + 2]
        axes = pieces.layout[x.ndim - 1 - d]
        if before == after == 0:
            continue
        if len(axes) != 1 or axes[0] == BATCH:
            return NotImplemented
        if axes[0] >= 0:
            last = pieces.cells.ndim - 1
            moved = torch.nn.functional.pad(pieces.cells.movedim(1 + axes[0], last), (before, after), value=fill)
            pieces = pieces.with_cells(moved.movedim(last, 1 + axes[0]))
        else:
            length = pieces.length(axes[0]) + before + after
            pieces = taken(pieces, axes[0], Window(length, padding=before), fill)
    return run.wrap(pieces)


_A = torch.ops.aten
HANDLERS = {
    **dict.fromkeys([_A.view, _A._unsafe_view, _A._reshape_alias], view),
    **dict.fromkeys([_A.permute, _A.transpose, _A.t], permute),
    **dict.fromkeys([_A.squeeze], squeeze), _A.unsqueeze: unsqueeze, _A.expand: expand,
    **dict.fromkeys([_A.detach, _A.alias, _A.lift_fresh], same), _A.clone: clone,
    _A.select: select_index, _A.slice: slice_, **dict.fromkeys([_A.split, _A.split_with_sizes], split),
    _A.constant_pad_nd: pad,
}
