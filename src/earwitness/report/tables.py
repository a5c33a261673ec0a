"""Numbers to words: the metrics table, percentages, settings. A number that means nothing is never shown as one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.metrics import METRICS, Measures, mask_metrics

MOST_LISTED = 16
ARROWS = {"higher": "up", "lower": "down"}


@dataclass(frozen=True)
class MetricRow:
    """One row of the metrics table.

    Attributes:
        short: the name it goes by.
        name: its full name, "" where that is the short one.
        value: the number, written out, or why there is none.
        better: "up", "down", or "" where neither is better.
        meaning: one plain line.
        defined: the value is a number.
    """

    short: str
    name: str
    value: str
    better: str
    meaning: str
    defined: bool


def metric_rows(measures: Measures) -> list[MetricRow]:
    """Return the metrics of one explanation as rows, then kept area and constant mask."""
    rows = []
    for name, value in measures.metrics.items():
        metric, missing = METRICS[name], "n/a (constant mask)" if measures.degenerate else "n/a"
        defined = math.isfinite(value)
        rows.append(MetricRow(metric.short or name, metric.title, metric.form.format(value) if defined else missing,
                              ARROWS[metric.better], metric.meaning, defined))
    area = percent(measures.kept_area)
    rows.append(MetricRow("kept area", "", area, "", "share of the picture that the mask keeps", area != "n/a"))
    constant = "yes" if measures.degenerate else "no"
    rows.append(MetricRow("constant mask", "", constant, "", "is it the same value everywhere, all or nothing?", True))
    return rows


def best_rows(all_measures: Sequence[Measures]) -> dict[str, set[int]]:
    """Return, per metric, which explanations are best: none where all read alike, never one with a constant mask.

    Args:
        all_measures: measures of explanations of the same sound.

    Returns:
        Short name of the metric -> indices.
    """
    best: dict[str, set[int]] = {}
    for name, metric in mask_metrics().items():
        values = {k: measures.metrics.get(name, math.nan) for k, measures in enumerate(all_measures)
                  if not measures.degenerate}
        values = {k: value for k, value in values.items() if math.isfinite(value)}
        texts = {k: metric.form.format(value) for k, value in values.items()}
        winner = metric.form.format((max if metric.better == "higher" else min)(values.values())) if values else ""
        differ = len(set(texts.values())) > 1
        best[metric.short or name] = {k for k, text in texts.items() if text == winner} if differ else set()
    return best


def percent(share: float) -> str:
    r"""Write a share as a percentage that does not break across lines, rounding neither to nothing nor to all.

    >>> percent(0.973), percent(0.00001), percent(0.99999), percent(1.0), percent(float("nan"))
    ('97.3\xa0%', '<0.1\xa0%', '>99.9\xa0%', '100\xa0%', 'n/a')
    """
    if not math.isfinite(share):
        return "n/a"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}\u00a0%"
    if 0 < share < 0.0005:
        return "<0.1\u00a0%"
    if 0.9995 <= share < 1:
        return ">99.9\u00a0%"
    return f"{100 * share:.1f}\u00a0%"


def number(value: float) -> str:
    """Write a number for a legend.

    >>> number(0.012345), number(-61.2), number(1234567.0)
    ('0.0123', '-61.2', '1.23e+06')
    """
    return f"{value:.3g}"


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as (dotted name, value).

    >>> list(flat_settings({"method": "lime", "front_end": {"n_fft": 512}}))
    [('method', 'lime'), ('front_end.n_fft', '512')]
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{prefix}{name}.")
        elif isinstance(value, tuple | list) and len(value) > MOST_LISTED:
            yield f"{prefix}{name}", f"{len(value)} values, {value[0]} ... {value[-1]}"
        else:
            yield f"{prefix}{name}", str(value)
