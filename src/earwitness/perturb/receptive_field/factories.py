"""New tensors made in the likeness of a map."""

from __future__ import annotations

from typing import Any

import torch

from earwitness.perturb.receptive_field.forward import DENSE_BYTES, CoalitionForward


def alike(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """zeros_like and its kin: an ordinary tensor."""
    x = args[0]
    run.room(x.numel() * x.element_size(), DENSE_BYTES)
    like = torch.empty(x.shape, dtype=x.dtype, device="meta" if run.counting else x.device)
    return func(like, *args[1:], **{k: v for k, v in kwargs.items() if k != "device"})


def new(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """new_zeros and its kin: an ordinary tensor."""
    x = args[0]
    like = torch.empty(0, dtype=x.dtype, device="meta" if run.counting else x.device)
    return func(like, *args[1:], **{k: v for k, v in kwargs.items() if k != "device"})


_A = torch.ops.aten
HANDLERS = {
    **dict.fromkeys([_A.zeros_like, _A.ones_like, _A.empty_like, _A.full_like], alike),
    **dict.fromkeys([_A.new_zeros, _A.new_ones, _A.new_empty, _A.new_full, _A.new_empty_strided], new),
}
