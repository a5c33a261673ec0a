"""Chances that mean what they say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from earwitness.core.errors import ParameterError

TEMPERATURES = (0.2, 5.0, 400)


def best_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature with the lowest cross-entropy of softmax(logits / temperature).

    Args:
        logits: (n, classes), of clips that were not trained on.
        targets: class numbers, (n,).

    Source: Guo et al. 2017, sec. 4.2. Differs: a search over a logarithmic grid from 0.2 to 5.

    >>> best_temperature(torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1]))
    5.0
    """
    low, high, count = TEMPERATURES
    grid = low * (high / low) ** torch.linspace(0, 1, count, dtype=torch.float64)
    losses = [functional.cross_entropy(logits.double() / temperature, targets) for temperature in grid]
    return round(float(grid[int(torch.stack(losses).argmin())]), 4)


def divide_logits(network: nn.Module, temperature: float) -> None:
    """Scale the last linear layer of a network, in place, so that its logits are divided by a number.

    Raises:
        ParameterError: the network has no linear layer.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ParameterError(f"{type(network).__name__} has no linear layer; expected one at the end to scale")
    with torch.no_grad():
        for parameter in layers[-1].parameters():
            parameter.div_(temperature)
