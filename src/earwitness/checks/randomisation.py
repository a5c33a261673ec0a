"""Does the explanation depend on what the model has learned?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.metrics.similarity import rank_correlation
from earwitness.models.audio_model import AudioModel


def layers_with_weights(network: nn.Module) -> list[str]:
    """Return the names of the modules that hold parameters of their own, from the output to the input.

    The order is that in which the network declares them, reversed.

    >>> layers_with_weights(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    ['2', '0']
    """
    return [name for name, module in network.named_modules() if list(module.parameters(recurse=False))][::-1]


def redraw(module: nn.Module, *, generator: torch.Generator) -> None:
    """Draw the own parameters of a module anew, in place: normal, with each parameter's mean and deviation.

    A parameter without spread, such as a bias of zeros or of one number, keeps its values.
    """
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            noise = torch.randn(parameter.shape, generator=generator).to(parameter)
            spread = parameter.std(correction=0) if parameter.numel() > 1 else torch.zeros_like(parameter.sum())
            parameter.copy_(parameter.mean() + spread * noise)


def cascade(
    model: AudioModel, *, generator: torch.Generator, steps: int | None = None
) -> Iterator[tuple[str, AudioModel]]:
    """Yield copies of a model whose layers are drawn anew one after another, from the output down.

    Every copy keeps the new layers of the one before.

    Args:
        model: left as it is.
        generator: source of the draws.
        steps: yield this many models, evenly spread over the layers, the last with every layer drawn anew; None
            yields one per layer.
    """
    names = layers_with_weights(model.network)
    if not names:
        raise ParameterError(f"network {type(model.network).__name__} has no weights; nothing can be drawn anew")
    if steps is not None and steps < 1:
        raise ParameterError(f"steps is {steps}; expected at least 1")
    n = len(names) if steps is None else min(steps, len(names))
    shown = {round((k + 1) * len(names) / n) for k in range(n)}
    network = copy.deepcopy(model.network)
    modules = dict(network.named_modules())
    for n_redrawn, name in enumerate(names, 1):
        redraw(modules[name], generator=generator)
        if n_redrawn in shown:
            yield name, replace(model, network=copy.deepcopy(network))


def randomisation(
    explain: Callable[[AudioModel, Features], Tensor], model: AudioModel, features: Features, *,
    generator: torch.Generator, steps: int | None = None,
) -> dict[str, float]:
    """Compare an explanation with those of ever more random models. It should become another one.

    Args:
        explain: (model, features of one item) -> explanation (freq, time), with the same draws in every call.
        model: the model that was explained.
        features: one item.
        generator: source of the new weights.
        steps: see ``cascade``.

    Returns:
        Name of the layer that the cascade has reached -> absolute rank correlation with the model's own
        explanation, 0..1; a map that became constant counts as 0.

    Source: Adebayo et al. 2018, cascading randomisation. Differs: weights keep their mean and deviation per
    parameter instead of being initialised, so that activations keep their range.
    """
    original = explain(model, features)
    correlations = {}
    for name, other in cascade(model, generator=generator, steps=steps):
        alike = float(rank_correlation(original, explain(other, features)).abs())
        correlations[name] = 0.0 if alike != alike else alike
    return correlations
