"""One forward pass for all coalitions: local operations once per variant, the others batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from earwitness.perturb.receptive_field.cost import multiply_adds
from earwitness.perturb.receptive_field.parts import Integers
from earwitness.perturb.receptive_field.piecewise import CannotReuse, Pieces, PiecewiseTensor

EXPANDED_BYTES = 64 * 2**20  # of an ordinary tensor that stands for a batch; less makes the batch smaller
DENSE_BYTES = 512 * 2**20  # of what ordinary operations make of it
CELLS_BYTES = 2**31  # of the cells of one map
WORTH_SHARE = 0.7  # cells over coalitions × places, from which on computing every coalition is as good

Handler = Callable[["SharedForward", Any, tuple[Any, ...], dict[str, Any]], Any]
READERS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique_dim", "_unique2",
           "unique_consecutive", "allclose")


class SmallerBatch(BaseException):  # networks may catch every Exception
    """The coalitions do not fit into memory at once."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size


@dataclass(eq=False)
class _Step:
    """An operation of the first pass and what it gave; values that nobody needs again are let go."""

    name: str
    result: Any
    leaves: list[ReferenceType[Pieces]]
    shells: list[Pieces]


class SharedForward:
    """Handles the operations on piecewise tensors.

    Attributes:
        device: of the network; the values are on "meta" where work is only counted.
        batch_size: coalitions that the tensors claim to hold.
        multiply_adds: of convolutions and matrix products so far.
        always: share the work also where that does not pay, as tests and checks want.
    """

    def __init__(self, first: Pieces, handlers: dict[Any, Handler], device: torch.device, *, always: bool) -> None:
        """Take the masked inputs."""
        self.first, self.handlers, self.device, self.always = first, handlers, device, always
        self.multiply_adds = 0.0
        self.coalitions: Integers = np.arange(first.geometry.variants.n_coalitions)
        self._steps: list[_Step] = []
        self._kept: dict[int, Pieces] = {id(first): first}
        self._position = 0
        self._tainted: set[int] = set()  # memory of what depends on the input; memory is reused, so others may be in it

    @property
    def batch_size(self) -> int:
        """Coalitions that the tensors claim to hold."""
        return len(self.coalitions)

    @property
    def counting(self) -> bool:
        """Whether work is only counted."""
        return self.first.cells.device.type == "meta"

    def __call__(self, function: Callable[[Tensor], Tensor], batch_size: int | None = None) -> Tensor:
        """Return the outputs of all coalitions, (k, ...).

        Raises:
            CannotReuse: the network does something that cannot be shared.
        """
        k = self.first.geometry.variants.n_coalitions
        size = batch_size or k
        outputs: list[Tensor] = []
        done = 0
        while done < k:
            self.coalitions = np.arange(done, min(k, done + size))
            try:
                outputs.append(self._pass(function))
            except SmallerBatch as signal:
                size = max(1, signal.batch_size)
                continue
            done += len(self.coalitions)
        return torch.cat(outputs)

    def _pass(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        self._position = 0
        with torch.no_grad(), _Watch(self):
            output = function(PiecewiseTensor(self.first, self))
            if isinstance(output, PiecewiseTensor):
                output = self.expanded(output)
        if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != self.batch_size:
            raise CannotReuse("its output is not one row per input")
        return output

    # operations

    def step(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out one operation, or bring its result back from the first pass."""
        position, self._position = self._position, self._position + 1
        if position < len(self._steps):
            step = self._steps[position]
            if step.name != str(func):
                raise CannotReuse("it does not do the same for every batch")
            if step.shells:
                return self._again(step, args)
            result = self._compute(func, args, kwargs)
            self._taint(result)
            return result
        result = self._compute(func, args, kwargs)
        leaves = _pytree.tree_leaves(result)
        tensors = [leaf for leaf in leaves if isinstance(leaf, PiecewiseTensor)]
        if any(isinstance(t, Tensor) and not isinstance(t, PiecewiseTensor) and t.numel() for t in leaves):
            tensors = []  # something is of this batch only
        self._taint(result)
        if not tensors:
            for leaf in _pytree.tree_leaves((args, kwargs)):
                if isinstance(leaf, PiecewiseTensor):
                    self._kept[id(leaf.pieces)] = leaf.pieces
        shells = [_shell(t.pieces) for t in tensors]
        kinds = _pytree.tree_map(lambda leaf: _Hole() if isinstance(leaf, PiecewiseTensor) else leaf, result)
        if func._schema.is_mutable:
            kinds = None
        self._steps.append(_Step(str(func), kinds, [ref(t.pieces) for t in tensors], shells))
        return result

    def _again(self, step: _Step, args: tuple[Any, ...]) -> Any:
        pieces = [alive() or shell for alive, shell in zip(step.leaves, step.shells, strict=True)]
        if step.result is None:
            args[0].pieces = pieces[0]
            return args[0]
        base = next((leaf for leaf in _pytree.tree_leaves(args) if isinstance(leaf, PiecewiseTensor)), None)
        left = iter(pieces)
        return _pytree.tree_map(lambda leaf: PiecewiseTensor(next(left), self, base) if isinstance(leaf, _Hole) else leaf,
                                step.result)

    def _compute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        handler = self.handlers.get(func.overloadpacket)
        if handler is not None:
            result = handler(self, func, args, kwargs)
            if result is not NotImplemented:
                return result
        name = func.overloadpacket.__name__
        if name in READERS:
            raise CannotReuse(f"it looks at its numbers ({name})")
        if func._schema.is_mutable and any(
            isinstance(a, PiecewiseTensor) and s.alias_info is not None and s.alias_info.is_write
            for a, s in zip(args, func._schema.arguments, strict=False)
        ):
            raise CannotReuse(f"it writes into its maps ({name})")
        plain = _pytree.tree_map(lambda leaf: self.expanded(leaf) if isinstance(leaf, PiecewiseTensor) else leaf,
                                 (args, kwargs))
        return self.ordinary(func, *plain)

    def expanded(self, tensor: PiecewiseTensor) -> Tensor:
        """Return the ordinary tensor of the batch.

        Raises:
            SmallerBatch: it takes too much memory.
        """
        self._kept[id(tensor.pieces)] = tensor.pieces
        self.room(tensor.numel() * tensor.element_size(), EXPANDED_BYTES)
        values = tensor.pieces.dense(self.coalitions)
        self._taint(values)
        return values

    def room(self, n_bytes: int, limit: int) -> None:
        """Make sure that a tensor for a batch is not too large.

        Raises:
            SmallerBatch: it is.
        """
        if n_bytes <= limit or self.batch_size == 1 or self.counting:
            return
        for step in self._steps:
            for alive in step.leaves:
                pieces = alive()
                if pieces is not None:  # somebody holds it, so it may be needed
                    self._kept[id(pieces)] = pieces
        raise SmallerBatch(int(self.batch_size * limit / n_bytes))

    def ordinary(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out an operation on ordinary tensors."""
        tainted = self._is_tainted((args, kwargs))
        if tainted and func.overloadpacket.__name__ in READERS:
            raise CannotReuse(f"it looks at its numbers ({func.overloadpacket.__name__})")
        if self.counting:
            args, kwargs = _pytree.tree_map(_meta, (args, kwargs))
        result = func(*args, **kwargs)
        if tainted:
            self._taint(result)
        self.multiply_adds += multiply_adds(func, args, result)
        if isinstance(result, Tensor) and result.ndim and len(result) == self.batch_size:
            self.room(result.numel() * result.element_size(), DENSE_BYTES)
        return result

    def _taint(self, result: Any) -> None:
        for leaf in _pytree.tree_leaves(result):
            if isinstance(leaf, Tensor) and not isinstance(leaf, PiecewiseTensor):
                self._tainted.add(leaf.untyped_storage()._cdata)

    def _is_tainted(self, values: Any) -> bool:
        return any(isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata in self._tainted
                   for leaf in _pytree.tree_leaves(values))

    # what handlers need

    def wrap(self, pieces: Pieces, base: PiecewiseTensor | None = None) -> PiecewiseTensor:
        """Return a tensor with these values; ``base`` is the tensor that it is a view of."""
        return PiecewiseTensor(pieces, self, base)

    def worth(self, n_cells: int, n_places: int, n_bytes: int) -> bool:
        """Whether so many cells, that take so many bytes, save work."""
        if n_bytes > CELLS_BYTES:
            return False
        return self.always or n_cells <= WORTH_SHARE * n_places * self.first.geometry.variants.n_coalitions

    def overwrite(self, tensor: PiecewiseTensor, pieces: Pieces) -> PiecewiseTensor:
        """Put other values into a tensor."""
        if sum(member() is not None for member in tensor.family) > 1:
            raise CannotReuse("it writes into a map that it also looks at in another way")
        if pieces.shape(self.batch_size) != tensor.pieces.shape(self.batch_size):
            raise CannotReuse("an operation in place changes a shape")
        tensor.pieces = pieces
        return tensor

    def may_overwrite(self, tensor: PiecewiseTensor) -> bool:
        """Whether nobody else needs the memory of a tensor's cells."""
        kept = {pieces.cells.data_ptr() for pieces in self._kept.values()}
        cells = tensor.pieces.cells
        whole = cells.untyped_storage().nbytes() == cells.numel() * cells.element_size()
        return whole and cells.data_ptr() not in kept


class _Hole:
    """Where a piecewise tensor stood in a result."""


def _shell(pieces: Pieces) -> Pieces:
    """Return where the values were, without them."""
    empty = pieces.cells.new_empty(0, *pieces.cells.shape[1:])
    return replace(pieces, cells=empty, trouble=pieces.trouble or "it needs a map that it did not need before")


def _meta(leaf: Any) -> Any:
    return leaf.to("meta") if isinstance(leaf, Tensor) else leaf


class _Watch(TorchDispatchMode):
    """Sees the operations on ordinary tensors too: to count them, to bound them, to notice looks at numbers."""

    def __init__(self, run: SharedForward) -> None:
        super().__init__()
        self.run = run

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(issubclass(kind, PiecewiseTensor) for kind in types):
            return self.run.step(func, args, kwargs)
        return self.run.ordinary(func, args, kwargs)
