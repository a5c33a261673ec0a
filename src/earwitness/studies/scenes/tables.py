"""The study's page: methods down, scenes across, the mean over seeds with its spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from earwitness.pipeline.demo import RANDOM_MAPS
from earwitness.report.markdown import markdown_table
from earwitness.studies.scenes.plan import ScenesPlan

if TYPE_CHECKING:
    from pandas import DataFrame

CHANCE = "random map"
MEASURES = ("relevance mass", "relevance rank")
HEAD = """# Methods on scenes with known evidence

A scene is an event over a background, drawn from the seed; its evidence is where the event is louder than the \
background. Each method explains the event's class with its own defaults (relax explains the embedding), and two \
shares are measured: relevance mass, how much of the positive evidence falls on the true evidence; and relevance \
rank, how much of the true evidence is among as many of the highest values. A random map scores the evidence's area in \
both. A method can be no finer than its parts: by default slime and kernel_shap weigh ten stretches of time, \
occlusion a grid, rise and relax soft cells, gradcam the cells of the last convolution. Scenes whose class the model \
does not put first are left out and named.

Mean ± standard deviation over the seeds; the best method of each scene is bold. All scenes: mean over the scenes. \
Passes: forward and backward passes of the network, per clip.
"""


def scenes_part(plan: ScenesPlan, model: str, tables: Mapping[str, DataFrame]) -> str:
    """Return one model's part of the page.

    Args:
        plan: of the run.
        model: its name.
        tables: "said" and "shares".
    """
    from earwitness import __version__

    predictions, shares = (tables[name][tables[name]["model"] == model] for name in ("said", "shares"))
    command = f"earwitness study scenes --models {model} --seeds {','.join(map(str, plan.seeds))} --out FOLDER"
    lines = [f"`{command}`, earwitness {__version__}, seeds {', '.join(map(str, plan.seeds))}.", ""]
    missed = predictions[~predictions["recognised"].astype(bool)]
    lines += [f"- Not recognised: {row.scene}, seed {row.seed}; the model says {row.says} with {row.probability:.0%}."
              for row in missed.itertuples()]
    if not len(missed):
        lines.append("Every scene is recognised.")
    for measure in MEASURES if len(shares) else ():
        lines += ["", *_table(plan.methods, shares, measure)]
    return "\n".join([*lines, ""])


def _table(methods: Sequence[str], shares: DataFrame, measure: str) -> list[str]:
    """Methods down, the best on average first, chance last; scenes across."""
    scenes = list(dict.fromkeys(shares["scene"]))
    values = {(method, scene): list(own[measure])
              for (method, scene), own in shares.groupby(["method", "scene"], sort=False)}

    def of(method: str, scene: str) -> list[float]:
        return values.get((method, scene), [])

    def overall(method: str) -> float:
        return _average([_average(of(method, scene)) for scene in scenes])

    ordered = sorted((method for method in methods if method in set(shares["method"])),
                     key=lambda method: -(overall(method) if math.isfinite(overall(method)) else -1.0))
    best = {scene: max(ordered, key=lambda method: _average(of(method, scene)), default=None) for scene in scenes}
    rows = []
    for method in [*ordered, CHANCE]:
        cells = [f"**{_spread(of(method, scene))}**" if best[scene] == method else _spread(of(method, scene))
                 for scene in scenes]
        spent = shares.loc[shares["method"] == method, "passes"]
        passes = f"{min(spent):,}" if min(spent) == max(spent) else f"{min(spent):,} to {max(spent):,}"
        name = f"{CHANCE} (mean of {RANDOM_MAPS})" if method == CHANCE else f"`{method}`"
        rows.append([name, *cells, f"{100 * overall(method):.1f}", passes])
    return markdown_table([f"{measure}, %", *scenes, "all scenes", "passes"], rows)


def _spread(values: Sequence[float]) -> str:
    """Mean over seeds with the standard deviation, in percent."""
    defined = [100 * value for value in values if math.isfinite(value)]
    if not defined:
        return "n/a"
    text = f"{statistics.mean(defined):.1f}"
    if len(defined) > 1:
        text += f" ± {statistics.stdev(defined):.1f}"
    return text if len(defined) == len(values) else f"{text} ({len(defined)} of {len(values)})"


def _average(values: Sequence[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return statistics.mean(defined) if defined else math.nan
