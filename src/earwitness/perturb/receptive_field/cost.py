"""Multiply-adds of ordinary operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "addmv", "mv")
FUSED = ("mkldnn_rnn_layer", "_transformer_encoder_layer_fwd", "_native_multi_head_attention")  # weights per step


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
        left = args[1 if name in ("addmm", "baddbmm", "addmv") else 0]
        return float(result.numel() * left.shape[-1])
    if name in FUSED:
        weights = sum(a.numel() for a in args[1:] if isinstance(a, Tensor) and a.ndim == 2)
        return float(args[0].shape[0] * args[0].shape[1] * weights)
    if name.startswith("_scaled_dot_product"):
        return float(2 * args[0].numel() * args[1].shape[-2])
    if name == "linear":
        return float(result.numel() * args[1].shape[-1])
    return 0.0


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the multiply-adds of ordinary operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.total += multiply_adds(func, args, result)
        return result


def multiply_adds_of(function: Callable[[Tensor], Any], values: Tensor) -> float:
    """Return the multiply-adds of a function of ordinary tensors."""
    with Counting() as counting:
        function(values)
    total: float = counting.total
    return total


class UncomputedTensor(Tensor):
    """Claims to be on the network's device and has no values: for work that is counted, not done.

    Attributes:
        shape_only: the tensor on "meta".
    """

    shape_only: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor, device: torch.device) -> UncomputedTensor:
        """Wrap a tensor without values."""
        self = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=device, requires_grad=False
        )
        self.shape_only = inner
        return self

    def __init__(self, inner: Tensor, device: torch.device) -> None:
        """All is done when it is made."""

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """Say what it stands for."""
        return f"UncomputedTensor({list(self.shape)})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Only the run that made it can use it."""
        raise RuntimeError(f"{func} outside of counting")


def claimed(leaf: Any, device: torch.device) -> Any:
    """Return a tensor without values as one that claims to be on a device, and anything else as it is."""
    bare = isinstance(leaf, Tensor) and type(leaf) in (Tensor, torch.nn.Parameter) and leaf.device.type == "meta"
    return UncomputedTensor(leaf, device) if bare else leaf


def uncomputed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device) -> tuple[Any, float]:
    """Return the result of an operation without its values, and its multiply-adds."""
    args, kwargs = _pytree.tree_map(_to_meta, (args, kwargs))
    if "device" in kwargs:
        kwargs["device"] = torch.device("meta")
    result = func(*args, **kwargs)
    return _pytree.tree_map(lambda leaf: claimed(leaf, device), result), multiply_adds(func, args, result)


def _to_meta(leaf: Any) -> Any:
    if isinstance(leaf, UncomputedTensor):
        return leaf.shape_only
    return leaf.to("meta") if isinstance(leaf, Tensor) else leaf
