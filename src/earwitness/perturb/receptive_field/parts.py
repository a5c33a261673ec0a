"""Parts that are stretches of time, bands of frequency or both, and the coalitions as a few of them see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Integers: TypeAlias = NDArray[np.int64]
NOTHING_LOW, NOTHING_HIGH = 1 << 30, -1  # the interval of a place that sees no part: any union with it is the other


@dataclass(frozen=True, eq=False)
class SeparableParts:
    """Parts that are every combination of contiguous bands of rows and contiguous stretches of columns.

    Attributes:
        rows: number of the band of each row, (freq,), 0..bands-1.
        columns: number of the stretch of each column, (time,), 0..stretches-1.
        numbers: number of the part, (bands, stretches).
    """

    rows: Integers
    columns: Integers
    numbers: Integers

    @property
    def kind(self) -> str:
        """temporal, spectral or grid."""
        bands, stretches = self.numbers.shape
        return "temporal" if bands == 1 else "spectral" if stretches == 1 else "grid"


def separable_parts(labels: Tensor) -> SeparableParts | None:
    """Recognise temporal, spectral and grid parts; None for any others.

    Args:
        labels: number of the part of each bin, (freq, time), int64.

    >>> import torch
    >>> separable_parts(torch.tensor([[0, 0, 1], [0, 0, 1]])).kind
    'temporal'
    >>> separable_parts(torch.tensor([[0, 1], [1, 0]])) is None
    True
    """
    if labels.ndim != 2 or not labels.numel():
        return None
    table = labels.cpu().numpy()
    rows = np.concatenate([[0], (table[1:] != table[:-1]).any(1).cumsum()])
    columns = np.concatenate([[0], (table[:, 1:] != table[:, :-1]).any(0).cumsum()])
    numbers = table[np.unique(rows, return_index=True)[1]][:, np.unique(columns, return_index=True)[1]]
    if len(np.unique(numbers)) < numbers.size:  # a part in two pieces
        return None
    return SeparableParts(rows, columns, numbers.astype(np.int64))


Sight: TypeAlias = tuple[int, int, int, int]  # first and last band, first and last stretch of what a place sees


class Variants:
    """Coalitions told apart only by the parts that a place sees.

    Attributes:
        n_coalitions: rows.
        which: number of the variant of each coalition for each sight met so far, (sights, coalitions).
    """

    def __init__(self, parts: SeparableParts, coalitions: Tensor) -> None:
        """Take coalitions, (k, n) booleans."""
        self.parts, self.coalitions = parts, coalitions.cpu().numpy().astype(bool)
        self.n_coalitions = len(self.coalitions)
        self._numbers: dict[Sight, int] = {}
        self._examples: list[Integers] = []
        self.which = np.zeros((16, self.n_coalitions), dtype=np.int64)

    def sight(self, sight: Sight) -> int:
        """Return the number of a sight."""
        number = self._numbers.get(sight)
        if number is None:
            number = self._numbers[sight] = len(self._examples)
            if number == len(self.which):
                self.which = np.concatenate([self.which, np.zeros_like(self.which)])
            first_band, last_band, first_stretch, last_stretch = sight
            seen = self.parts.numbers[first_band : last_band + 1, first_stretch : last_stretch + 1].ravel()
            examples, self.which[number] = _distinct(self.coalitions[:, seen])
            self._examples.append(examples)
        return number

    def examples(self, number: int) -> Integers:
        """Return one coalition for each variant of a sight, (variants,)."""
        return self._examples[number]


def _distinct(rows: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Return where each distinct row first occurs, and which of them each row is."""
    if not rows.shape[1]:
        return np.zeros(1, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    packed = np.packbits(rows, axis=1)
    if packed.shape[1] <= 8:
        words = np.zeros((len(rows), 8), dtype=np.uint8)
        words[:, : packed.shape[1]] = packed
        _, first, index = np.unique(words.view(np.int64)[:, 0], return_index=True, return_inverse=True)
    else:
        _, first, index = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)
