"""Sums, means and maxima over dimensions, and matrix products: where places come together, so do the variants."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from earwitness.perturb.receptive_field.forward import EXPANDED_BYTES, CoalitionForward
from earwitness.perturb.receptive_field.piecewise import (
    BATCH,
    COLUMNS,
    ROWS,
    Axes,
    CannotReuse,
    Pieces,
    PiecewiseTensor,
)
from earwitness.perturb.receptive_field.pooling import INDICES

INDEX_ROWS = 2**22  # entries of the table of cells that are looked up at once


def reduced(run: CoalitionForward, x: PiecewiseTensor, dims: list[int], how: str, *, keep: bool) -> Any:
    """Return the sum, mean or max over some dimensions."""
    dims = sorted({d % x.ndim for d in dims})
    pieces = x.pieces
    pieces.check()
    axes = [a for d in dims for a in pieces.layout[d]]
    if BATCH in axes:
        raise CannotReuse("it brings different inputs together")
    rest = [a for a in range(pieces.cells.ndim - 1) if a not in axes]
    gone = tuple(1 + a for a in axes if a >= 0)
    divided = [a for a in axes if a < 0]
    cells = pieces.cells
    if gone:
        cells = cells.amax(gone) if how == "max" else cells.mean(gone) if how == "mean" else cells.sum(gone)
    renumbered = {a: i for i, a in enumerate(rest)}
    layout = [tuple(renumbered.get(a, a) for a in own) if d not in dims else () for d, own in enumerate(pieces.layout)]
    if not keep:
        layout = [own for d, own in enumerate(layout) if d not in dims]
    left = Pieces(cells, pieces.geometry, tuple(layout))
    if not divided:
        return run.wrap(left if gone else left.with_cells(cells.clone()))
    return combined(run, left, divided, how)


def combined(run: CoalitionForward, pieces: Pieces, divided: list[int], how: str) -> Tensor:
    """Return the ordinary tensor in which the places along divided axes are brought together."""
    kept = [a for a in (ROWS, COLUMNS) if pieces.where(a) >= 0 and a not in divided]
    flat = pieces.cells.reshape(len(pieces.cells), -1)
    shape = pieces.shape(run.batch_size)
    size = 1
    for length in shape:
        size *= length
    run.room(size * flat.element_size(), EXPANDED_BYTES)
    n_kept = [pieces.length(a) for a in kept]
    if flat.device.type == "meta":
        return flat.new_empty(shape)
    geometry, chunks = pieces.geometry, []
    step = max(1, INDEX_ROWS // (geometry.shape[0] * geometry.shape[1]))
    for first in range(0, run.batch_size, step):
        index = torch.from_numpy(geometry.everywhere(run.coalitions[first : first + step])).to(flat.device)
        if kept == [ROWS]:
            index = index.flatten(0, 1)
        elif kept == [COLUMNS]:
            index = index.transpose(1, 2).flatten(0, 1)
        chunks.append(_bags(index.flatten(1) if not kept else index, flat, how))
    values = torch.cat(chunks).view(run.batch_size, *n_kept, *pieces.cells.shape[1:])
    position = {BATCH: 0, **{a: 1 + i for i, a in enumerate(kept)}}
    order = [position.get(a, a + 1 + len(kept)) for own in pieces.layout for a in own]
    lost = [d for d in range(values.ndim) if d not in order]
    return values.permute(*order, *lost).reshape(shape)


def _bags(index: Tensor, table: Tensor, how: str) -> Tensor:
    """Return the sum, mean or max of some rows of a table, (bags, columns), for indices (bags, rows)."""
    return functional.embedding_bag(index, table.contiguous(), mode=how)


def reduction(how: str) -> Any:
    """Return the handler of sum, mean or amax."""

    def handle(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
        x, dims, keep = (*args, *(None, False)[len(args) - 1 :])[:3]
        dims = [dims] if isinstance(dims, int) else dims or list(range(x.ndim))
        if kwargs.get("dtype") not in (None, x.dtype) or not x.dtype.is_floating_point:
            return NotImplemented
        return reduced(run, x, list(dims), how, keep=kwargs.get("keepdim", keep))

    return handle


def largest(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Maximum along a dimension; which place holds it is not told."""
    if len(args) < 2 or not isinstance(args[1], int):
        return NotImplemented
    x, dim, keep = (*args, kwargs.get("keepdim", False))[:3]
    values = reduced(run, x, [dim], "max", keep=keep)
    return values, _no_indices(run, values, x)


def adaptive_max(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """adaptive_max_pool2d to a single place along both dimensions, or along one of them with the other as it is."""
    x, sizes = args[0], list(args[1]) * (2 // len(args[1]))
    dims = [d for d, size in zip((-2, -1), sizes, strict=True) if size == 1]
    if any(size not in (1, x.shape[d]) for d, size in zip((-2, -1), sizes, strict=True)):
        return NotImplemented
    values = reduced(run, x, dims, "max", keep=True)
    return values, _no_indices(run, values, x)


def adaptive_average(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """_adaptive_avg_pool2d, as above."""
    x, sizes = args[0], list(args[1]) * (2 // len(args[1]))
    if any(size not in (1, x.shape[d]) for d, size in zip((-2, -1), sizes, strict=True)):
        return NotImplemented
    return reduced(run, x, [d for d, size in zip((-2, -1), sizes, strict=True) if size == 1], "mean", keep=True)


def _no_indices(run: CoalitionForward, values: Tensor, x: PiecewiseTensor) -> Tensor:
    if isinstance(values, PiecewiseTensor):
        return run.wrap(Pieces(values.pieces.cells, values.pieces.geometry, values.pieces.layout, INDICES))
    layout = [(BATCH,), *[(d,) for d in range(values.ndim - 1)]]
    empty = values.new_empty(0).as_strided((0, *values.shape[1:]), (0,) * values.ndim)
    return run.wrap(Pieces(empty, x.pieces.geometry, tuple(layout), INDICES))


def product(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Products (mm, addmm and linear): rows of a map times an ordinary matrix."""
    name = func.overloadpacket.__name__
    bias, x, matrix = args if name == "addmm" else (None, *args[:2])
    if name == "linear":
        bias, matrix = (args[2] if len(args) > 2 else None), matrix.t()
    if kwargs or not isinstance(x, PiecewiseTensor) or any(isinstance(v, PiecewiseTensor) for v in (matrix, bias)):
        return NotImplemented
    if run.counting:
        matrix, bias = matrix.to("meta"), None if bias is None else bias.to("meta")
    pieces, axes = x.pieces, x.pieces.layout[-1]
    if BATCH in axes or (bias is not None and bias.ndim > 1):
        return NotImplemented
    others = [a for own in pieces.layout[:-1] for a in own if a >= 0]
    if all(a >= 0 for a in axes):
        cells = pieces.arranged([*((a,) for a in others), axes])
        flat = cells.reshape(-1, cells.shape[-1])
        values = flat @ matrix if bias is None else torch.addmm(bias, flat, matrix)
        run.multiply_adds += flat.shape[0] * matrix.numel()
        renumbered = {a: i for i, a in enumerate(others)}
        layout = [tuple(renumbered.get(a, a) for a in own) for own in pieces.layout[:-1]]
        return run.wrap(Pieces(values.view(*cells.shape[:-1], -1), pieces.geometry, (*layout, (len(others),))))
    if others or pieces.layout[:-1] != ((BATCH,),):
        return NotImplemented
    total = combined(run, _shares(run, pieces, axes, matrix), [a for a in axes if a < 0], "sum")
    return total if bias is None else total + bias


def _shares(run: CoalitionForward, pieces: Pieces, axes: Axes, matrix: Tensor) -> Pieces:
    """Return what every cell adds to a product with the whole map."""
    weight = matrix.reshape(*(pieces.length(a) for a in axes), -1)
    undivided = [a for a in axes if a >= 0]
    weight = weight.permute(*(axes.index(a) for a in axes if a < 0), *(axes.index(a) for a in undivided), len(axes))
    divided = [a for a in axes if a < 0]
    rows, columns = (torch.from_numpy(p) for p in pieces.geometry.places())
    position = torch.zeros_like(rows)
    for axis in divided:
        position = position * pieces.length(axis) + (rows if axis == ROWS else columns)
    n_places = 1
    for axis in divided:
        n_places *= pieces.length(axis)
    weight = weight.reshape(n_places, -1, matrix.shape[1])
    cells = pieces.arranged([tuple(undivided)])
    run.multiply_adds += cells.numel() * matrix.shape[1]
    shares = cells.new_empty(len(cells), matrix.shape[1])
    if not run.counting:
        order = position.argsort(stable=True)
        counts = torch.bincount(position, minlength=n_places).tolist()
        for number, own in enumerate(torch.split(order, counts)):
            own = own.to(cells.device)
            shares[own] = cells[own] @ weight[number]
    return Pieces(shares, pieces.geometry, ((BATCH,), (0,)))


def softmax(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """_softmax and _log_softmax along an undivided dimension."""
    x, dim, *rest = args
    axes = x.pieces.layout[dim]
    x.pieces.check()
    if len(axes) != 1 or axes[0] < 0:
        return NotImplemented
    return run.wrap(x.pieces.with_cells(func(x.pieces.cells, 1 + axes[0], *rest)))


def layer_norm(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """native_layer_norm over undivided dimensions."""
    x, shape, weight, bias, eps = args
    normed = x.pieces.layout[x.ndim - len(shape) :]
    if any(a < 0 for own in normed for a in own) or any(isinstance(v, PiecewiseTensor) for v in (weight, bias)):
        return NotImplemented
    if run.counting:
        weight, bias = (None if v is None else v.to("meta") for v in (weight, bias))
    others = [a for own in x.pieces.layout[: x.ndim - len(shape)] for a in own if a >= 0]
    cells = x.pieces.arranged([*((a,) for a in others), *normed])
    values = func(cells, shape, weight, bias, eps)[0]
    renumbered = {a: i for i, a in enumerate(others)}
    layout = [tuple(renumbered.get(a, a) for a in own) for own in x.pieces.layout[: x.ndim - len(shape)]]
    layout += [(len(others) + d,) for d in range(len(shape))]
    pieces = Pieces(values, x.pieces.geometry, tuple(layout))
    trouble = Pieces(values, pieces.geometry, pieces.layout, "it uses the statistics of a layer norm")
    return run.wrap(pieces), run.wrap(trouble), run.wrap(trouble)


_A = torch.ops.aten
HANDLERS = {
    _A.sum: reduction("sum"), _A.mean: reduction("mean"), _A.amax: reduction("max"), _A.max: largest,
    _A.adaptive_max_pool2d: adaptive_max, _A._adaptive_avg_pool2d: adaptive_average,
    **dict.fromkeys([_A.mm, _A.addmm, _A.linear], product),
    **dict.fromkeys([_A._softmax, _A._log_softmax], softmax), _A.native_layer_norm: layer_norm,
}
