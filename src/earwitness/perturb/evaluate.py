"""The one loop: make masked inputs batch by batch, and score them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.errors import EarwitnessError
from earwitness.scores import Score
from earwitness.types import Features

BATCH = 32
Make = Callable[[int, int], Features]
OnBatch = Callable[[int, int, Tensor], None]


def evaluate(
    score: Score, make: Make, n: int, *, batch: int = BATCH, on_batch: OnBatch | None = None,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """Score ``n`` inputs that are made batch by batch; memory does not grow with ``n``.

    Args:
        score: features -> (batch,).
        make: (first, last) -> features of the inputs first..last-1.
        n: number of inputs.
        batch: inputs at once; halved whenever memory runs out.
        on_batch: called with (first, last, scores) as soon as a batch is scored.
        progress: called with the share done, 0..1.

    Returns:
        Scores, (n,), on the CPU.

    Raises:
        EarwitnessError: a single input does not fit into memory.
    """
    scores = torch.empty(n, dtype=torch.float64)
    first = 0
    with torch.no_grad():
        while first < n:
            last = min(n, first + batch)
            try:
                got = score(make(first, last))
            except (torch.OutOfMemoryError, MemoryError) as error:
                if batch == 1:
                    raise EarwitnessError("a single input does not fit into memory; use a shorter clip") from error
                batch //= 2
                continue
            scores[first:last] = got.detach().cpu().double()
            if on_batch is not None:
                on_batch(first, last, got)
            first = last
            if progress is not None:
                progress(first / n)
    return scores
