"""Is the mask focused? Computed on the mask, one number per item."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name

Convention = Literal["nan", "pak2025"]
OFFSET = 1e-7


def is_degenerate(mask: Tensor) -> Tensor:
    """Say whether a mask is constant: it selects nothing, whatever its scores say.

    Args:
        mask: (..., freq, time).

    Returns:
        Booleans, (...).

    >>> is_degenerate(torch.stack([torch.ones(2, 2), torch.eye(2)]))
    tensor([ True, False])
    """
    flat = _flat(mask)
    return flat.amax(-1) == flat.amin(-1)


def kept_area(mask: Tensor) -> Tensor:
    """Share of the time-frequency plane that the mask keeps: the mean of the mask.

    Args:
        mask: (..., freq, time) in [0, 1].

    Returns:
        0..1, (...).
    """
    return _flat(mask).double().mean(-1).to(mask.dtype if mask.is_floating_point() else torch.float32)


def sparseness(mask: Tensor, *, convention: Convention = "nan") -> Tensor:
    """SPS, sparseness: the Gini index of the absolute values + 1e-7. Higher is more focused.

    Args:
        mask: (..., freq, time).
        convention: what a constant mask scores: "nan", or "pak2025" for the published 0.

    Returns:
        0..1, (...).

    Source: Chalasani et al. 2020; Pak & Teryokhina 2025, with the 1e-7 that Quantus adds to every value,
    which lowers the score of masks with a handful of bins by some 1e-4.
    Differs: a constant mask is NaN unless the published convention is asked for.

    >>> sparseness(torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor(0.7500)
    """
    ordered = (_flat(mask).double().abs() + OFFSET).sort(-1).values
    d = ordered.shape[-1]
    rank_weights = (d - torch.arange(1, d + 1, device=mask.device, dtype=torch.float64) + 0.5) / d
    total = ordered.sum(-1)
    gini = 1 - 2 * (ordered * rank_weights).sum(-1) / total
    return _with_convention(gini, mask, convention)


def complexity(mask: Tensor, *, convention: Convention = "nan") -> Tensor:
    """COMP, complexity: the entropy (natural logarithm) of the mask seen as a distribution. Lower is simpler.

    Args:
        mask: (..., freq, time).
        convention: what a constant mask scores: "nan", or "pak2025" for the published 0.

    Returns:
        0 to ln(freq·time), (...).

    Source: Bhatt et al. 2020; Pak & Teryokhina 2025 (as Quantus computes it).
    Differs: a constant mask is NaN unless the published convention is asked for.

    >>> complexity(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    tensor(0.6931)
    """
    sizes = _flat(mask).double().abs()
    shares = sizes / sizes.sum(-1, keepdim=True)
    entropy = -torch.xlogy(shares, shares).sum(-1)
    return _with_convention(entropy, mask, convention)


def _with_convention(scores: Tensor, mask: Tensor, convention: Convention) -> Tensor:
    if convention not in ("nan", "pak2025"):
        raise unknown_name("convention", convention, ("nan", "pak2025"))
    constant = 0.0 if convention == "pak2025" else float("nan")
    scores = torch.where(is_degenerate(mask), torch.full_like(scores, constant), scores)
    return scores.to(mask.dtype if mask.is_floating_point() else torch.float32)


def _flat(mask: Tensor) -> Tensor:
    if mask.ndim < 2:
        raise ParameterError(f"mask has shape {tuple(mask.shape)}; expected (..., freq, time)")
    return mask.flatten(-2).to(torch.float32 if not mask.is_floating_point() else mask.dtype)
