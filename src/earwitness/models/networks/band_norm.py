"""Batch normalisation of each frequency row, safe for input gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BandNorm(nn.BatchNorm1d):
    """Normalise each row of (batch, freq, time) by running statistics, then scale and shift it.

    In evaluation the affine map is written out: with torch 2.13 on CPU the input gradient of
    BatchNorm2d over a transposed (batch, freq, time, 1) view, as the published Cnn14 uses it, is
    silently wrong. Parameter names are those of a batch norm layer.

    >>> BandNorm(64).eval()(torch.zeros(2, 64, 10)).shape
    torch.Size([2, 64, 10])
    """

    def forward(self, values: Tensor) -> Tensor:
        """Return normalised values, same shape (batch, freq, time)."""
        if self.training:
            return super().forward(values)
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return values * scale[:, None] + (self.bias - self.running_mean * scale)[:, None]
