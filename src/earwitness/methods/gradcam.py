"""Grad-CAM: feature maps of a convolution, or tokens of a transformer, weighted by their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import method
from earwitness.methods.token_plane import onto_plane
from earwitness.models.token_maps import TokenNetwork
from earwitness.targets.scores import Score

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
GradcamVariant = Literal["correct", "pak2025"]


@method(needs="layers", summary="the last convolution", part="a cell of its maps",
        cost="one forward pass, a backward pass to the layer", source="Selvaraju et al. 2017, signed")
def gradcam(
    score: Score, features: Features, *, layer: str | None = None, relu: bool = False,
    variant: GradcamVariant = "correct",
) -> Evidence:
    """Explain by the last convolution's feature maps, weighted by their mean gradient.

    Args:
        score: what is explained; a class logit as published.
        features: values (batch, freq, time).
        layer: name of a convolution in the network; None takes the last one that runs. A network of tokens
            (``models.token_maps``) has layers of tokens in their place.
        relu: cut negative evidence to zero, as in the original paper; signed by default.
        variant: "pak2025" resizes maps of (time, freq) networks without transposing them, as published.

    Returns:
        Evidence resized bilinearly to the features; a 1-d convolution gives the same evidence to every frequency.
        Tokens are interpolated between their own times and frequencies.

    Raises:
        ParameterError: no such layer, or the network has no convolution.

    Source: Selvaraju et al. 2017, eq. 1-2. Differs: no ReLU unless asked for. One forward pass, and a backward
    pass down to the layer.
    """
    if variant not in ("correct", "pak2025"):
        raise unknown_name("variant", variant, ("correct", "pak2025"))
    network = score.model.network
    values = features.values.detach().requires_grad_()
    maps, scores = _watched_forward(score, features.with_values(values), layer)
    (gradient,) = torch.autograd.grad(scores.sum(), maps, retain_graph=True)
    if isinstance(network, TokenNetwork):
        tokens = network.token_maps(maps)
        cam = _weighted(tokens.values, network.token_maps(gradient).values)[:, None]
        resized = onto_plane(replace(tokens, values=cam), score.model.front_end, values.shape[2])[:, 0]
        return Evidence(resized.clamp(min=0) if relu else resized)
    cam = _weighted(maps, gradient)
    if cam.ndim == 2:  # a 1-d convolution: (batch, time)
        cam = cam[:, None, :]
    elif variant == "correct" and _time_first(score, features, maps, values):
        cam = cam.transpose(1, 2)
    size = tuple(features.values.shape[1:])
    resized = nn.functional.interpolate(cam[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    return Evidence(resized.clamp(min=0) if relu else resized)


def convolutions(network: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions of a network by name, in the order of definition."""
    return {name: module for name, module in network.named_modules() if isinstance(module, CONVOLUTIONS)}


def _weighted(maps: Tensor, gradient: Tensor) -> Tensor:
    """Sum maps (batch, channels, ...) over channels, each weighted by its mean gradient."""
    return (gradient.mean(tuple(range(2, maps.ndim)), keepdim=True) * maps).sum(1).detach()


def _watched_forward(score: Score, features: Features, layer: str | None) -> tuple[Tensor, Tensor]:
    """Run the score; return the output of the layer, maps (batch, channels, ...) or tokens, and the scores."""
    network = score.model.network
    candidates = dict(network.token_layers()) if isinstance(network, TokenNetwork) else convolutions(network)
    if not candidates:
        score(features)  # a black box says which methods it takes
        raise ParameterError(
            f"network {type(network).__name__} has no convolution; use another method, such as saliency"
        )
    if layer is not None and layer not in candidates:
        raise unknown_name("layer", layer, candidates)
    watched = candidates if layer is None else {layer: candidates[layer]}
    with _recording(watched) as ran:
        scores = score(features)
    if not ran:
        raise ParameterError(f"layer {layer or 'any of them'} did not run; name one that does: {list(candidates)}")
    return ran[-1], scores


@contextmanager
def _recording(modules: dict[str, nn.Module]) -> Iterator[list[Tensor]]:
    ran: list[Tensor] = []

    def watch(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        ran.append(output[0] if isinstance(output, tuple) else output)

    handles = [module.register_forward_hook(watch) for module in modules.values()]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def _time_first(score: Score, features: Features, maps: Tensor, values: Tensor) -> bool:
    """Say whether the rows of feature maps (batch, channels, rows, columns) are time.

    A network may state it as ``map_axes = ("time", "freq")``. Otherwise a probe asks which features the
    two ends of the map's longer axis look at: if these lie further apart in time than in frequency, it is time.
    """
    stated = getattr(score.model.network, "map_axes", None)
    if stated is not None:
        return bool(stated[0] == "time")
    rows, columns = maps.shape[2:]
    along_rows = rows >= columns
    lines = maps if along_rows else maps.transpose(2, 3)
    first = _centre(torch.autograd.grad(lines[:, :, 0].sum(), values, retain_graph=True)[0])
    last = _centre(torch.autograd.grad(lines[:, :, -1].sum(), values, retain_graph=True)[0])
    shift = (last - first).abs() / torch.tensor(features.values.shape[1:])
    longer_is_time = bool(shift[1] > shift[0])
    return longer_is_time == along_rows


def _centre(gradient: Tensor) -> Tensor:
    """Centre of mass of |gradient| (batch, freq, time): (row, column)."""
    sizes = gradient.detach().abs().sum(0).cpu().double()
    total = sizes.sum().clamp(min=1e-300)
    row = (sizes.sum(1) * torch.arange(sizes.shape[0])).sum() / total
    column = (sizes.sum(0) * torch.arange(sizes.shape[1])).sum() / total
    return torch.stack([row, column])
