"""Which mask suits a method best? The published choice among masks that trade seven metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earwitness.core.errors import ParameterError
from earwitness.metrics import registry

if TYPE_CHECKING:
    from pandas import DataFrame

METRICS = ("FF", "AI", "AG", "FidIn", "SPS", "AD", "COMP")
LOWER_IS_BETTER = tuple(name for name in METRICS if registry.METRICS[name].better == "lower")
GROUP = ("front_end", "scenario", "method")
LEAST = 1e-9


def best_masks(rows: DataFrame) -> DataFrame:
    """Choose the best mask of every (front end, scenario, method) by the published procedure.

    Every metric is scaled to 0..1 over all rows, AD and COMP are turned round, and the mask with the largest
    geometric mean of the seven wins.

    Args:
        rows: columns front_end, scenario, method, mask and the seven metrics; several rows of one mask, such as
            one per clip, are averaged first. A mask with a metric that is not a number cannot win.

    Returns:
        One row per (front_end, scenario, method), in their order of appearance: those three, mask, the seven
        metrics, and ``score``, the geometric mean. A group in which no mask can win has no row.

    Raises:
        ParameterError: a column is missing.

    Source: Pak & Teryokhina 2025, sec. IV; that the scaling runs over all tables at once was found on the
    published tables, which it reproduces.

    >>> import pandas as pd
    >>> row = {"front_end": "mel", "scenario": "clean", "method": "lime", "AG": 1, "FidIn": 1, "SPS": .5, "COMP": 9}
    >>> rows = pd.DataFrame([row | {"mask": "bin", "FF": .9, "AI": 30, "AD": 8},
    ...                      row | {"mask": "minmax", "FF": .5, "AI": 10, "AD": 40}])
    >>> best_masks(rows)["mask"].tolist()
    ['bin']
    """
    missing = [name for name in (*GROUP, "mask", *METRICS) if name not in rows.columns]
    if missing:
        raise ParameterError(f"rows lack {', '.join(missing)}; expected {', '.join((*GROUP, 'mask', *METRICS))}")
    names = [*GROUP, "mask"]
    tables = rows.groupby(names, sort=False, as_index=False)[list(METRICS)].mean()
    tables["score"] = _scores(tables[list(METRICS)].to_numpy(dtype=np.float64))
    able = tables.dropna(subset=["score"])
    winners = able.loc[able.groupby(list(GROUP), sort=False)["score"].idxmax()]
    return winners.reset_index(drop=True)


def _scores(values: np.ndarray) -> np.ndarray:
    """Geometric mean of the scaled columns, (rows,)."""
    if not len(values):
        return np.empty(0)
    low, high = np.array([_ends(column) for column in values.T]).T
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    for name in LOWER_IS_BETTER:
        column = METRICS.index(name)
        scaled[:, column] = 1 - scaled[:, column]
    means: np.ndarray = np.exp(np.log(scaled.clip(min=LEAST)).mean(1))
    return means


def _ends(column: np.ndarray) -> tuple[float, float]:
    """Smallest and largest number of a column; one without any gives 0, 0."""
    numbers = column[np.isfinite(column)]
    return (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)
