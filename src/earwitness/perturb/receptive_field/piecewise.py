"""A tensor that stands for the same map of many inputs and holds each different value once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias
from weakref import ReferenceType, ref

import torch
from torch import Tensor
from torch.utils import _pytree

from earwitness.core.errors import EarwitnessError
from earwitness.perturb.receptive_field.geometry import Geometry, Window

BATCH, ROWS, COLUMNS = -1, -2, -3
Axes: TypeAlias = tuple[int, ...]
Layout: TypeAlias = tuple[Axes, ...]


class CannotReuse(EarwitnessError):
    """The network does something for which the shared computation is not known to be right."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """The values of a map.

    Attributes:
        cells: one entry per place and variant, (n_cells, ...); the further dimensions are undivided axes.
        geometry: order of the cells.
        layout: what each dimension of the map is made of: BATCH, ROWS, COLUMNS, or 0, 1, ... for the undivided axes
            in the order of ``cells``. Several axes were flattened into one; none is a dimension of length 1.
        trouble: why the values cannot be used, if they cannot.
    """

    cells: Tensor
    geometry: Geometry
    layout: Layout
    trouble: str = ""

    def length(self, axis: int, batch: int = 1) -> int:
        """Return the length of an axis."""
        if axis >= 0:
            return self.cells.shape[1 + axis]
        return {BATCH: batch, ROWS: self.geometry.shape[0], COLUMNS: self.geometry.shape[1]}[axis]

    def shape(self, batch: int) -> list[int]:
        """Return the shape of the map for so many inputs."""
        return [self.product(axes, batch) for axes in self.layout]

    def product(self, axes: Axes, batch: int = 1) -> int:
        """Return the number of places along several axes."""
        size = 1
        for axis in axes:
            size *= self.length(axis, batch)
        return size

    def arranged(self, groups: Sequence[Axes]) -> Tensor:
        """Return the cells with one dimension per group of undivided axes, (n_cells, ...)."""
        self.check()
        order = [1 + axis for axes in groups for axis in axes]
        return self.cells.permute(0, *order).reshape(len(self.cells), *map(self.product, groups))

    def check(self) -> None:
        """Raise CannotReuse if the values cannot be used."""
        if self.trouble:
            raise CannotReuse(self.trouble)

    def with_layout(self, layout: Sequence[Axes]) -> Pieces:
        """Return the same values with other dimensions."""
        return replace(self, layout=tuple(layout))

    def with_cells(self, cells: Tensor) -> Pieces:
        """Return other values at the same places."""
        return replace(self, cells=cells)

    def where(self, axis: int) -> int:
        """Return the dimension that an axis is part of, -1 where the map lacks it."""
        return next((d for d, axes in enumerate(self.layout) if axis in axes), -1)

    def gathered(self, geometry: Geometry) -> Pieces:
        """Return the same map with the cells of a geometry whose places see at least as much."""
        if geometry.same(self.geometry):
            return self
        across = Window(geometry.shape[0]), Window(geometry.shape[1])
        cell_numbers = [torch.from_numpy(cells).flatten() for _, cells in self.geometry.windows(geometry, across)]
        index = torch.cat(cell_numbers).to(self.cells.device)
        return replace(self, cells=self.cells.index_select(0, index), geometry=geometry)

    def dense(self, coalitions: Any) -> Tensor:
        """Return the ordinary tensor of some coalitions, (coalitions, ...)."""
        self.check()
        index = torch.from_numpy(self.geometry.everywhere(coalitions))
        values = self.cells.index_select(0, index.flatten().to(self.cells.device))
        values = values.view(*index.shape, *self.cells.shape[1:])  # (coalitions, rows, columns, ...)
        position = {BATCH: 0, ROWS: 1, COLUMNS: 2}
        order = [position.get(axis, axis + 3) for axes in self.layout for axis in axes]
        left = [d for d in range(values.ndim) if d not in order]  # of length 1
        return values.permute(*order, *left).reshape(self.shape(len(coalitions))).contiguous()  # as it claims to be


class Handler(Protocol):
    """What handles the operations on piecewise tensors: a ``CoalitionForward``."""

    @property
    def batch_size(self) -> int:
        """Coalitions in the batch."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the tensors claim to be."""
        ...

    def step(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Carry out an operation."""
        ...


class PiecewiseTensor(Tensor):
    """Claims to be the ordinary tensor of a batch of inputs.

    Attributes:
        pieces: its values; operations in place exchange them.
        run: what handles its operations.
        family: tensors that look at the same memory.
    """

    pieces: Pieces
    run: Handler
    family: list[ReferenceType[PiecewiseTensor]]  # no set: tensors compare entry by entry

    @staticmethod
    def __new__(cls, pieces: Pieces, run: Handler, base: PiecewiseTensor | None = None) -> PiecewiseTensor:
        """Wrap values; ``base`` is the tensor that this is a view of."""
        shape = pieces.shape(run.batch_size)
        self = Tensor._make_wrapper_subclass(
            cls, shape, dtype=pieces.cells.dtype, device=run.device, requires_grad=False
        )
        self.pieces, self.run = pieces, run
        self.family = base.family if base is not None else []
        self.family.append(ref(self))
        return self

    def __init__(self, pieces: Pieces, run: Handler, base: PiecewiseTensor | None = None) -> None:
        """All is done when it is made."""

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """Say what it stands for."""
        return f"PiecewiseTensor({list(self.shape)}, {self.pieces.geometry.n_cells} cells)"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Leave every operation to the run."""
        for leaf in _pytree.tree_leaves((args, kwargs)):
            if isinstance(leaf, PiecewiseTensor):
                return leaf.run.step(func, args, kwargs or {})
        raise AssertionError("no piecewise argument")
