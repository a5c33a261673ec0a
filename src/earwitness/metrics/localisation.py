"""Does the explanation fall on the true evidence? Needs a known mask; one number per item."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError


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
    flat, truth = _flat_pair(values, evidence)
    size = truth.sum(-1)
    return _where_known(truth, _hits(flat, truth, size) / size)


def pointing_game(values: Tensor, evidence: Tensor) -> Tensor:
    """Does the highest value lie on the true evidence? Higher is better.

    Args:
        values: explanation, (..., freq, time).
        evidence: true mask, (..., freq, time); true where above one half.

    Returns:
        1 or 0, (...); a share where several bins hold the maximum; NaN where there is no evidence. A random map
        scores the evidence's area.

    Source: Zhang et al. 2018. Differs: tied maxima count by their expected share.

    >>> pointing_game(torch.tensor([[3.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    tensor(1.)
    """
    flat, truth = _flat_pair(values, evidence)
    highest = (flat == flat.amax(-1, keepdim=True)).to(truth)
    return _where_known(truth, (highest * truth).sum(-1) / highest.sum(-1))


def localisation_auc(values: Tensor, evidence: Tensor) -> Tensor:
    """Probability that a bin of the true evidence has a higher value than another bin. Higher is better.

    The area under the curve of hit rate over false alarms, as the threshold falls.

    Args:
        values: explanation, (..., freq, time).
        evidence: true mask, (..., freq, time); true where above one half.

    Returns:
        0..1, (...); ties count one half; NaN where all or nothing is evidence. A random map scores 0.5.

    Source: Hanley & McNeil 1982 (rank form of the area).

    >>> localisation_auc(torch.tensor([[3.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    tensor(0.7500)
    """
    flat, truth = _flat_pair(values, evidence)
    inside = truth.sum(-1)
    outside = truth.shape[-1] - inside
    ranks = average_ranks(flat.double())
    wins = (ranks * truth).sum(-1) - inside.double() * (inside.double() + 1) / 2
    area = (wins / (inside.double() * outside)).to(truth)
    return torch.where((inside > 0) & (outside > 0), area, torch.full_like(area, float("nan")))


def top_k_iou(values: Tensor, evidence: Tensor, *, k: int | None = None) -> Tensor:
    """Overlap of the K highest values with the true evidence: intersection over union. Higher is better.

    Args:
        values: explanation, (..., freq, time).
        evidence: true mask, (..., freq, time); true where above one half.
        k: number of bins; None takes the size of the evidence.

    Returns:
        0..1, (...); ties share their places; NaN where there is no evidence.

    Source: Theiner et al. 2022 (top-k intersection). Differs: over the union; tied values by their expected share.

    >>> top_k_iou(torch.tensor([[3.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    tensor(0.3333)
    """
    if k is not None and not 1 <= k <= values.shape[-1] * values.shape[-2]:
        raise ParameterError(f"k is {k}; expected 1 to {values.shape[-1] * values.shape[-2]} bins")
    flat, truth = _flat_pair(values, evidence)
    size = truth.sum(-1)
    n_highest = size if k is None else torch.full_like(size, k)
    hits = _hits(flat, truth, n_highest)
    return _where_known(truth, hits / (n_highest + size - hits))


def average_ranks(flat: Tensor) -> Tensor:
    """Rank values along the last axis from 1, tied values sharing the mean of their places.

    >>> average_ranks(torch.tensor([5.0, 1.0, 5.0], dtype=torch.float64))
    tensor([2.5000, 1.0000, 2.5000], dtype=torch.float64)
    """
    ordered = flat.sort(-1).values.contiguous()
    below = torch.searchsorted(ordered, flat.contiguous(), right=False)
    up_to = torch.searchsorted(ordered, flat.contiguous(), right=True)
    return (below + up_to + 1).to(flat) / 2


def _flat_pair(values: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor]:
    """Values and truth (0 or 1), (..., freq·time), of one floating type."""
    _same_plane(values, evidence)
    shape = torch.broadcast_shapes(values.shape, evidence.shape)  # type: ignore[no-untyped-call]
    values = (values if values.is_floating_point() else values.float()).expand(shape)
    return values.flatten(-2), (evidence.expand(shape) > 0.5).flatten(-2).to(values.dtype)


def _hits(flat: Tensor, truth: Tensor, n_highest: Tensor) -> Tensor:
    """How much of the truth lies on the ``n_highest`` (...) highest values; ties count by their expected share."""
    ordered = flat.sort(-1, descending=True).values
    threshold = ordered.gather(-1, (n_highest.long() - 1).clamp(min=0)[..., None])
    above, tied = (flat > threshold).to(truth), (flat == threshold).to(truth)
    places_left = n_highest - above.sum(-1)
    return (above * truth).sum(-1) + (tied * truth).sum(-1) * places_left / tied.sum(-1)


def _where_known(truth: Tensor, scores: Tensor) -> Tensor:
    return torch.where(truth.sum(-1) > 0, scores, torch.full_like(scores, float("nan")))


def _same_plane(values: Tensor, evidence: Tensor) -> None:
    if values.ndim < 2 or values.shape[-2:] != evidence.shape[-2:]:
        raise ParameterError(
            f"evidence has shape {tuple(evidence.shape)} but values {tuple(values.shape)}; last two axes must match"
        )
