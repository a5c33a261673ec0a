"""What a model says of coalitions of one excerpt's parts; every distinct coalition is asked about once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.models import AudioModel
from earwitness.models.networks.singing_voice import SingingVoiceNet
from earwitness.perturb.components import Segments
from earwitness.perturb.evaluate import evaluate
from earwitness.studies.mishra2020.fills import filling_of
from earwitness.studies.mishra2020.receptive_field import LocalAnswers
from earwitness.targets.scores import ClassProbability, Score

MOST_PARTS = 62


class Game(Protocol):
    """Coalitions in, scores out.

    Attributes:
        n: number of parts.
        asked: number of distinct coalitions that were scored so far.
    """

    n: int

    @property
    def asked(self) -> int:
        """Number of distinct coalitions that were scored so far."""
        ...

    def __call__(self, rows: Tensor) -> Tensor:
        """Return scores (k,), double precision, of coalitions (k, n)."""
        ...


class RememberedGame:
    """Asks the model about coalitions it has not been asked about, and remembers what it said.

    Args:
        score: what is explained.
        features: one item.
        parts: its parts.
        filling: what is put in place of parts that are off, (1, freq, time).
    """

    def __init__(self, score: Score, features: Features, parts: Segments, filling: Tensor) -> None:
        self.score, self.features, self.parts, self.filling = score, features, parts, filling
        self.n = len(parts.names)
        self.codes = torch.empty(0, dtype=torch.int64)
        self.scores = torch.empty(0, dtype=torch.float64)

    @property
    def asked(self) -> int:
        """Number of distinct coalitions that were scored so far."""
        return len(self.codes)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return scores (k,) of coalitions (k, n)."""
        codes = code_of(rows)
        found, first = torch.unique(codes, return_inverse=True)
        some_row = torch.empty(len(found), dtype=torch.int64).scatter_(0, first, torch.arange(len(codes)))
        new = ~torch.isin(found, self.codes)
        if bool(new.any()):
            self._ask(rows[some_row[new]], found[new])
        return self.scores[torch.searchsorted(self.codes, codes)]

    def _ask(self, rows: Tensor, codes: Tensor) -> None:
        self.codes, order = torch.sort(torch.cat([self.codes, codes]))
        self.scores = torch.cat([self.scores, self._score(rows)])[order]

    def _score(self, rows: Tensor) -> Tensor:
        def make(first: int, last: int) -> Features:
            return self.parts.compose(self.features, rows[first:last].to(self.features.values), self.filling)

        return evaluate(self.score, make, len(rows))


class LocalGame(RememberedGame):
    """The same for the singing voice detector, whose parts meet only in its dense layers; see ``local``."""

    def __init__(self, score: ClassProbability, features: Features, parts: Segments, filling: Tensor) -> None:
        super().__init__(score, features, parts, filling)
        assert isinstance(score.model.network, SingingVoiceNet)
        self.answers = LocalAnswers(score.model.network, features.values[0], parts.labels, filling[0])

    def _score(self, rows: Tensor) -> Tensor:
        return torch.sigmoid(self.answers(rows).double())


def make_game(score: Score, features: Features, parts: Segments, filling: Tensor) -> Game:
    """Return the cheapest game that gives the model's answers.

    Args:
        score: what is explained.
        features: one item.
        parts: its parts, at most 62.
        filling: what is put in place of parts that are off, (1, freq, time).
    """
    if len(parts.names) > MOST_PARTS:
        raise ParameterError(f"{len(parts.names)} parts; expected at most {MOST_PARTS}")
    if isinstance(score, ClassProbability) and isinstance(score.model.network, SingingVoiceNet):
        return LocalGame(score, features, parts, filling)
    return RememberedGame(score, features, parts, filling)


def games_of(
    features: Features, model: AudioModel, parts: Segments, fills: Sequence[str], *, target: int = 0, seed: int = 0,
    minimum: float | None = None,
) -> dict[str, Game]:
    """Return one game per fill for one item; the probability of a class is explained.

    Args:
        features: one item.
        model: the classifier.
        parts: the item's parts.
        fills: names of fills.
        target: the class.
        seed: of the noise.
        minimum: smallest value of a data set, for "min_data"; None takes the front end's.
    """
    score = ClassProbability(model, target)
    return {fill: make_game(score, features, parts,
                            filling_of(fill, features, model, parts, seed=seed, minimum=minimum)) for fill in fills}


def code_of(rows: Tensor) -> Tensor:
    """Return each coalition (k, n) as a number, the first part being the lowest bit, (k,).

    >>> code_of(torch.tensor([[1, 0, 1]])).tolist()
    [5]
    """
    return (rows.long() << torch.arange(rows.shape[1])).sum(1)
