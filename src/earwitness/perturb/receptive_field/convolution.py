"""Convolutions of maps whose places are kept once per variant."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earwitness.perturb.receptive_field.forward import CoalitionForward
from earwitness.perturb.receptive_field.geometry import Window
from earwitness.perturb.receptive_field.piecewise import BATCH, Axes, Pieces, PiecewiseTensor
from earwitness.perturb.receptive_field.sliding import Sliding, slide, sliding

FEW_PLACES = 8  # outputs per block, up to which a matrix product is quicker than a convolution
MANY_CHANNELS = 32  # from which on it is


def convolution(run: CoalitionForward, func: Any, args: Any, kwargs: Any) -> Any:
    """aten::convolution."""
    x, weight, bias, strides, paddings, dilations, transposed, _, groups = args
    n = weight.ndim - 2
    if not isinstance(x, PiecewiseTensor) or isinstance(weight, PiecewiseTensor) or transposed or n > 2:
        return NotImplemented
    pieces, strides, paddings, dilations = x.pieces, *(_each(v, n) for v in (strides, paddings, dilations))
    if x.ndim != n + 2 or BATCH not in pieces.layout[0] or any(a < 0 for a in pieces.layout[1]):
        return NotImplemented
    windows = [
        Window((size + 2 * p - d * (k - 1) - 1) // s + 1, k, s, p, d)
        for size, k, s, p, d in zip(x.shape[2:], weight.shape[2:], strides, paddings, dilations, strict=True)
    ]
    slider = sliding(pieces, windows)
    if slider is None or any(a >= 0 for a in pieces.layout[0]):
        return NotImplemented
    if run.counting:
        weight, bias = weight.to("meta"), None if bias is None else bias.to("meta")
    kernel = _Kernel(weight, bias, [windows[d] for d in slider.order], slider.order, slider.n_divided, groups)
    result = slide(run, slider, 0.0, kernel, scale=1 + -(-weight.shape[0] // (weight.shape[1] * groups)))
    if result is None:
        return NotImplemented
    cells, geometry = result
    inner = weight.numel() // weight.shape[0]
    run.multiply_adds += cells.numel() * inner
    return run.wrap(_with_one_channel_axis(slider, cells, geometry))


def _each(values: Any, n: int) -> list[int]:
    return list(values) * n if len(values) == 1 else list(values)


def _with_one_channel_axis(slider: Sliding, cells: Tensor, geometry: Any) -> Pieces:
    pieces = slider.output(cells, geometry)
    channel: Axes = (cells.ndim - 2,)
    return pieces.with_layout([pieces.layout[0], channel, *pieces.layout[2:]])


class _Kernel:
    """A convolution of windows without padding along the divided axes."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, windows: list[Window], order: list[int], n_divided: int, groups: int
    ) -> None:
        weight = weight.permute(0, 1, *(2 + d for d in order))
        if len(order) == 1:
            weight = weight.unsqueeze(2 if n_divided == 0 else 3)
            windows = [Window(1), *windows] if n_divided == 0 else [*windows, Window(1)]
        self.bias, self.windows, self.groups, self.n_divided = bias, windows, groups, n_divided
        self.n_axes = len(order)
        self.weight = weight
        self._matrix: Tensor | None = None
        self._formatted: Tensor | None = None

    def __call__(self, blocks: Tensor, size: tuple[int, int]) -> Tensor:
        """Return outputs (blocks·rows·columns, undivided..., channels) of windows (blocks, rows, columns, ...)."""
        n, rows, columns, *rest = blocks.shape
        n_in = rest[-1]
        if self.n_divided == 2:
            planes = blocks
        elif self.n_divided == 1:
            planes = blocks.reshape(n, rows * columns, rest[0] if self.n_axes == 2 else 1, n_in)
        else:
            planes = blocks.reshape(n * rows * columns, rest[0] if self.n_axes == 2 else 1, rest[-2], n_in)
        outputs = self._products(planes) if self._small(planes, size) else self._convolution(planes)
        n_places = size[0] * size[1] if self.n_divided else rows * columns
        kept = {2: [], 1: [outputs.shape[2]] if self.n_axes == 2 else [], 0: list(outputs.shape[3 - self.n_axes : 3])}
        return outputs.reshape(n * n_places, *kept[self.n_divided], outputs.shape[-1])

    def _small(self, planes: Tensor, size: tuple[int, int]) -> bool:
        other = self.windows[1].count if self.n_divided < 2 else 1
        return self.groups == 1 and size[0] * size[1] * other <= FEW_PLACES and planes.shape[-1] >= MANY_CHANNELS

    def _padding(self) -> tuple[int, int]:
        down, along = (window.padding for window in self.windows)
        return 0 if self.n_divided >= 1 else down, 0 if self.n_divided == 2 else along

    def _convolution(self, planes: Tensor) -> Tensor:
        if self._formatted is None:
            self._formatted = self.weight.contiguous(memory_format=torch.channels_last)
        first, second = self.windows
        outputs = torch.conv2d(planes.permute(0, 3, 1, 2), self._formatted, self.bias, (first.stride, second.stride),
                               self._padding(), (first.dilation, second.dilation), self.groups)
        return outputs.permute(0, 2, 3, 1)

    def _products(self, planes: Tensor) -> Tensor:
        if self._matrix is None:
            self._matrix = self.weight.permute(2, 3, 1, 0).reshape(-1, self.weight.shape[0])
        first, second = self.windows
        down, along = self._padding()
        if down or along:
            planes = torch.nn.functional.pad(planes, (0, 0, along, along, down, down))
        n, height, width, channels = planes.shape
        tall, wide = self.weight.shape[2:]
        out = ((height - first.dilation * (tall - 1) - 1) // first.stride + 1,
               (width - second.dilation * (wide - 1) - 1) // second.stride + 1)
        if planes.device.type == "meta":
            return planes.new_empty(n, *out, self.weight.shape[0])
        s = planes.stride()
        patches = planes.as_strided(
            (n, *out, tall, wide, channels),
            (s[0], s[1] * first.stride, s[2] * second.stride, s[1] * first.dilation, s[2] * second.dilation, s[3]),
        ).reshape(n * out[0] * out[1], -1)
        products = patches @ self._matrix if self.bias is None else torch.addmm(self.bias, patches, self._matrix)
        return products.view(n, *out, -1)


HANDLERS = {torch.ops.aten.convolution: convolution}
