"""Rows of clips -> means of masks, with intervals, degenerate share and kept area."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from earwitness.metrics import registry
from earwitness.metrics.intervals import percentile_interval, resampled_means
from earwitness.studies.pak2025.best import GROUP, METRICS, best_masks

if TYPE_CHECKING:
    from pandas import DataFrame

RESAMPLES = 1000
SUBSETS = ("all", "correct", "wrong")
DEGENERATE = ("included", "excluded")
BESIDE = ("kept_area", "degenerate")
PLACE = ("subset", "degenerate_masks")


def summarise_metrics(rows: DataFrame, *, seed: int = 0) -> DataFrame:
    """Average the clips of every (front end, scenario, method, mask), with bootstrap intervals.

    Args:
        rows: of a sweep, one per clip, method and mask.
        seed: of the resampling.

    Returns:
        A row per mask for each subset of the clips (all, correctly and wrongly classified) and each treatment of
        degenerate masks: "included" as published, where they score 0 in SPS and COMP, and "excluded", where they are
        left out. Columns: subset, degenerate_masks, front_end, scenario, method, mask, n (clips averaged), the
        metrics, kept_area, the degenerate share, and the ends of the 95 % intervals, ``FF_low``, ``FF_high`` ...
    """
    import pandas as pd

    names = [*metrics_in(rows.columns), *BESIDE]
    counts = _resampler(seed)
    records = []
    for group_keys, some in _subsets(rows):
        for key, group in some.groupby([*GROUP, "mask"], sort=False):
            values = group[names].to_numpy(dtype=np.float64)
            is_number = np.isfinite(values)
            means = resampled_means(np.where(is_number, values, 0.0), is_number, counts(len(values)))
            low, high = percentile_interval(means)
            records.append({**group_keys, **dict(zip((*GROUP, "mask"), key, strict=True)), "n": len(values),
                          **dict(zip(names, _mean(values), strict=True)),
                          **{f"{name}_low": low[k] for k, name in enumerate(names)},
                          **{f"{name}_high": high[k] for k, name in enumerate(names)}})
    return pd.DataFrame(records)


def metrics_in(columns: Collection[str]) -> list[str]:
    """Return the metrics of a table: the published seven first."""
    return [*METRICS, *(name for name in registry.METRICS if name in columns and name not in METRICS)]


def choose(summary: DataFrame) -> DataFrame:
    """Return the best mask of every (front end, scenario, method), for each subset and treatment of degenerates.

    Args:
        summary: of ``summarise_metrics``.

    Returns:
        Rows of the summary, with ``score``.
    """
    import pandas as pd

    chosen = []
    for group, some in summary.groupby(list(PLACE), sort=False):
        best = best_masks(some)[[*GROUP, "mask", "score"]]
        best_rows = best.merge(some, on=[*GROUP, "mask"], how="left")
        chosen.append(best_rows.assign(**dict(zip(PLACE, group, strict=True))))
    return pd.concat(chosen, ignore_index=True)[[*summary.columns, "score"]]


def _subsets(rows: DataFrame) -> Iterator[tuple[dict[str, str], DataFrame]]:
    """Yield the clips of every subset and treatment; a constant mask scores 0 where it is included."""
    constant = rows["degenerate"].to_numpy(dtype=bool)
    published = rows.copy()
    published.loc[constant, ["SPS", "COMP"]] = 0.0
    correct = rows["correct"].to_numpy(dtype=bool)
    for subset, chosen in zip(SUBSETS, (np.ones(len(rows), dtype=bool), correct, ~correct), strict=True):
        for treatment, table, kept in zip(DEGENERATE, (published, rows), (chosen, chosen & ~constant), strict=True):
            if kept.any():
                yield dict(zip(PLACE, (subset, treatment), strict=True)), table[kept]


def _resampler(seed: int) -> Callable[[int], np.ndarray]:
    """Return a function: n clips -> how often each is drawn in every resample, (resamples, n); always the same."""

    @cache
    def counts(n: int) -> np.ndarray:
        rng = np.random.default_rng([seed, n])
        drawn: np.ndarray = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
        return drawn

    return counts


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    sums, sizes = np.where(known, values, 0.0).sum(0), known.sum(0)
    means: np.ndarray = np.divide(sums, sizes, out=np.full(values.shape[1], np.nan), where=sizes > 0)
    return means
