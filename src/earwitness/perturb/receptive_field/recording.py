"""What the first pass did, so that later batches need not do it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor
from torch.utils import _pytree

from earwitness.perturb.receptive_field.piecewise import CannotReuse, Pieces, PiecewiseTensor


@dataclass(eq=False)
class Step:
    """An operation on maps.

    Attributes:
        name: of the operation.
        result: what it gave, with holes for maps; None for an operation in place.
        pieces: values of the maps; what nobody needs again is let go.
        shells: the maps without their values; none where the result belongs to one batch only.
    """

    name: str
    result: Any
    pieces: list[ReferenceType[Pieces]]
    shells: list[Pieces]


class OperationTrace:
    """Operations on maps in their order."""

    def __init__(self, first: Pieces) -> None:
        """Keep the masked inputs."""
        self._steps: list[Step] = []
        self._kept: dict[int, Pieces] = {id(first): first}
        self._position = 0

    def rewind(self) -> None:
        """Begin a pass."""
        self._position = 0

    def next(self, name: str) -> Step | None:
        """Return what the first pass did here; None where it has not been yet.

        Raises:
            CannotReuse: it did something else.
        """
        position, self._position = self._position, self._position + 1
        if position >= len(self._steps):
            return None
        if self._steps[position].name != name:
            raise CannotReuse("it does not do the same for every batch")
        return self._steps[position]

    def note(self, func: Any, arguments: Any, result: Any) -> None:
        """Record an operation that has just been carried out."""
        leaves = _pytree.tree_leaves(result)
        maps = [leaf for leaf in leaves if isinstance(leaf, PiecewiseTensor)]
        if any(isinstance(t, Tensor) and not isinstance(t, PiecewiseTensor) and t.numel() for t in leaves):
            maps = []  # something belongs to this batch only
        if not maps:
            for leaf in _pytree.tree_leaves(arguments):
                if isinstance(leaf, PiecewiseTensor):
                    self.keep(leaf.pieces)
        holed = _pytree.tree_map(lambda leaf: _Hole() if isinstance(leaf, PiecewiseTensor) else leaf, result)
        self._steps.append(Step(str(func), None if func._schema.is_mutable else holed if maps else None,
                                [ref(t.pieces) for t in maps], [_shell(t.pieces) for t in maps]))

    def keep(self, pieces: Pieces) -> None:
        """Hold values that another batch will need."""
        self._kept[id(pieces)] = pieces

    def keep_what_is_held(self) -> None:
        """Hold all values that the network holds at this moment."""
        for step in self._steps:
            for alive in step.pieces:
                pieces = alive()
                if pieces is not None:
                    self.keep(pieces)

    def keeps(self, cells: Tensor) -> bool:
        """Whether the memory of some cells is held."""
        return any(pieces.cells.data_ptr() == cells.data_ptr() for pieces in self._kept.values())


def replayed(step: Step, args: tuple[Any, ...], run: Any) -> Any:
    """Return what a step gave, for another batch."""
    pieces = [alive() or shell for alive, shell in zip(step.pieces, step.shells, strict=True)]
    if step.result is None:  # in place
        args[0].pieces = pieces[0]
        return args[0]
    base = next((leaf for leaf in _pytree.tree_leaves(args) if isinstance(leaf, PiecewiseTensor)), None)
    left = iter(pieces)
    return _pytree.tree_map(lambda leaf: PiecewiseTensor(next(left), run, base) if isinstance(leaf, _Hole) else leaf,
                            step.result)


class _Hole:
    """Where a map stood in a result."""


def _shell(pieces: Pieces) -> Pieces:
    empty = pieces.cells.new_empty(0, *pieces.cells.shape[1:])
    return replace(pieces, cells=empty, trouble=pieces.trouble or "it needs a map that it did not need before")
