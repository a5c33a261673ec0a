"""From the places of tokens to the plane that is explained."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.frontends import FrontEnd
from earwitness.models.token_maps import TokenMaps


def onto_plane(maps: TokenMaps, front_end: FrontEnd, n_frames: int) -> Tensor:
    """Interpolate tokens linearly in Hz and seconds; beyond the outermost centres they keep their value.

    On a plane of one row, tokens above one another are averaged.

    Args:
        maps: values (batch, channels, rows, columns).
        front_end: whose plane it is.
        n_frames: columns of the plane.

    Returns:
        (batch, channels, freq, time).
    """
    values = maps.values
    if maps.frequencies_hz is None or front_end.n_bins == 1:
        values = values.mean(2, keepdim=True).expand(-1, -1, front_end.n_bins, -1)
    else:
        values = _interpolation(front_end.frequencies_hz, maps.frequencies_hz).to(values) @ values
    return values @ _interpolation(front_end.times_s(n_frames), maps.times_s).to(values).T


def _interpolation(points: Tensor, positions: Tensor) -> Tensor:
    """Return the matrix (points, positions) of linear interpolation between rising positions."""
    if len(positions) == 1:
        return torch.ones(len(points), 1, dtype=torch.float64)
    at = points.double().clamp(positions[0], positions[-1])
    left = torch.searchsorted(positions, at, right=True).clamp(1, len(positions) - 1) - 1
    share = ((at - positions[left]) / (positions[left + 1] - positions[left]))[:, None]
    columns = torch.arange(len(positions))
    return (columns == left[:, None]) * (1 - share) + (columns == left[:, None] + 1) * share
