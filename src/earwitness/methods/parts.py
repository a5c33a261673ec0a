"""Ask a model about coalitions of one item's components; equal coalitions are asked about once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.methods.evidence import Progress
from earwitness.perturb.coalitions import distinct
from earwitness.perturb.components import Components, Stems
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fill import Context, fill_values
from earwitness.perturb.kinds import Choice, find_components
from earwitness.scores import Score
from earwitness.types import Features


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model said of distinct coalitions.

    Attributes:
        parts: the components.
        rows: distinct coalitions, (u, n).
        scores: (u,), double precision.
        counts: how often each was drawn, (u,).
    """

    parts: Components
    rows: Tensor
    scores: Tensor
    counts: Tensor


def ask_about_parts(
    score: Score, features: Features, *, components: Choice, fill: str, draw: Callable[[int], Tensor],
    generator: torch.Generator | None = None, minimum: float | None = None, progress: Progress | None = None,
) -> Answers:
    """Draw coalitions of one item's components and score the distinct ones.

    Args:
        score: what is explained.
        features: one item.
        components: see ``find_components``.
        fill: name of a fill.
        draw: number of components -> coalitions (k, n).
        generator: source of randomness of a random fill.
        minimum: smallest value of the data set, for "min_data".
        progress: called with the share done.
    """
    parts = find_components(components, features, score.model)
    if isinstance(parts, Stems):
        filling = features.values
    else:
        context = Context(features.values, score.model.front_end, parts, minimum, generator)
        filling = fill_values(fill, context)
    rows, counts, _ = distinct(draw(len(parts.names)))

    def make(first: int, last: int) -> Features:
        return parts.compose(features, rows[first:last].to(features.values), filling)

    return Answers(parts, rows, evaluate(score, make, len(rows), progress=progress), counts)
