"""A network's outputs for many coalitions of an input's parts; what coalitions share is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.perturb.receptive_field import alignment, convolution, factories, pointwise, pooling, reductions, views
from earwitness.perturb.receptive_field.cost import multiply_adds_of
from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.geometry import Geometry, Interval
from earwitness.perturb.receptive_field.parts import Variants, separable_parts
from earwitness.perturb.receptive_field.piecewise import BATCH, COLUMNS, ROWS, Pieces

HANDLERS = {
    **views.HANDLERS, **alignment.HANDLERS, **pointwise.HANDLERS, **convolution.HANDLERS, **pooling.HANDLERS,
    **reductions.HANDLERS, **factories.HANDLERS,
}


class ReceptiveField:
    """Outputs of a network for coalitions of temporal, spectral or grid parts.

    A place of a feature map depends only on the parts that its receptive field touches, so it has few different
    values; each is computed once. Where the network brings everything together, or does anything that is not known to
    be local, the coalitions go on one by one. The outputs are those of plain evaluation up to the order of summation.

    Attributes:
        parts: the parts.
        foreseen_passes: what the coalitions cost that ``reuse`` was asked about; NaN where nobody asked.

    >>> values, fill, labels = torch.ones(2, 6), torch.zeros(2, 6), torch.arange(6).expand(2, 6) // 2
    >>> ReceptiveField(lambda x: x.sum((1, 2)), values, fill, labels)(torch.eye(3).bool())
    tensor([4., 4., 4.])
    """

    def __init__(self, function: Callable[[Tensor], Tensor], values: Tensor, fill: Tensor, labels: Tensor) -> None:
        """Take what does not depend on the coalitions.

        Args:
            function: values (k, freq, time) -> outputs (k, ...), row by row; called without gradients.
            values: features of one item, (freq, time).
            fill: what is put in place of a part that is off, (freq, time).
            labels: number of the part of each bin, (freq, time), int64.

        Raises:
            ParameterError: shapes differ, or the parts are not contiguous bands and stretches.
        """
        if values.ndim != 2 or values.shape != fill.shape or values.shape != labels.shape:
            raise ParameterError(f"values {tuple(values.shape)}, fill {tuple(fill.shape)}, labels "
                                 f"{tuple(labels.shape)}; expected the same (freq, time) for all three")
        parts = separable_parts(labels)
        if parts is None:
            raise ParameterError("labels are not contiguous stretches of time, bands of frequency or both; "
                                 "use temporal, spectral or grid segments, or evaluate every coalition")
        self.function, self.values, self.fill, self.labels, self.parts = function, values, fill, labels, parts
        self.foreseen_passes = math.nan

    def __call__(self, coalitions: Tensor, *, batch: int | None = None, always: bool = False) -> Tensor:
        """Return outputs (k, ...) of coalitions.

        Args:
            coalitions: (k, n), booleans; ask for all of them at once, since they share the work.
            batch: coalitions at once where the network brings everything together; None lets memory decide.
            always: share the work of single layers also where that does not pay.

        Raises:
            CannotReuse: the network does something for which sharing is not known to be right.
        """
        return self.shared_forward(coalitions, always=always)(self.function, batch)

    def passes(self, coalitions: Tensor) -> float:
        """Return the work for coalitions (k, n), in passes of the network over one input; nothing is computed.

        Only multiply-adds of convolutions and matrix products count.

        Raises:
            CannotReuse: as for a call.
        """
        run = self.shared_forward(coalitions, counting=True)
        with torch.no_grad():
            bare = multiply_adds_of(self.function, self.fill[None])
        run(self.function)
        return run.multiply_adds / bare if bare else float(len(coalitions))

    def shared_forward(self, coalitions: Tensor, *, counting: bool = False, always: bool = False) -> CoalitionForward:
        """Return what handles the operations of one evaluation of coalitions (k, n), to look at it afterwards."""
        n = int(self.labels.max()) + 1
        if coalitions.ndim != 2 or coalitions.shape[1] < n or not len(coalitions):
            raise ParameterError(f"coalitions has shape {tuple(coalitions.shape)}; expected (k, {n}) with k >= 1")
        inputs = self._inputs(coalitions, counting=counting)
        return CoalitionForward(inputs, HANDLERS, self.values.device, always=always)

    def _inputs(self, coalitions: Tensor, *, counting: bool) -> Pieces:
        variants = Variants(self.parts, coalitions)
        both = torch.stack([self.fill, self.values])  # (off or on, freq, time)
        rows, columns = Interval(self.parts.rows, self.parts.rows), Interval(self.parts.columns, self.parts.columns)
        kind = self.parts.kind
        if kind == "temporal":
            rows = Interval(rows.low[:1], rows.high[:1])
            table, layout = both.transpose(1, 2), ((BATCH,), (0,), (COLUMNS,))  # (2, time, freq)
        elif kind == "spectral":
            columns = Interval(columns.low[:1], columns.high[:1])
            table, layout = both, ((BATCH,), (ROWS,), (0,))
        else:
            table, layout = both, ((BATCH,), (ROWS,), (COLUMNS,))
        geometry = Geometry(variants, rows, columns)
        n_places = geometry.shape[0] * geometry.shape[1]
        flat = table.reshape(2 * n_places, *([] if kind == "grid" else [table.shape[-1]]))
        own, on = self._cells(geometry)
        cells = flat.index_select(0, (own + n_places * on).to(flat.device))
        return Pieces(cells.to("meta") if counting else cells, geometry, layout)

    def _cells(self, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """Return the place of every cell of the input, and whether its part is on."""
        rows, columns = geometry.places()
        on = []
        variants = geometry.variants
        for (height, width), runs in geometry.groups.items():
            for run in runs:
                part = self.parts.numbers[self.parts.rows[run.row] if geometry.shape[0] > 1 else 0,
                                          self.parts.columns[run.column] if geometry.shape[1] > 1 else 0]
                own = variants.coalitions[variants.examples(run.sight), part]
                on.append(torch.from_numpy(own).long().repeat_interleave(height * width))
        return torch.from_numpy(rows * geometry.shape[1] + columns), torch.cat(on)
