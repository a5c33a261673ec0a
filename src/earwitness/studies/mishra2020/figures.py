"""The study's figures: violins of U_n and N_ce, stacked shares of N_ce."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earwitness.report.pictures import FOR_COLOUR

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE_COLOURS = ("#c9ccd1", "#8fb8de", "#f2b179", FOR_COLOUR)
KERNEL_COLOURS = {"l2": "#6d717a", "cosine": FOR_COLOUR}


def draw_samples(stability: pd.DataFrame, *, fill: str = "zero", kind: str = "temporal") -> Figure:
    """Draw U_n against the number of samples, for both kernels (figure 3 of the publication)."""
    rows = stability[(stability["fill"] == fill) & (stability["kind"] == kind)]
    return _panels(rows, "kernel", list(KERNEL_COLOURS), "samples", sorted(rows["samples"].unique()), "U_n",
                   f"stability of {kind} explanations, fill {fill}", "number of samples $N_s$")


def draw_stability_of_fills(stability: pd.DataFrame, *, kernel: str, samples: int) -> Figure:
    """Draw U_n against the fill, for each kind of parts (figure 5)."""
    rows = stability[(stability["kernel"] == kernel) & (stability["samples"] == samples)]
    kinds = [kind for kind in ("temporal", "spectral") if kind in set(rows["kind"])]
    return _panels(rows, "kind", kinds, "fill", list(dict.fromkeys(rows["fill"])), "U_n",
                   f"stability for each fill, {kernel} kernel, {samples:,} samples", "fill")


def draw_sensitivity(sensitivity: pd.DataFrame, *, estimate: str) -> Figure:
    """Draw N_ce with the fill "zero" against the other fills, for each kind of parts (figure 6)."""
    rows = sensitivity[(sensitivity["estimate"] == estimate) & (sensitivity["fill"] != "zero")]
    return _panels(rows, "kind", list(dict.fromkeys(rows["kind"])), "fill", list(dict.fromkeys(rows["fill"])), "N_ce",
                   f"components shared with the explanation by fill zero ({estimate})", "fill")


def draw_truth(truth: pd.DataFrame, *, estimate: str) -> Figure:
    """Draw N_ce with the truth: violins above, shares of excerpts below (figure 7)."""
    from matplotlib.figure import Figure

    rows = truth[truth["estimate"] == estimate]
    fills = list(rows.groupby("fill")["N_ce"].mean().sort_values(ascending=False).index)
    most = int(rows["of"].max())
    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1)
    _violins(above, [rows.loc[rows["fill"] == fill, "N_ce"].to_numpy() for fill in fills], fills)
    above.set_ylabel("$N_{ce}$ with the truth")
    bottom = np.zeros(len(fills))
    for count in range(most + 1):
        shares = np.array([(rows.loc[rows["fill"] == fill, "N_ce"] == count).mean() for fill in fills])
        colour = SHARE_COLOURS[round(count * (len(SHARE_COLOURS) - 1) / max(1, most))]
        below.bar(fills, shares, bottom=bottom, color=colour, label=f"{count} of {most}")
        bottom += shares
    below.set(ylabel="share of excerpts", ylim=(0, 1))
    below.tick_params(axis="x", labelrotation=30, labelsize="small")
    below.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    excerpts = len(rows.drop_duplicates(["song", "place", "mix"]))
    figure.suptitle(f"explanations against the truth ({estimate}), {excerpts} excerpts", fontsize="medium")
    return figure


def _panels(
    rows: pd.DataFrame, panel: str, panels: Sequence[str], axis: str, values: Sequence[object], value: str,
    title: str, axis_label: str = "",
) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5 * max(1, len(panels)), 3.6), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, max(1, len(panels)), sharey=True)), panels, strict=True):
        own = rows[rows[panel] == name]
        _violins(axes, [own.loc[own[axis] == tick, value].to_numpy() for tick in values],
                 [f"{tick:,}" if isinstance(tick, int | np.integer) else str(tick) for tick in values])
        axes.set(title=name, xlabel=axis_label)
        axes.set_ylabel(f"${value[:2]}{{{value[2:]}}}$")
    figure.suptitle(title, fontsize="medium")
    return figure


def _violins(axes: Axes, groups: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """One violin per group, median and mean marked; constant groups are a line."""
    positions = range(len(groups))
    spread = [k for k in positions if len(groups[k]) > 1 and np.ptp(groups[k]) > 0]
    if spread:
        drawn = axes.violinplot([groups[k] for k in spread], positions=spread, widths=0.8, showextrema=False)
        for body in list(drawn["bodies"]):  # type: ignore[call-overload]
            body.set(facecolor=FOR_COLOUR, alpha=0.45, edgecolor="none")
    filled = [k for k in positions if len(groups[k])]
    axes.plot(filled, [np.median(groups[k]) for k in filled], "o", color="#33363d", ms=5, label="median")
    axes.plot(filled, [np.mean(groups[k]) for k in filled], "_", color="#33363d", ms=14, label="mean")
    axes.set_xticks(positions, names, rotation=30 if len(names) > 5 else 0, ha="right" if len(names) > 5 else "center",
                    fontsize="small")
    axes.legend(fontsize="x-small", loc="upper right")
