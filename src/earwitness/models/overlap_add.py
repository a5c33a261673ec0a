"""OverlapAdd: pieces in order of time, joined along it."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness import audio


class OverlapAdd:
    """Joins pieces that come in order of time; gives back what no later piece can change.

    Args:
        crossfade: where pieces overlap, take their mean, weighted by a triangle over each; otherwise each lasts until
            the next begins.
    """

    def __init__(self, *, crossfade: bool) -> None:
        self.crossfade = crossfade
        self.start = 0
        self.dtype = torch.float32
        self.total: Tensor | None = None
        self.weight = torch.zeros(0, dtype=torch.float64)

    def add(self, piece: Tensor, start: int) -> Tensor:
        """Add a piece (rows, n) that begins at column ``start``, no earlier than the one before it.

        Returns:
            The columns before ``start`` that had not been given back yet, (rows, m).
        """
        if self.total is None:
            self.total = piece[:, :0].double() if self.crossfade else piece[:, :0]
            self.weight, self.dtype = self.weight.to(piece.device), piece.dtype
        # No later piece begins before this one, so what lies before ``start`` is final: only columns that still overlap
        # are held, however long the recording.
        done = self._columns(start - self.start)
        self.total, self.weight = self.total[:, start - self.start :], self.weight[start - self.start :]
        self.start, n = start, piece.shape[1]
        if not self.crossfade:  # frames lie side by side, as published for VGGish: nothing to average
            self.total = piece
            return done
        spare = max(0, n - self.total.shape[1])
        self.total = torch.nn.functional.pad(self.total, (0, spare))
        self.weight = torch.nn.functional.pad(self.weight, (0, spare))
        columns = torch.arange(n, device=piece.device)
        # from 1, not 0: a column that only the edge of one piece covers still has a weight to divide by
        triangle = torch.minimum(columns + 1, n - columns).double()
        self.total[:, :n] += triangle * piece
        self.weight[:n] += triangle
        return done

    def flush(self) -> Tensor:
        """Return what is left, (rows, m)."""
        if self.total is None:
            return torch.zeros(0, 0)
        return self._columns(self.total.shape[1])

    def _columns(self, count: int) -> Tensor:
        """The first columns; silence where pieces left a gap."""
        assert self.total is not None
        columns = self.total[:, :count]
        if self.crossfade:  # a gap is 0 over 0: the floor makes silence of it, not NaN
            columns = columns / self.weight[:count].clamp(min=1e-300)
        return audio.fit_length(columns, count).to(self.dtype)
