"""Pooling of maps whose places are kept once per variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.geometry import Window
from earwitness.perturb.receptive_field.piecewise import COLUMNS, ROWS, Pieces
from earwitness.perturb.receptive_field.sliding import Sliding, slide, sliding
from earwitness.perturb.receptive_field.views import filled

INDICES = "it uses the indices of a pooling"


def max_pool(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """aten::max_pool2d_with_indices."""
    x, kernel, stride, padding, dilation, ceil = filled(args, (None, None, [], [0], [1], False))
    windows = _windows_of(list(x.shape[-2:]), kernel, stride or kernel, padding, dilation, ceil)
    slider = sliding(x.pieces, windows)
    if slider is None:
        return NotImplemented

    def operation(planes: Tensor, sizes: list[Window], paddings: list[int]) -> Tensor:
        return functional.max_pool2d(planes, [w.kernel for w in sizes], [w.stride for w in sizes], paddings,
                                     [w.dilation for w in sizes], ceil)

    pieces = _pooled(run, slider, windows, float("-inf"), operation)
    if pieces is None:
        return NotImplemented
    indices = Pieces(pieces.cells, pieces.geometry, pieces.layout, INDICES)
    return run.wrap(pieces), run.wrap(indices)


def average_pool(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """aten::avg_pool2d: sums, over how many were added."""
    x, kernel, stride, padding, ceil, include, divisor = filled(args, (None, None, [], [0], False, True, None))
    windows = _windows_of(list(x.shape[-2:]), kernel, stride or kernel, padding, [1], ceil)
    slider = sliding(x.pieces, windows)
    if slider is None:
        return NotImplemented

    def operation(planes: Tensor, sizes: list[Window], paddings: list[int]) -> Tensor:
        return functional.avg_pool2d(planes, [w.kernel for w in sizes], [w.stride for w in sizes], paddings,
                                     ceil, True, 1)

    pieces = _pooled(run, slider, windows, 0.0, operation)
    if pieces is None:
        return NotImplemented
    if divisor is not None:
        return run.wrap(pieces.with_cells(pieces.cells / divisor))
    counts = [_added(w, size, include=include) for w, size in zip(windows, x.shape[-2:], strict=True)]
    return run.wrap(_divided(pieces, counts))


def _windows_of(sizes: list[int], *settings: Any) -> list[Window]:
    kernel, stride, padding, dilation = ([*v] * 2 if len(v) == 1 else list(v) for v in settings[:4])
    windows = []
    for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        reach = size + 2 * p - d * (k - 1) - 1
        count = (-(-reach // s) if settings[4] else reach // s) + 1
        if settings[4] and (count - 1) * s >= size + p:  # a window must begin inside
            count -= 1
        windows.append(Window(count, k, s, p, d))
    return windows


def _pooled(
    run: CoalitionForward, slider: Sliding, windows: list[Window], fill: float, operation: Any
) -> Pieces | None:
    sizes = [windows[d] for d in slider.order]
    paddings = [0 if number < slider.n_divided else w.padding for number, w in enumerate(sizes)]

    def pool(blocks: Tensor, size: tuple[int, int]) -> Tensor:
        n, rows, columns, *rest = blocks.shape
        if slider.n_divided == 2:
            planes = blocks
        elif slider.n_divided == 1:
            planes = blocks.reshape(n, rows * columns, *rest)
        else:
            planes = blocks.reshape(n * rows * columns, *rest)
        outputs: Tensor = operation(planes.permute(0, 3, 1, 2), sizes, paddings).permute(0, 2, 3, 1)
        return outputs.reshape(-1, *outputs.shape[1 + slider.n_divided :])

    result = slide(run, slider, fill, pool)
    if result is None:
        return None
    cells, geometry = result
    channels = [slider.pieces.length(axis) for axes in slider.channels for axis in axes]
    return slider.output(cells.reshape(*cells.shape[:-1], *channels), geometry)


def _added(window: Window, size: int, *, include: bool) -> Tensor:
    """Return how many places each output adds up along one axis."""
    first = window.first(np.arange(window.count))  # type: ignore[arg-type]
    last = np.minimum(first + window.kernel, size + window.padding)
    if not include:
        first, last = np.maximum(first, 0), np.minimum(last, size)
    return torch.from_numpy(np.asarray(last - first))


def _divided(pieces: Pieces, counts: list[Tensor]) -> Pieces:
    cells = pieces.cells
    factor: Tensor | float = 1.0
    places = pieces.geometry.places()
    for axes, count in zip(pieces.layout[-2:], counts, strict=True):
        if bool((count == count[0]).all()):
            factor = factor * float(count[0])
            continue
        if axes[0] in (ROWS, COLUMNS):
            own = count[torch.from_numpy(places[0 if axes[0] == ROWS else 1])].view(-1, *[1] * (cells.ndim - 1))
        else:
            own = count.view(-1, *[1] * (cells.ndim - 2 - axes[0]))
        factor = factor * own.to(cells)
    return pieces.with_cells(cells / factor)


HANDLERS = {torch.ops.aten.max_pool2d_with_indices: max_pool, torch.ops.aten.avg_pool2d: average_pool}
