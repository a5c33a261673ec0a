"""Operations that treat every place by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earwitness.perturb.receptive_field.alignment import aligned, constant_cells
from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.piecewise import BATCH, CannotReuse, PiecewiseTensor

UNARY = (
    "relu relu6 leaky_relu elu celu selu gelu silu hardswish hardsigmoid hardtanh mish softplus "
    "sigmoid tanh exp exp2 expm1 log log2 log10 log1p abs neg sqrt rsqrt square reciprocal sin cos tan atan sinh cosh "
    "erf sign floor ceil round trunc frac clamp clamp_min clamp_max threshold nan_to_num isnan isinf isfinite "
    "logical_not bitwise_not rsub"
).split()
BINARY = (
    "add sub mul div pow maximum minimum fmin fmax atan2 eq ne lt le gt ge logical_and logical_or logical_xor "
    "remainder fmod floor_divide xlogy hypot where prelu _prelu_kernel lerp addcmul addcdiv"
).split()


def pointwise(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Any operation that computes entries from entries at the same place, after broadcasting."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    extra = {k: v for k, v in kwargs.items() if isinstance(v, Tensor)}
    piecewise = [t for t in tensors if isinstance(t, PiecewiseTensor)]
    in_place = func._schema.is_mutable
    if extra or not piecewise or (in_place and not isinstance(args[0], PiecewiseTensor)):
        return NotImplemented
    first = piecewise[0].pieces
    first.check()
    if len(tensors) == 1:
        cells = first.cells
        if in_place and not run.may_overwrite(args[0]):
            func, cells = _functional(func), cells.clone()
        values = func(*(cells if a is args[0] or isinstance(a, Tensor) else a for a in args), **kwargs)
        result = first.with_cells(values)
    else:
        same_cells = aligned(run, tensors)
        if same_cells is None:
            return NotImplemented
        frame, cells_of = same_cells
        left = iter(cells_of)
        values = _functional(func)(*(next(left) if isinstance(a, Tensor) else a for a in args), **kwargs)
        result = frame.with_cells(values.expand(len(values), *frame.cells.shape[1:]))
    return run.overwrite(args[0], result) if in_place else run.wrap(result)


def _functional(func: Any) -> Any:
    """Return the operation that makes a new tensor."""
    if not func._schema.is_mutable:
        return func
    packet = getattr(torch.ops.aten, func.overloadpacket.__name__.rstrip("_"))
    return getattr(packet, func._overloadname)


def batch_norm(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """Normalisation by stored statistics."""
    name = func.overloadpacket.__name__
    x, weight, bias, mean, variance = args[:5]
    eps = args[-1]
    if name == "native_batch_norm" and (args[5] or mean is None):
        if isinstance(x, PiecewiseTensor) and (BATCH in x.pieces.layout[1] or run.batch_size == 1):
            return NotImplemented  # an instance norm: every input by itself
        raise CannotReuse("a batch norm measures the batch")
    if not isinstance(x, PiecewiseTensor) or x.ndim < 2:
        return NotImplemented
    if name == "native_batch_norm":
        eps = args[7]
    scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
    shift = -mean * scale + (0 if bias is None else bias)
    shape = [1, -1] + [1] * (x.ndim - 2)
    both = [constant_cells(x.pieces, v.view(shape), run) for v in (scale, shift)]
    if both[0] is None or both[1] is None:
        return NotImplemented
    empty = x.pieces.cells.new_empty(0)
    return run.wrap(x.pieces.with_cells(torch.addcmul(both[1], x.pieces.cells, both[0]))), empty, empty


def cast(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """_to_copy: another precision."""
    x = args[0]
    if kwargs.get("device") not in (None, x.device):
        return NotImplemented
    return run.wrap(x.pieces.with_cells(x.pieces.cells.to(kwargs.get("dtype") or x.dtype, copy=True)))


def _packets(names: list[str]) -> list[Any]:
    overloads = []
    for name in names:
        overloads += [getattr(torch.ops.aten, n) for n in (name, name + "_") if hasattr(torch.ops.aten, n)]
    return overloads


_A = torch.ops.aten
HANDLERS = {
    **dict.fromkeys(_packets(UNARY + BINARY), pointwise),
    **dict.fromkeys([_A.native_batch_norm, _A._native_batch_norm_legit_no_training], batch_norm),
    _A._to_copy: cast,
}
