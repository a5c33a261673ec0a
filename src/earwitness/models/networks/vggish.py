"""VGGish, patches in, embeddings out, with the parameter names of the published checkpoint."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from earwitness.core.errors import ParameterError


class VGGish(nn.Module):
    """The VGG-like encoder of AudioSet, without PCA and rounding.

    Input (batch, 64 bands, 96 frames) of ``VggishLogMel``, or the published (batch, 1, 96 frames, 64 bands);
    output (batch, 128), after a final ReLU.

    Source: Hershey et al. 2017; names of harritaylor/torchvggish v0.1. Differs: PCA and 8-bit rounding,
    which have no gradient, are left out.

    >>> import torch
    >>> VGGish()(torch.zeros(2, 64, 96)).shape
    torch.Size([2, 128])
    """

    map_axes: ClassVar[tuple[str, str]] = ("time", "freq")

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 1
        for width in (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool"):
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU()]
                n_in = width
        self.features = nn.Sequential(*layers)
        dense = [(nn.Linear(n, m), nn.ReLU()) for n, m in pairwise((512 * 4 * 6, 4096, 4096, 128))]
        self.embeddings = nn.Sequential(*(module for pair in dense for module in pair))

    def forward(self, features: Tensor) -> Tensor:
        """Return embeddings (batch, 128)."""
        patches = features.transpose(1, 2).unsqueeze(1) if features.ndim == 3 else features
        if patches.shape[1:] != (1, 96, 64):
            raise ParameterError(f"features has shape {tuple(features.shape)}; expected (batch, 64, 96)")
        embedding: Tensor = self.embeddings(self.features(patches).permute(0, 2, 3, 1).flatten(1))
        return embedding

    def embed(self, features: Tensor) -> Tensor:
        """Return embeddings (batch, 128); the same as calling the network."""
        embedding: Tensor = self(features)
        return embedding
