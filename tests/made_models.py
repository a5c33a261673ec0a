"""Tiny models whose answers can be computed by hand."""

import torch
from torch import nn

import earwitness as ew
from earwitness.frontends import StftDb

FRONT_END = StftDb(2000, 64, 32)
SHAPE = (33, 32)


class Additive(nn.Module):
    """Logits that are sums of bins: their Shapley values are the terms."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def embed(self, x):
        return ((x + 100)[:, None] * self.weights).flatten(2).relu().sum(2) + 1

    def forward(self, x):
        return ((x + 100)[:, None] * self.weights).flatten(2).sum(2)


def additive(generator, n_classes=2):
    weights = torch.randn(n_classes, *SHAPE, generator=generator) / 1000
    return ew.AudioModel(Additive(weights), FRONT_END, labels=[f"c{k}" for k in range(n_classes)], window_s=0.496)


def noise_clip(generator):
    return ew.Clip(0.3 * torch.randn(992, generator=generator), 2000, "noise")


class Deep(nn.Module):
    """Two layers with module ReLUs."""

    def __init__(self, generator, n_classes=2):
        super().__init__()
        self.first, self.act = nn.Linear(SHAPE[0] * SHAPE[1], 16), nn.ReLU()
        self.head = nn.Linear(16, n_classes)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.numel() ** 0.25)

    def embed(self, x):
        return self.act(self.first((x / 50 + 1).flatten(1)))

    def forward(self, x):
        return self.head(self.embed(x))


def deep(generator, n_classes=2):
    return ew.AudioModel(Deep(generator, n_classes).eval(), FRONT_END, labels=[f"c{k}" for k in range(n_classes)],
                         window_s=0.496)
