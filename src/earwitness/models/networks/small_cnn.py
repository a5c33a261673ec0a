"""The bundled network: small enough that a thousand forward passes take seconds."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError
from earwitness.models.networks.band_norm import BandNorm

CHANNELS = (32, 64, 128, 192, 256)


class SmallCnn(nn.Module):
    """A plain convolutional classifier of decibel features.

    Every row is normalised, a strided 5×5 stem reduces the plane, 3×3 blocks with 2×2 pooling in
    between widen the channels, and the mean and the maximum over what is left go to one linear
    layer. Every nonlinearity is a module of its own, as DeepLIFT's rules need.

    Attributes:
        features: the convolutions; their output is (batch, channels[-1], freq / stride, time / stride).
        last_conv: the last convolution, where Grad-CAM looks.
        map_axes: axes of the feature maps.

    >>> network = SmallCnn(10, 64).eval()
    >>> network(torch.full((2, 64, 501), -100.0)).shape
    torch.Size([2, 10])
    >>> network.embed(torch.full((2, 64, 7), -100.0)).shape
    torch.Size([2, 512])
    """

    map_axes: ClassVar[tuple[str, str]] = ("freq", "time")

    def __init__(
        self,
        n_classes: int,
        n_bins: int,
        *,
        channels: tuple[int, ...] = CHANNELS,
        stem_stride: tuple[int, int] | None = None,
        dropout: float = 0.3,
    ) -> None:
        """Build the network with random weights.

        Args:
            n_classes: number of logits.
            n_bins: rows of the features.
            channels: width of the stem and of every block after it.
            stem_stride: steps of the stem along (freq, time); None means (2, 4) up to 128 rows, (4, 4) above.
            dropout: share of the embedding that training drops.

        Raises:
            ParameterError: a size is not positive, or fewer than two widths.
        """
        super().__init__()
        if n_classes < 1 or n_bins < 1 or len(channels) < 2 or min(channels) < 1:
            raise ParameterError(
                f"n_classes={n_classes}, n_bins={n_bins}, channels={tuple(channels)}; "
                "expected positive numbers and at least two widths"
            )
        stride = stem_stride or ((2, 4) if n_bins <= 128 else (4, 4))
        self.n_bins = n_bins
        self.bn0 = BandNorm(n_bins)
        self.features = nn.Sequential(
            nn.Conv2d(1, channels[0], 5, stride=stride, padding=2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        )
        for k, (narrow, wide) in enumerate(itertools.pairwise(channels)):
            if k > 0:
                self.features.append(nn.MaxPool2d(2, ceil_mode=True))
            self.features.append(nn.Conv2d(narrow, wide, 3, padding=1, bias=False))
            self.features.append(nn.BatchNorm2d(wide))
            self.features.append(nn.ReLU())
        self.loudest = nn.AdaptiveMaxPool1d(1)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * channels[-1], n_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def last_conv(self) -> nn.Conv2d:
        """The last convolution."""
        return [layer for layer in self.features if isinstance(layer, nn.Conv2d)][-1]

    def embed(self, features: Tensor) -> Tensor:
        """Return the pooled activations.

        Args:
            features: (batch, freq, time) in dB, silence -100 dB; any number of frames.

        Returns:
            (batch, 2·channels[-1]): mean over the plane, then maximum over time of the mean over frequency.

        Raises:
            ParameterError: not (batch, ``n_bins``, time).
        """
        if features.ndim != 3 or features.shape[1] != self.n_bins or not features.shape[2]:
            raise ParameterError(
                f"features has shape {tuple(features.shape)}; expected (batch, {self.n_bins}, time) with time >= 1"
            )
        planes = self.features(self.bn0(features)[:, None].contiguous(memory_format=torch.channels_last))
        over_time = planes.mean(2)
        return torch.cat([over_time.mean(2), self.loudest(over_time)[:, :, 0]], 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, n_classes) of features (batch, freq, time)."""
        logits: Tensor = self.classify(self.drop(self.embed(features)))
        return logits
