"""Which fill finds what is known to be there? N_ce between explanation and truth, and which fill to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earwitness.core.errors import DataError, ParameterError
from earwitness.metrics.intervals import percentile_interval, resampled_means
from earwitness.studies.mishra2020.fills import games_of
from earwitness.studies.mishra2020.sensitivity import weights_by
from earwitness.studies.mishra2020.spliced_excerpts import Splice
from earwitness.studies.mishra2020.top_component_overlap import common_components, top_components

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Recommendation:
    """Which fill agrees best with the truth.

    Attributes:
        fill: the best one.
        ties: fills that cannot be told from it.
        table: one row per fill, best first: share of perfect matches with a bootstrap interval, share of at least
            all but one, mean N_ce, and the interval of the difference to the best.
        n: number of excerpts.
        songs: number of recordings they are from.
    """

    fill: str
    ties: tuple[str, ...]
    table: pd.DataFrame
    n: int
    songs: int

    @property
    def sentence(self) -> str:
        """The recommendation in words."""
        best = self.table.iloc[0]
        text = (f"{self.fill}: {best['perfect']:.1%} perfect matches ({best['low']:.1%} to {best['high']:.1%}) on "
                f"{self.n} excerpts of {self.songs} recordings")
        if self.ties:
            text += f"; it cannot be told apart from {', '.join(self.ties)}"
        return text


def is_true_positive(splice: Splice) -> bool:
    """Say whether the model finds the sound: probability at least ½ alone, or the highest of several classes."""
    probabilities = splice.model.probabilities(splice.features)[0]
    if splice.model.activation == "sigmoid":
        return bool(probabilities[splice.target] >= 0.5)
    return int(probabilities.argmax()) == splice.target


def truth_rows(
    splices: Iterable[Splice], *, fills: Sequence[str], estimates: Sequence[str] = ("published", "l2 limit", "cosine"),
    seed: int = 0, minimum: float | None = None, most: int | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """Explain spliced excerpts in which the model finds the sound.

    Args:
        splices: see ``splices``.
        fills: names of fills.
        estimates: see ``sensitivity.weights_by``.
        seed: of the noise and the draws.
        minimum: smallest value of a data set, for "min_data".
        most: stop after this many true positives.

    Returns:
        One row per true positive, estimate and fill with the positive parts found and N_ce with the truth; and how
        many splices were tried.

    Source: Mishra et al. 2020, sec. V.
    """
    rows: list[dict[str, Any]] = []
    tried = n_true_positives = 0
    for splice in splices:
        tried += 1
        if not is_true_positive(splice):
            continue
        n_true_positives += 1
        games = games_of(splice.features, splice.model, splice.parts, fills, target=splice.target, seed=seed,
                         minimum=minimum)
        for fill, game in games.items():
            for estimate in estimates:
                weights = weights_by(estimate, game, seed=seed, number=tried)
                top = top_components(weights, len(splice.truth), positive=True)
                rows.append({"song": splice.song, "place": splice.place, "mix": splice.mix, "estimate": estimate,
                             "fill": fill, "truth": " ".join(map(str, sorted(splice.truth))),
                             "top": " ".join(map(str, top)), "N_ce": common_components(splice.truth, set(top)),
                             "of": len(splice.truth)})
        if most is not None and n_true_positives >= most:
            break
    return rows, tried


def recommend(rows: pd.DataFrame, *, seed: int = 0) -> Recommendation:
    """Choose the fill with the most perfect matches; recordings are drawn again and again to see how sure that is.

    Two fills cannot be told apart where the 95 % interval of the difference of their shares contains 0. Recordings,
    not excerpts, are drawn, as excerpts of one recording are alike; of a single recording, excerpts are.

    Args:
        rows: of one estimate, from ``truth_rows``.
        seed: of the bootstrap.

    Source: Mishra et al. 2020, sec. V (share of perfect matches). Differs: intervals and ties.
    """
    if not len(rows):
        raise DataError("no excerpt in which the model finds the sound; nothing can be recommended: give more data")
    key = ["song", "place", "mix"]
    if rows.duplicated([*key, "fill"]).any():
        raise ParameterError("rows hold an excerpt twice for a fill; expected those of one estimate")
    perfect = (rows.assign(hit=(rows["N_ce"] == rows["of"]).astype(float))
               .pivot_table(index=key, columns="fill", values="hit"))
    nearly = rows.assign(hit=rows["N_ce"] >= rows["of"] - 1).groupby("fill")["hit"].mean()
    mean = rows.groupby("fill")["N_ce"].mean()
    shares = _bootstrap(perfect, seed)
    own = perfect.mean()
    order = sorted(perfect.columns, key=lambda fill: (-own[fill], -mean[fill], fill))
    best = list(perfect.columns).index(order[0])
    table, ties = [], []
    for fill in order:
        drawn = shares[:, list(perfect.columns).index(fill)]
        ends = percentile_interval(np.stack([drawn, shares[:, best] - drawn], axis=1))
        (low, behind_low), (high, behind_high) = ends
        if fill != order[0] and behind_low <= 0:
            ties.append(fill)
        table.append({"fill": fill, "perfect": own[fill], "low": low, "high": high, "all_but_one": nearly[fill],
                      "mean_N_ce": mean[fill], "behind_low": behind_low, "behind_high": behind_high})
    songs = perfect.index.get_level_values("song").nunique()
    return Recommendation(order[0], tuple(ties), pd.DataFrame(table), len(perfect), songs)


def _bootstrap(perfect: pd.DataFrame, seed: int) -> np.ndarray:
    """Shares of perfect matches (draws, fills) over recordings drawn with replacement."""
    rng = np.random.default_rng(seed)
    groups = perfect.groupby(level="song")
    if len(groups) > 1:
        sums, sizes = groups.sum().to_numpy(), groups.size().to_numpy()
    else:
        sums, sizes = perfect.to_numpy(), np.ones(len(perfect))
    drawn = rng.integers(len(sums), size=(BOOTSTRAPS, len(sums)))
    counts = np.stack([np.bincount(row, minlength=len(sums)) for row in drawn])
    return resampled_means(sums, np.broadcast_to(sizes[:, None], sums.shape), counts)
