"""The one loop: make masked inputs batch by batch, and score them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from earwitness.core.errors import EarwitnessError
from earwitness.core.types import Features, Progress
from earwitness.targets.counted_score import BATCH, CountedScore
from earwitness.targets.scores import Score

Make = Callable[[int, int], Features]


def evaluate(
    score: Score | CountedScore, make: Make, n: int, *, batch: int | None = None, progress: Progress | None = None
) -> Tensor:
    """Score ``n`` inputs that are made batch by batch; memory does not grow with ``n``.

    Args:
        score: features -> (batch,).
        make: (first, last) -> features of the inputs first..last-1.
        n: number of inputs.
        batch: inputs at once, halved whenever memory runs out; None takes what suits the score's model.
        progress: called with the share done, 0..1.

    Returns:
        Scores, (n,), double precision, on the CPU.

    Raises:
        EarwitnessError: a single input does not fit into memory.
    """
    size: int = batch if batch is not None else getattr(score, "batch", BATCH)
    # a score that shares its passes with others may not need the inputs at all, so it is handed their recipe
    next_batch = score.next_batch if isinstance(score, CountedScore) and score.shared is not None else None
    scores = torch.empty(n, dtype=torch.float64)
    first = 0
    with torch.no_grad():
        while first < n:
            last = min(n, first + size)
            try:
                batch_scores = next_batch(partial(make, first, last)) if next_batch else score(make(first, last))
            except (torch.OutOfMemoryError, MemoryError) as error:
                if size == 1:
                    raise EarwitnessError("a single input does not fit into memory; use a shorter clip") from error
                size //= 2
                continue
            if first == 0:  # what an accelerator computes stays there until the end: each copy would wait for it
                scores = scores.to(batch_scores.device, batch_scores.dtype)
            last = first + len(batch_scores)  # shared scores may have been computed in smaller batches
            scores[first:last] = batch_scores.detach()
            first = last
            if progress is not None:
                progress(first / n)
    return scores.cpu().double()
