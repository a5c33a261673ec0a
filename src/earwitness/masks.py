"""Attribution -> mask: which part of the plane counts as the evidence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Attribution

EPSILON = 1e-8


@dataclass(frozen=True)
class Mask:
    """A way to turn evidence into a mask.

    Attributes:
        make: values (freq, time) or (batch, freq, time) -> mask of the same shape in 0..1; where the name has a level,
            as in "topK_N", it is the second argument, in percent.
        words: what it keeps, in one line; "{}" stands for the level.
        formula: of the values A, for the glossary; A₊ is max(A, 0).
        is_share: the level is the share of the plane that is kept.
    """

    make: Callable[..., Tensor]
    words: str
    formula: str = ""
    is_share: bool = False


def make(attribution: Attribution | Tensor, preset: str) -> Tensor:
    """Turn an attribution into a mask.

    Besides the presets, ``topK_N``, ``topK_N_pos`` and ``pos_thresh_N`` work for any N in 1..99, and what is added to
    ``MASKS``.

    Args:
        attribution: an Attribution, or its values A, (freq, time) or (batch, freq, time).
        preset: a name of ``names()``; see ``describe``.

    Returns:
        Same shape, in [0, 1]; floating also where the mask is binary.

    Raises:
        ParameterError: unknown mask, or values that are not finite.

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
    mask, level = _parse(preset)
    plain = values.detach() if values.is_floating_point() else values.float()
    made = mask.make(plain) if level is None else mask.make(plain, level)
    if not isinstance(made, Tensor) or made.shape != plain.shape:
        got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ParameterError(f"mask {preset!r} gave {got}; expected the shape of the values, {tuple(plain.shape)}")
    return made


def describe(preset: str) -> str:
    """Say in one line what a mask keeps.

    >>> describe("topK_30_pos")
    'the 30 % of the plane with the most evidence for the target'
    """
    mask, level = _parse(preset)
    return mask.words.format(level)


def share_of(preset: str) -> float | None:
    """Return the share of the plane that a mask asks for, or None where it asks for none; with ties it keeps more.

    >>> share_of("topK_30_pos"), share_of("bin")
    (0.3, None)
    """
    mask, level = _parse(preset)
    return level / 100 if level is not None and mask.is_share else None


def names() -> tuple[str, ...]:
    """Return the masks to choose from: the published presets, then those that were added to ``MASKS``."""
    return (*PRESETS, *(name for name in MASKS if name not in PRESETS and not _is_pattern(name)))


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


def _is_pattern(name: str) -> bool:
    return LEVEL in name.split("_")


def _parse(preset: str) -> tuple[Mask, int | None]:
    """Return the mask that a name means, and its level in percent where the name has one."""
    if not isinstance(preset, str):
        raise unknown_name("mask", preset, names())
    if preset in MASKS and not _is_pattern(preset):
        return _checked(preset), None
    for name in filter(_is_pattern, MASKS):
        pattern = "_".join(r"([1-9]\d?)" if part == LEVEL else re.escape(part) for part in name.split("_"))
        match = re.fullmatch(pattern, preset)
        if match:
            return _checked(name), int(match[1])
    raise unknown_name("mask", preset, names())


def _checked(name: str) -> Mask:
    mask = MASKS[name]
    if not isinstance(mask, Mask):
        raise ParameterError(f"mask {name!r} is a {type(mask).__name__}; expected MASKS[{name!r}] = Mask(make, words)")
    return mask


LEVEL = "N"  # in a name of ``MASKS``: stands for a whole number of percent, 1 to 99
MASKS: dict[str, Mask] = {
    "minmax": Mask(minmax, "all of it, in proportion to the evidence, from lowest to highest value",
                   "(A - min A) / (max A - min A)"),
    "sigmoid": Mask(torch.sigmoid, "all of it, through the logistic function", "1 / (1 + e⁻ᴬ)"),
    "bin": Mask(_bin, "where the evidence speaks for the target", "1 where A > 0"),
    "topK_N": Mask(top_share, "the {} % of the plane with the highest values",
                   "1 where A is among the highest N % of the plane", is_share=True),
    "minmax_pos": Mask(minmax_positive, "in proportion to the evidence for the target", "A₊ / max A₊"),
    "sigmoid_pos": Mask(lambda values: torch.sigmoid(values.clamp(min=0)),
                        "all of it, through the logistic function of the evidence for the target", "sigmoid of A₊"),
    "pos_thresh_N": Mask(lambda values, level: (minmax_positive(values) >= level / 100).to(values),
                         "where the evidence for the target exceeds {} % of its maximum", "1 where A₊ ≥ N % of max A₊"),
    "topK_N_pos": Mask(lambda values, level: top_share(values.clamp(min=0), level),
                       "the {} % of the plane with the most evidence for the target", "topK_N of A₊", is_share=True),
}
PRESETS: tuple[str, ...] = (  # of Pak & Teryokhina 2025: a published plan must not grow with ``MASKS``
    "minmax", "sigmoid", "bin", "topK_5", "topK_30", "topK_50", "minmax_pos", "sigmoid_pos",
    "pos_thresh_25", "pos_thresh_50", "pos_thresh_75", "topK_5_pos", "topK_30_pos", "topK_50_pos",
)
