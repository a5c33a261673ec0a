"""The one loop: make masked inputs batch by batch, and score them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.core.errors import EarwitnessError
from earwitness.core.types import Features
from earwitness.targets.scores import CountedScore, Score

BATCH = 32
Make = Callable[[int, int], Features]


def evaluate(
    score: Score, make: Make, n: int, *, batch: int | None = None, progress: Callable[[float], None] | None = None
) -> Tensor:
    """Score ``n`` inputs that are made batch by batch; memory does not grow with ``n``.

    Args:
        score: features -> (batch,).
        make: (first, last) -> features of the inputs first..last-1.
        n: number of inputs.
        batch: inputs at once, halved whenever memory runs out; None takes what the score's model was prepared for.
        progress: called with the share done, 0..1.

    Returns:
        Scores, (n,), double precision, on the CPU.

    Raises:
        EarwitnessError: a single input does not fit into memory.
    """
    size = batch if batch is not None else _batch_of(score)
    scores = torch.empty(n, dtype=torch.float64)
    first = 0
    with torch.no_grad():
        while first < n:
            last = min(n, first + size)
            try:
                got = _ask(score, make, first, last)
            except (torch.OutOfMemoryError, MemoryError) as error:
                if size == 1:
                    raise EarwitnessError("a single input does not fit into memory; use a shorter clip") from error
                size //= 2
                continue
            if first == 0:
                scores = scores.to(got.device, got.dtype)  # what is asked of an accelerator stays there until the end
            last = first + len(got)  # scores that are shared may have been asked for in smaller batches
            scores[first:last] = got.detach()
            first = last
            if progress is not None:
                progress(first / n)
    return scores.cpu().double()


def _ask(score: Score, make: Make, first: int, last: int) -> Tensor:
    return score.of_next(lambda: make(first, last)) if isinstance(score, CountedScore) else score(make(first, last))


def _batch_of(score: Score) -> int:
    size: int = getattr(score, "batch", BATCH)
    return size
