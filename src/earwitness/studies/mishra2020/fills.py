"""All fills, each as one plane and one game for one excerpt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.models import AudioModel
from earwitness.perturb.components import Segments
from earwitness.perturb.fills import FILLS, FillContext, fill_values
from earwitness.perturb.game import CoalitionGame
from earwitness.targets import CountedScore
from earwitness.targets.scores import ClassProbability

PUBLISHED = ("zero", "min_data", "min_inp", "mean_inp", "noise_data")
PUBLISHED_NAMES = {"zero": "zero", "min_data": "min_data", "min_inp": "min_inp", "mean_inp": "mean_inp",
                   "noise_data": "N_g^norm"}


def filling_of(
    name: str, features: Features, model: AudioModel, parts: Segments, *, seed: int, minimum: float | None = None
) -> Tensor:
    """Return a fill for one item, (1, freq, time); noise is one fixed array, the same for every excerpt.

    Args:
        name: of the fill.
        features: one item.
        model: hears it.
        parts: what is switched, for the mean of each.
        seed: of the noise.
        minimum: smallest value of a data set, for "min_data"; None takes the front end's.
    """
    generator = torch.Generator().manual_seed(seed)
    return fill_values(name, FillContext(features.values, model.front_end, parts, minimum, generator))


def usable_fills(
    names: Iterable[str], features: Features, model: AudioModel, parts: Segments, *, minimum: float | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the fills that this model allows, and why the others are left out."""
    usable, missing = [], {}
    for name in names:
        try:
            filling_of(name, features, model, parts, seed=0, minimum=minimum)
            usable.append(name)
        except ParameterError as error:
            if name not in FILLS:
                raise
            missing[name] = str(error)
    return usable, missing


def games_of(
    features: Features, model: AudioModel, parts: Segments, fills: Sequence[str], *, target: int = 0, seed: int = 0,
    minimum: float | None = None,
) -> dict[str, CoalitionGame]:
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
    score = CountedScore(ClassProbability(model, target))
    return {name: CoalitionGame(score, features, parts,
                                filling_of(name, features, model, parts, seed=seed, minimum=minimum)) for name in fills}
