"""The game: coalitions of a sound's parts in, scores of the model out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.core.types import Features, Progress
from earwitness.perturb.coalitions import distinct
from earwitness.perturb.components import Components, Segments, Stems
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.fills import FillContext, fill_values
from earwitness.perturb.receptive_field import CannotReuse, reuse
from earwitness.perturb.registry import ComponentsLike, make_components
from earwitness.targets.counted_score import CountedScore
from earwitness.targets.scores import Score

LEAST_SHARED = 256  # coalitions, below which finding out whether they can be shared costs more than it saves
PLAIN = "each coalition is a pass of its own"
ROUND = 256  # draws between two looks at the standard error


class CoalitionGame:
    """What a model says of coalitions of one item's parts; each distinct coalition is asked about once.

    Attributes:
        components: the parts.
        coalitions: distinct ones that were scored so far, in the order in which they first came, (u, n).
        scores: theirs, (u,), double precision, on the CPU.
        route: how the last of them were scored, in words.

    Source: the term is shapiq's, after von Neumann & Morgenstern 1944: a set function over players.
    """

    def __init__(self, score: Score | CountedScore, features: Features, components: Components, fill: Tensor) -> None:
        """Set the game up.

        Args:
            score: what is explained.
            features: one item.
            components: its parts.
            fill: what is put in place of parts that are off, (1, freq, time).
        """
        self.score, self.features, self.components, self.fill = score, features, components, fill
        self.route = PLAIN
        self.coalitions = torch.empty(0, self.n, dtype=torch.bool)
        self.scores = torch.empty(0, dtype=torch.float64)

    @property
    def n(self) -> int:
        """Number of parts."""
        return len(self.components.names)

    @property
    def evaluations(self) -> int:
        """Number of distinct coalitions that were scored so far."""
        return len(self.coalitions)

    def __call__(self, coalitions: Tensor, *, progress: Progress | None = None) -> Tensor:
        """Return scores (k,), double precision, of coalitions (k, n).

        Args:
            coalitions: booleans or zeros and ones.
            progress: called with the share of the new ones that are done.
        """
        all_coalitions, _, index = distinct(torch.cat([self.coalitions, coalitions.bool()]))
        new = all_coalitions[self.evaluations :]
        if len(new):

            def make(first: int, last: int) -> Features:
                return self.components.compose(self.features, new[first:last].to(self.features.values), self.fill)

            scores = self._shared_scores(new) if len(new) >= LEAST_SHARED else None
            if scores is None:
                scores = evaluate(self.score, make, len(new), progress=progress)
            elif progress is not None:
                progress(1.0)
            self.scores = torch.cat([self.scores, scores])
            self.coalitions = all_coalitions
        return self.scores[index[len(index) - len(coalitions) :]]

    def _shared_scores(self, coalitions: Tensor) -> Tensor | None:
        """Scores (k,) with what coalitions have in common inside the network computed once; None where that fails."""
        score, features = self.score, self.features
        if not isinstance(score, CountedScore) or not isinstance(self.components, Segments):
            return None
        if score.precision != "fp32":  # its deviation is measured on plain passes
            return None
        if score.model.front_end.network_input(features) is not features.values:
            self.route = f"{PLAIN}: the network takes sound, which every part changes everywhere"
            return None
        # the first check of a network costs a few dozen passes; ``reuse`` remembers what came of it
        field = reuse(lambda values: score.score.forward(features.with_values(values)), features.values[0],
                      self.fill.expand_as(features.values)[0], self.components.labels.to(features.values.device),
                      network=score.model.network, coalitions=coalitions, name=score.score.forward.__name__)
        if isinstance(field, str):
            self.route = f"{PLAIN}: {field}"
            return None
        passes = field.foreseen_passes
        try:
            with torch.no_grad():
                scores = score.next_outputs(lambda: field(coalitions), passes=passes)
        except CannotReuse as error:  # a network may do other things with other sounds
            self.route = f"{PLAIN}: {error}"
            return None
        if scores is None:
            self.route = f"{PLAIN}, as for the target before"
            return None
        self.route = f"{len(coalitions):,} coalitions inside the network, at the work of {passes:.1f} passes"
        return scores.detach().cpu().double()


@dataclass(frozen=True, eq=False)
class CoalitionValues:
    """Scores of distinct coalitions, and how often each was drawn.

    Attributes:
        components: the parts.
        coalitions: distinct ones, (u, n).
        scores: (u,), double precision.
        index: which distinct coalition each draw was, (k,).
        route: how they were scored, in words.
    """

    components: Components
    coalitions: Tensor
    scores: Tensor
    index: Tensor
    route: str = ""

    @property
    def counts(self) -> Tensor:
        """How often each was drawn, (u,)."""
        return torch.bincount(self.index, minlength=len(self.coalitions))

    @property
    def is_exhaustive(self) -> bool:
        """Whether each possible coalition was drawn exactly once, so that nothing is left to chance."""
        n = self.coalitions.shape[1]
        return n <= 30 and len(self.coalitions) == len(self.index) == 2**n


def make_game(
    score: Score | CountedScore, features: Features, *, components: ComponentsLike, fill: str,
    generator: torch.Generator | None = None, minimum: float | None = None,
) -> CoalitionGame:
    """Return the game of one item.

    Args:
        score: what is explained.
        features: one item.
        components: see ``make_components``.
        fill: name of a fill; parts that add up to the sound need none.
        generator: source of randomness of a random fill.
        minimum: smallest value of the data set, for "min_data".
    """
    parts = make_components(components, features, score.model)
    if isinstance(parts, Stems):
        return CoalitionGame(score, features, parts, features.values)
    context = FillContext(features.values, score.model.front_end, parts, minimum, generator)
    return CoalitionGame(score, features, parts, fill_values(fill, context))


def play(
    game: CoalitionGame, draws: Tensor, *, enough: Callable[[CoalitionValues], bool] | None = None,
    progress: Progress | None = None,
) -> CoalitionValues:
    """Score coalitions, and stop early where that is enough.

    Args:
        game: a fresh game.
        draws: coalitions (k, n), equal ones may occur.
        enough: looked at after every 256 draws; True ends the sampling.
        progress: called with the share done.
    """
    coalitions, _, index = distinct(draws)
    for drawn in range(ROUND, len(index), ROUND) if enough is not None else ():
        n_seen = int(index[:drawn].max()) + 1  # distinct ones come in the order of their first draw
        scores = game(coalitions[:n_seen], progress=_part(progress, game.evaluations, n_seen, len(coalitions)))
        values = CoalitionValues(game.components, coalitions[:n_seen], scores, index[:drawn], game.route)
        if enough is not None and enough(values):
            return values
    scores = game(coalitions, progress=_part(progress, game.evaluations, len(coalitions), len(coalitions)))
    return CoalitionValues(game.components, coalitions, scores, index, game.route)


def _part(progress: Progress | None, first: int, last: int, n: int) -> Progress | None:
    if progress is None:
        return None
    return lambda share: progress((first + share * (last - first)) / n)
