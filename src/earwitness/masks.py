"""Attribution -> mask: which part of the plane counts as the evidence."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Attribution

EPSILON = 1e-8


def make(attribution: Attribution | Tensor, preset: str) -> Tensor:
    """Turn an attribution into a mask.

    Besides the presets, ``topK_K``, ``topK_K_pos`` and ``pos_thresh_T`` work for any K and T in 1..99.

    Args:
        attribution: an Attribution, or its values A, (freq, time) or (batch, freq, time).
        preset: a name of ``PRESETS``; see ``describe``.

    Returns:
        Same shape, in [0, 1]; floating also where the mask is binary.

    Raises:
        ParameterError: unknown preset, or values that are not finite.

    Source: Pak & Teryokhina 2025, sec. II-C.

    >>> make(torch.tensor([[1.0, -1.0], [3.0, 0.0]]), "pos_thresh_50")
    tensor([[0., 0.],
            [1., 0.]])
    """
    values = attribution.values if isinstance(attribution, Attribution) else attribution
    if not isinstance(values, Tensor) or values.is_complex():
        raise ParameterError(f"attribution is a {type(values).__name__}; expected an Attribution or a real tensor")
    if values.ndim not in (2, 3) or not values.numel():
        shape = tuple(values.shape)
        raise ParameterError(f"attribution has shape {shape}; expected (freq, time) or (batch, freq, time)")
    if not bool(torch.isfinite(values).all()):
        raise ParameterError("attribution has NaN or infinite values; expected finite ones")
    return _function(preset)(values.detach() if values.is_floating_point() else values.float())


def describe(preset: str) -> str:
    """Say in one line what a preset keeps.

    >>> describe("topK_30_pos")
    'the 30 % of the plane with the most evidence for the target'
    """
    kind, level, positive = _parse(preset)
    if kind == "topK":
        return f"the {level} % of the plane with the {'most evidence for the target' if positive else 'highest values'}"
    if kind == "pos_thresh":
        return f"where the evidence for the target exceeds {level} % of its maximum"
    return {
        "minmax": "all of it, in proportion to the evidence, from lowest to highest value",
        "sigmoid": "all of it, through the logistic function",
        "bin": "where the evidence speaks for the target",
        "minmax_pos": "in proportion to the evidence for the target",
        "sigmoid_pos": "all of it, through the logistic function of the evidence for the target",
    }[preset]


def share_of(preset: str) -> float | None:
    """Return the share of the plane that a preset asks for, or None where it asks for none; with ties it keeps more.

    >>> share_of("topK_30_pos"), share_of("bin")
    (0.3, None)
    """
    kind, level, _ = _parse(preset)
    return level / 100 if kind == "topK" else None


def keeping(percent: float) -> str:
    """Name the mask that keeps a share of the plane: where the values are highest.

    Args:
        percent: of the plane, rounded to 1..99.

    >>> keeping(30), describe(keeping(0.2))
    ('topK_30', 'the 1 % of the plane with the highest values')
    """
    return f"topK_{min(99, max(1, round(percent)))}"


def minmax(values: Tensor) -> Tensor:
    """(A - min A) / (max A - min A + 1e-8), item by item."""
    low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
    return (values - low) / (high - low + EPSILON)


def minmax_positive(values: Tensor) -> Tensor:
    """A₊ / (max A₊ + 1e-8) with A₊ = max(A, 0), item by item."""
    positive = values.clamp(min=0)
    return positive / (positive.amax((-2, -1), keepdim=True) + EPSILON)


def top_share(values: Tensor, percent: float) -> Tensor:
    """1 where A >= its (1 - percent/100) quantile over all freq·time values (linear interpolation), else 0."""
    flat = values.flatten(-2).detach().cpu()
    threshold = np.quantile(flat.double().numpy(), 1 - percent / 100, axis=-1)
    return (values >= torch.as_tensor(threshold).to(values)[..., None, None]).to(values)


def _bin(values: Tensor) -> Tensor:
    return (values > 0).to(values)


def _parse(preset: str) -> tuple[str, int, bool]:
    """Split a name into kind, level in percent (0 where there is none), and whether it looks at A₊."""
    if not isinstance(preset, str):
        raise unknown_name("mask", preset, PRESETS)
    match = re.fullmatch(r"(topK|pos_thresh)_([1-9]\d?)(_pos)?", preset)
    if match and not (match[1] == "pos_thresh" and match[3]):
        return match[1], int(match[2]), bool(match[3]) or match[1] == "pos_thresh"
    if preset in _PLAIN:
        return preset, 0, preset.endswith("_pos")
    raise unknown_name("mask", preset, PRESETS)


def _function(preset: str) -> Callable[[Tensor], Tensor]:
    kind, level, positive = _parse(preset)
    if kind == "topK":
        return lambda values: top_share(values.clamp(min=0) if positive else values, level)
    if kind == "pos_thresh":
        return lambda values: (minmax_positive(values) >= level / 100).to(values)
    return _PLAIN[kind]


_PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "minmax": minmax,
    "sigmoid": torch.sigmoid,
    "bin": _bin,
    "minmax_pos": minmax_positive,
    "sigmoid_pos": lambda values: torch.sigmoid(values.clamp(min=0)),
}
PRESETS: tuple[str, ...] = (
    "minmax", "sigmoid", "bin", "topK_5", "topK_30", "topK_50", "minmax_pos", "sigmoid_pos",
    "pos_thresh_25", "pos_thresh_50", "pos_thresh_75", "topK_5_pos", "topK_30_pos", "topK_50_pos",
)
