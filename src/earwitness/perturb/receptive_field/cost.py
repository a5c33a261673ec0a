"""Multiply-adds of ordinary operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "addmv", "mv")


def multiply_adds(func: Any, args: tuple[Any, ...], result: Any) -> float:
    """Return those of a convolution or a matrix product, 0 for other operations.

    Args:
        func: operation of aten.
        args: what it was given.
        result: what it gave.
    """
    name = func.overloadpacket.__name__
    if name in ("convolution", "_convolution", "mkldnn_convolution"):
        transposed = len(args) > 6 and args[6]
        inner = args[1].numel() // args[1].shape[0]
        return float((args[0] if transposed else result).numel() * inner)
    if name in PRODUCTS:
        factors = [a for a in args if isinstance(a, Tensor) and a.ndim == (1 if name[-2:] == "mv" else 2 + ("b" in name))]
        return float(result.numel() * factors[-2].shape[-1]) if len(factors) > 1 else 0.0
    if name == "linear":
        return float(result.numel() * args[1].shape[-1])
    return 0.0


class Counting(TorchDispatchMode):
    """Counts the multiply-adds of ordinary operations."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.total += multiply_adds(func, args, result)
        return result


def multiply_adds_of(function: Callable[[Tensor], Any], values: Tensor) -> float:
    """Return the multiply-adds of a function of ordinary tensors."""
    with Counting() as counting:
        function(values)
    return counting.total
