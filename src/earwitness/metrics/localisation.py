"""Does the explanation fall on the true evidence? Needs a known mask; one number per item."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.errors import ParameterError


def relevance_mass(values: Tensor, evidence: Tensor) -> Tensor:
    """Share of the positive relevance that falls on the true evidence. Higher is better.

    Args:
        values: explanation, (..., freq, time); negative values count as zero.
        evidence: true mask, (..., freq, time), booleans or [0, 1].

    Returns:
        0..1, (...); NaN where no value is positive. A random map scores the evidence's area.

    Source: Arras et al. 2022, relevance mass accuracy.

    >>> relevance_mass(torch.tensor([[3.0, 1.0], [-5.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    tensor(0.7500)
    """
    _same_plane(values, evidence)
    positive = values.clamp(min=0)
    return (positive * evidence.to(values)).sum((-2, -1)) / positive.sum((-2, -1))


def relevance_rank(values: Tensor, evidence: Tensor) -> Tensor:
    """Share of the true evidence among the K highest values, K being the size of the evidence. Higher is better.

    Args:
        values: explanation, (..., freq, time).
        evidence: true mask, (..., freq, time); true where above one half.

    Returns:
        0..1, (...); NaN where there is no evidence. Ties share their places. A random map scores the evidence's area.

    Source: Arras et al. 2022, relevance rank accuracy. Differs: tied values count by their expected share.

    >>> relevance_rank(torch.tensor([[3.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    tensor(0.5000)
    """
    _same_plane(values, evidence)
    shape = torch.broadcast_shapes(values.shape, evidence.shape)  # type: ignore[no-untyped-call]
    values = (values if values.is_floating_point() else values.float()).expand(shape)
    evidence = evidence.expand(shape)
    truth = (evidence > 0.5).flatten(-2).to(values.dtype)
    flat = values.flatten(-2)
    size = truth.sum(-1)
    ordered = flat.sort(-1, descending=True).values
    place = (size.long() - 1).clamp(min=0)[..., None]
    threshold = ordered.gather(-1, place)
    above, tied = (flat > threshold).to(truth), (flat == threshold).to(truth)
    places_left = size - above.sum(-1)
    hits = (above * truth).sum(-1) + (tied * truth).sum(-1) * places_left / tied.sum(-1)
    return torch.where(size > 0, hits / size, torch.full_like(size, float("nan")))


def _same_plane(values: Tensor, evidence: Tensor) -> None:
    if values.ndim < 2 or values.shape[-2:] != evidence.shape[-2:]:
        raise ParameterError(
            f"evidence has shape {tuple(evidence.shape)} but values {tuple(values.shape)}; last two axes must match"
        )
