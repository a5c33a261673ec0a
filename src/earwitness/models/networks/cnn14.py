"""Cnn14 of PANNs, features in, logits out, with the parameter names of the published checkpoint."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from earwitness.models.networks.band_norm import BandNorm


class _ConvBlock(nn.Module):
    """Two 3×3 convolutions, each with batch norm and ReLU, then average pooling."""

    def __init__(self, n_in: int, n_out: int, pool: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.pool = nn.AvgPool2d(pool)
        nn.init.xavier_uniform_(self.conv1.weight)
        nn.init.xavier_uniform_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        pooled: Tensor = self.pool(self.relu2(self.bn2(self.conv2(x))))
        return pooled


class Cnn14(nn.Module):
    """The 14-layer network of PANNs without its front end.

    Args:
        n_classes: number of logits; 527 for AudioSet.
        n_bins: rows of the features; 64 mel bands as published, 257 for the STFT of pak2025.

    Input (batch, freq, time) in dB, at least 32 rows and 32 frames; output logits (batch, classes); the
    published network applies a sigmoid to them.

    Source: Kong et al. 2020, table II. Differs: returns logits; every nonlinearity is its own module;
    the input's batch norm is an explicit affine map (see ``BandNorm``).

    >>> import torch
    >>> Cnn14(n_classes=3).eval()(torch.zeros(2, 64, 64)).shape
    torch.Size([2, 3])
    """

    map_axes: ClassVar[tuple[str, str]] = ("time", "freq")

    def __init__(self, n_classes: int = 527, n_bins: int = 64) -> None:
        super().__init__()
        widths = (1, 64, 128, 256, 512, 1024, 2048)
        self.bn0 = BandNorm(n_bins)
        self.conv_block1 = _ConvBlock(widths[0], widths[1], 2)
        self.conv_block2 = _ConvBlock(widths[1], widths[2], 2)
        self.conv_block3 = _ConvBlock(widths[2], widths[3], 2)
        self.conv_block4 = _ConvBlock(widths[3], widths[4], 2)
        self.conv_block5 = _ConvBlock(widths[4], widths[5], 2)
        self.conv_block6 = _ConvBlock(widths[5], widths[6], 1)
        self.loudest = nn.AdaptiveMaxPool1d(1)
        self.drop = nn.Dropout(0.2)
        self.drop_head = nn.Dropout(0.5)
        self.fc1 = nn.Linear(2048, 2048)
        self.relu_fc1 = nn.ReLU()
        self.fc_audioset = nn.Linear(2048, n_classes)
        for layer in (self.fc1, self.fc_audioset):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def embed(self, features: Tensor) -> Tensor:
        """Return the embedding after ``fc1``, (batch, 2048)."""
        x = self.bn0(features).transpose(1, 2).unsqueeze(1)
        for block in (self.conv_block1, self.conv_block2, self.conv_block3, self.conv_block4, self.conv_block5):
            x = self.drop(block(x))
        x = self.drop(self.conv_block6(x)).mean(3)
        pooled = self.drop_head(self.loudest(x)[:, :, 0] + x.mean(2))
        embedding: Tensor = self.relu_fc1(self.fc1(pooled))
        return embedding

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, classes) of features (batch, freq, time)."""
        logits: Tensor = self.fc_audioset(self.drop_head(self.embed(features)))
        return logits
