"""How alike two explanations are; one number per item."""

from __future__ import annotations

from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.metrics.localisation import average_ranks


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Correlation of the ranks of two maps: 1 where both order the plane alike, 0 where they have nothing in common.

    Args:
        first: explanation, (..., freq, time).
        second: explanation, same shape.

    Returns:
        -1..1, (...), double precision; NaN where a map is constant.

    Source: Spearman 1904; as a similarity of explanations Adebayo et al. 2018.

    >>> import torch
    >>> round(float(rank_correlation(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 4.0, 9.0]]))), 6)
    1.0
    """
    if first.shape != second.shape or first.ndim < 2:
        raise ParameterError(f"maps have shapes {tuple(first.shape)} and {tuple(second.shape)}; "
                             "expected one shape (..., freq, time)")
    ranks = [average_ranks(values.flatten(-2).double()) for values in (first, second)]
    centred = [rank - rank.mean(-1, keepdim=True) for rank in ranks]
    sizes = [rank.square().sum(-1).sqrt() for rank in centred]
    return (centred[0] * centred[1]).sum(-1) / (sizes[0] * sizes[1])
