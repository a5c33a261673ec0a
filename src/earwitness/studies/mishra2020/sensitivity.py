"""Does the explanation change with the fill? N_ce between explanations of one excerpt that differ in the fill only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from torch import Tensor

from earwitness.perturb.game import CoalitionGame
from earwitness.studies.mishra2020.excerpts import Excerpt, seeded
from earwitness.studies.mishra2020.surrogate import (
    PUBLISHED_SAMPLES,
    Draws,
    default_weights,
    draw_rows,
    limit_weights,
    weights_of,
)
from earwitness.studies.mishra2020.top_component_overlap import common_components, top_components

REFERENCE = "zero"
ESTIMATES = ("published", "l2 limit", "cosine")


def weights_by(estimate: str, game: CoalitionGame, *, seed: int, number: int) -> Tensor:
    """Return the weights of one explanation.

    Args:
        estimate: "published" (l2 kernel, 70,000 samples), "l2 limit" (the same without chance) or "cosine" (every
            coalition once, as this library's ``slime``).
        game: answers.
        seed: of the draws.
        number: of the excerpt, for its draws.
    """
    if estimate == "l2 limit":
        return limit_weights(game, distance="l2")
    if estimate == "cosine":
        return default_weights(game)
    draws = _published_draws(game.n, seed, number)
    return weights_of(draws.rows, game(draws.rows), draws.counts[0], distance="l2")


def sensitivity_rows(
    excerpt: Excerpt, number: int, games: Mapping[str, CoalitionGame], *, kind: str, probability: float, seed: int
) -> list[dict[str, Any]]:
    """Explain one excerpt with every fill.

    Args:
        excerpt: what is explained.
        number: of the excerpt, for its draws.
        games: one per fill.
        kind: of the parts, for the rows.
        probability: of the class that is explained, for the rows.
        seed: of the draws.

    Returns:
        One row per estimate and fill: the top three by magnitude, and N_ce with the fill "zero" (NaN where it is not
        among the fills).
    """
    rows = []
    for estimate in ESTIMATES:
        tops = {fill: top_components(weights_by(estimate, game, seed=seed, number=number))
                for fill, game in games.items()}
        rows += [{
            "song": excerpt.song, "start_s": round(excerpt.start_s, 3), "sung": excerpt.sung,
            "probability": round(probability, 4), "kind": kind, "estimate": estimate, "fill": fill,
            "top": " ".join(map(str, top)),
            "N_ce": common_components(top, tops[REFERENCE]) if REFERENCE in tops else float("nan"),
        } for fill, top in tops.items()]
    return rows


@lru_cache(maxsize=4)
def _published_draws(n: int, seed: int, number: int) -> Draws:
    """The same draws for every fill of an excerpt."""
    return draw_rows(n, (PUBLISHED_SAMPLES,), generator=seeded(seed, number))
