"""Ask a model about coalitions of one item's components; equal coalitions are asked about once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.core.types import Features
from earwitness.methods.evidence import Progress
from earwitness.perturb.coalitions import distinct
from earwitness.perturb.components import Components, Stems
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fills import FillContext, fill_values
from earwitness.perturb.registry import ComponentsLike, make_components
from earwitness.targets.scores import Score

ROUND = 256  # draws between two looks at the standard error


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model said of distinct coalitions.

    Attributes:
        parts: the components.
        rows: distinct coalitions, (u, n).
        scores: (u,), double precision.
        index: which distinct coalition each draw was, (k,).
    """

    parts: Components
    rows: Tensor
    scores: Tensor
    index: Tensor

    @property
    def counts(self) -> Tensor:
        """How often each was drawn, (u,)."""
        return torch.bincount(self.index, minlength=len(self.rows))

    @property
    def is_exhaustive(self) -> bool:
        """Whether each possible coalition was drawn exactly once, so that nothing is left to chance."""
        n = self.rows.shape[1]
        return n <= 30 and len(self.rows) == len(self.index) == 2**n


def ask_about_parts(
    score: Score, features: Features, *, components: ComponentsLike, fill: str, draw: Callable[[int], Tensor],
    generator: torch.Generator | None = None, minimum: float | None = None,
    enough: Callable[[Answers], bool] | None = None, progress: Progress | None = None,
) -> Answers:
    """Draw coalitions of one item's components and score the distinct ones.

    Args:
        score: what is explained.
        features: one item.
        components: see ``make_components``.
        fill: name of a fill.
        draw: number of components -> coalitions (k, n).
        generator: source of randomness of a random fill.
        minimum: smallest value of the data set, for "min_data".
        enough: looked at after every 256 draws; True ends the sampling.
        progress: called with the share done.
    """
    parts = make_components(components, features, score.model)
    if isinstance(parts, Stems):
        filling = features.values
    else:
        context = FillContext(features.values, score.model.front_end, parts, minimum, generator)
        filling = fill_values(fill, context)
    rows, _, index = distinct(draw(len(parts.names)))
    scores = torch.empty(0, dtype=torch.float64)
    for drawn in range(ROUND, len(index), ROUND) if enough is not None else ():
        scores = _more(score, features, parts, filling, rows, scores, int(index[:drawn].max()) + 1, progress)
        answers = Answers(parts, rows[: len(scores)], scores, index[:drawn])
        if enough is not None and enough(answers):
            return answers
    return Answers(parts, rows, _more(score, features, parts, filling, rows, scores, len(rows), progress), index)


def _more(
    score: Score, features: Features, parts: Components, filling: Tensor, rows: Tensor, scores: Tensor, until: int,
    progress: Progress | None,
) -> Tensor:
    """Score the distinct rows up to ``until``, after those that are scored already."""
    done = len(scores)

    def make(first: int, last: int) -> Features:
        return parts.compose(features, rows[done + first : done + last].to(features.values), filling)

    def report(share: float) -> None:
        if progress is not None:
            progress((done + share * (until - done)) / len(rows))

    return torch.cat([scores, evaluate(score, make, until - done, progress=report)])
