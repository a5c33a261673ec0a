"""Does the model agree that the kept part is the evidence? Probabilities in, one number per item out.

All five follow Pak & Teryokhina 2025, sec. II-D (after Paissan et al. 2024); their averages over N clips
are the ``mean()`` of what these functions return. p is the probability of the class that was explained.
"""

from __future__ import annotations

from torch import Tensor

from earwitness.core.errors import ParameterError


def faithfulness(p: Tensor, p_removed: Tensor) -> Tensor:
    """FF, faithfulness on spectra: how much probability the model loses without the evidence. Higher is better.

    Args:
        p: probability on the original, (...), 0..1.
        p_removed: probability on what the mask removes (evidence taken away), (...).

    Returns:
        p - p_removed, (...), -1..1.

    >>> import torch
    >>> faithfulness(torch.tensor([0.9]), torch.tensor([0.2]))
    tensor([0.7000])
    """
    _same_shape(p, p_removed, "p_removed")
    return p - p_removed


def average_increase(p: Tensor, p_kept: Tensor) -> Tensor:
    """AI, average increase, in percent: does the evidence alone raise the probability? Higher is better.

    Args:
        p: probability on the original, (...).
        p_kept: probability on what the mask keeps, (...).

    Returns:
        100 where p_kept > p, else 0, (...).
    """
    _same_shape(p, p_kept, "p_kept")
    return 100.0 * (p_kept > p).to(p)


def average_drop(p: Tensor, p_kept: Tensor) -> Tensor:
    """AD, average drop, in percent: which share of the probability is lost on the evidence alone. Lower is better.

    Args:
        p: probability on the original, (...).
        p_kept: probability on what the mask keeps, (...).

    Returns:
        100·max(0, p - p_kept) / (p + 1e-6), (...), 0..100.
    """
    _same_shape(p, p_kept, "p_kept")
    return 100.0 * (p - p_kept).clamp(min=0) / (p + 1e-6)


def average_gain(p: Tensor, p_kept: Tensor) -> Tensor:
    """AG, average gain, in percent: which share of the missing probability the evidence alone wins. Higher is better.

    Args:
        p: probability on the original, (...).
        p_kept: probability on what the mask keeps, (...).

    Returns:
        100·max(0, p_kept - p) / (1 - p + 1e-6), (...), 0..100.
    """
    _same_shape(p, p_kept, "p_kept")
    return 100.0 * (p_kept - p).clamp(min=0) / (1 - p + 1e-6)


def input_fidelity(probabilities: Tensor, probabilities_kept: Tensor) -> Tensor:
    """Fid-In, input fidelity: does the evidence alone lead to the same decision? Higher is better.

    Args:
        probabilities: of all classes on the original, (..., classes).
        probabilities_kept: of all classes on what the mask keeps, (..., classes).

    Returns:
        1 where the most probable class is the same, else 0, (...); of a single class, where both are at least ½ or
        both below.
    """
    _same_shape(probabilities, probabilities_kept, "probabilities_kept")
    return (_decision(probabilities) == _decision(probabilities_kept)).to(probabilities)


def _decision(probabilities: Tensor) -> Tensor:
    return probabilities.argmax(-1) if probabilities.shape[-1] > 1 else probabilities[..., 0] >= 0.5


def _same_shape(expected: Tensor, got: Tensor, name: str) -> None:
    if expected.shape != got.shape:
        raise ParameterError(
            f"{name} has shape {tuple(got.shape)}; expected that of the original, {tuple(expected.shape)}"
        )
