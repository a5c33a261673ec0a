"""One forward pass for all coalitions: local operations once per variant, the others batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from earwitness.perturb.receptive_field.cost import UncomputedTensor, claimed, uncomputed
from earwitness.perturb.receptive_field.parts import Integers
from earwitness.perturb.receptive_field.piecewise import CannotReuse, Pieces, PiecewiseTensor
from earwitness.perturb.receptive_field.recording import OperationTrace, replayed

EXPANDED_BYTES = 64 * 2**20  # of an ordinary tensor that stands for a batch; less makes the batch smaller
DENSE_BYTES = 512 * 2**20  # of what ordinary operations make of it
CELLS_BYTES = 512 * 2**20  # of the cells of one map; larger ones are made for one batch after the other
WORTH_SHARE = 0.7  # cells over coalitions times places, from which on computing every coalition is as good

Handler = Callable[["CoalitionForward", Any, tuple[Any, ...], dict[str, Any]], Any]
READERS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique_dim", "_unique2",
           "unique_consecutive", "allclose")


class SmallerBatch(BaseException):  # networks may catch every Exception
    """The coalitions do not fit into memory at once."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size


class CoalitionForward:
    """Handles the operations on piecewise tensors.

    Attributes:
        device: of the network; the values are on "meta" where work is only counted.
        batch_size: coalitions that the tensors claim to hold.
        multiply_adds: of convolutions and matrix products so far.
        always: share the work also where that does not pay, as tests and checks want.
        expansions: operations for which maps became ordinary tensors.
    """

    def __init__(self, first: Pieces, handlers: dict[Any, Handler], device: torch.device, *, always: bool) -> None:
        """Take the masked inputs."""
        self.first, self.handlers, self.device, self.always = first, handlers, device, always
        self.multiply_adds = 0.0
        self.expansions: list[str] = []
        self.coalitions: Integers = np.arange(first.geometry.variants.n_coalitions)
        self._recording = OperationTrace(first)
        self._tainted: set[int] = set()  # memory of ordinary tensors that depend on the input

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
        self._recording.rewind()
        self._tainted.clear()
        with torch.no_grad():
            with _Watch(self):
                output = function(PiecewiseTensor(self.first, self))
            if isinstance(output, PiecewiseTensor):
                output = self.expanded(output)
            if isinstance(output, UncomputedTensor):
                output = output.shape_only
        if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != self.batch_size:
            raise CannotReuse("its output is not one row per input")
        return output

    # operations

    def step(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out an operation on maps, or bring its result back from the first pass."""
        step = self._recording.next(str(func))
        if step is not None and step.shells:
            return replayed(step, args, self)
        result = self._compute(func, args, kwargs)
        self._taint(result)
        if step is None:
            self._recording.note(func, (args, kwargs), result)
        return result

    def _compute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        handler = self.handlers.get(func.overloadpacket)
        if handler is not None and not self._is_tainted((args, kwargs)):
            result = handler(self, func, args, kwargs)
            if result is not NotImplemented:
                return _pytree.tree_map(self._claimed, result) if self.counting else result
        name = func.overloadpacket.__name__
        if name in READERS:
            raise CannotReuse(f"it looks at its numbers ({name})")
        if func._schema.is_mutable and any(
            isinstance(a, PiecewiseTensor) and s.alias_info is not None and s.alias_info.is_write
            for a, s in zip(args, func._schema.arguments, strict=False)
        ):
            raise CannotReuse(f"it writes into its maps ({name})")
        self.expansions.append(name)
        plain = _pytree.tree_map(lambda leaf: self.expanded(leaf) if isinstance(leaf, PiecewiseTensor) else leaf,
                                 (args, kwargs))
        return self.ordinary(func, *plain)

    def expanded(self, tensor: PiecewiseTensor) -> Tensor:
        """Return the ordinary tensor of the batch.

        Raises:
            SmallerBatch: it takes too much memory.
        """
        self._recording.keep(tensor.pieces)
        self.room(tensor.numel() * tensor.element_size(), EXPANDED_BYTES)
        values: Tensor = self._claimed(tensor.pieces.dense(self.coalitions))
        self._taint(values)
        return values

    def room(self, n_bytes: int, limit: int) -> None:
        """Make sure that a tensor for a batch is not too large.

        Raises:
            SmallerBatch: it is.
        """
        if n_bytes <= limit or self.batch_size == 1 or self.counting:
            return
        self._recording.keep_what_is_held()
        raise SmallerBatch(int(self.batch_size * limit / n_bytes))

    def ordinary(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out an operation on ordinary tensors."""
        tainted = self._is_tainted((args, kwargs))
        if tainted and func.overloadpacket.__name__ in READERS:
            raise CannotReuse(f"it looks at its numbers ({func.overloadpacket.__name__})")
        if self.counting and tainted:
            result, work = uncomputed(func, args, kwargs, self.device)
            self.multiply_adds += work
            return result
        result = func(*args, **kwargs)
        self._taint(result, tainted=tainted)
        if isinstance(result, Tensor) and result.ndim and len(result) == self.batch_size:
            self.room(result.numel() * result.element_size(), DENSE_BYTES)
        return result

    def _claimed(self, leaf: Any) -> Any:
        return claimed(leaf, self.device) if self.counting else leaf

    def _taint(self, result: Any, *, tainted: bool = True) -> None:
        for leaf in _pytree.tree_leaves(result):
            if isinstance(leaf, Tensor) and not isinstance(leaf, (PiecewiseTensor, UncomputedTensor)):
                memory = leaf.untyped_storage()._cdata
                self._tainted.add(memory) if tainted else self._tainted.discard(memory)  # memory is used again

    def _is_tainted(self, values: Any) -> bool:
        return any(
            isinstance(leaf, UncomputedTensor)
            or (isinstance(leaf, Tensor) and not isinstance(leaf, PiecewiseTensor)
                and leaf.untyped_storage()._cdata in self._tainted)
            for leaf in _pytree.tree_leaves(values)
        )

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
        cells = tensor.pieces.cells
        whole = cells.untyped_storage().nbytes() == cells.numel() * cells.element_size()
        return whole and not self._recording.keeps(cells)


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees the operations on ordinary tensors too: to count them, to bound them, to notice looks at numbers."""

    def __init__(self, run: CoalitionForward) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run = run

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(issubclass(kind, PiecewiseTensor) for kind in types):
            return self.run.step(func, args, kwargs)
        return self.run.ordinary(func, args, kwargs)
