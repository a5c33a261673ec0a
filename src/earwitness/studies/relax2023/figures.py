"""The study's figures: the poster's grid of maps, and the flipping curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from earwitness.core.atomic_files import replacing
from earwitness.frontends import FrontEnd
from earwitness.perturb.soft_masks import FAMILIES
from earwitness.studies.relax2023.maps import certain_part

COLOURS = {"random": "#4269d0", "time": "#efb118", "frequency": "#3ca951", "time_frequency": "#ff725c"}
WORDS = {"relax": "RELAX, similarity of the embedding", "rise": "RISE, probability of the class"}


def draw_poster(
    path: Path, spectrogram: Tensor, planes: Mapping[str, Tensor], front_end: FrontEnd, title: str
) -> None:
    """Draw the spectrogram beside importance R, uncertainty U and U-RELAX, one row for each family of masks, as PNG.

    Args:
        path: file to write.
        spectrogram: (freq, time), in the front end's unit.
        planes: "family/values" and "family/uncertainty" of one clip's RELAX maps, (freq, time).
        front_end: gives the axes.
        title: above all.

    Source: Hammershøi et al. 2023, the poster's figure.
    """
    from matplotlib.figure import Figure

    families = [family for family in FAMILIES if f"{family}/values" in planes]
    figure = Figure(figsize=(12, 2.3 * len(families) + 0.6))
    grid = figure.subplots(len(families), 4, squeeze=False, sharex=True, sharey=True)
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.06, top=0.9, wspace=0.06, hspace=0.3)
    times = front_end.times_s(spectrogram.shape[1])
    extent = (0.0, float(times[-1]), 0.0, float(len(front_end.frequencies_hz)))
    for row, family in zip(grid, families, strict=True):
        importance, uncertainty = (planes[f"{family}/{name}"] for name in ("values", "uncertainty"))
        kept = certain_part(importance - importance.min(), uncertainty)
        panels = (("spectrogram", spectrogram, "magma"), ("R", importance, "viridis"),
                  ("U", uncertainty, "cividis"), ("U-RELAX", kept, "viridis"))
        for axis, (name, values, colours) in zip(row, panels, strict=True):
            axis.imshow(values.cpu().numpy(), origin="lower", aspect="auto", cmap=colours, extent=extent)
            masks = "" if name == "spectrogram" else f"{family.replace('_', '-')} masks, "
            unit = f" {front_end.unit}" if name == "spectrogram" else ""
            axis.set_title(f"{name}: {masks}{float(values.min()):.3g} to {float(values.max()):.3g}{unit}", fontsize=8)
            axis.tick_params(labelsize=7)
        _name_rows(row[0], front_end)
    for axis in grid[-1]:
        axis.set_xlabel("s", fontsize=7)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def draw_flipping(path: Path, curves: Sequence[Mapping[str, Sequence[float]]], title: str) -> None:
    """Draw the mean flipping curves over clips: most relevant first, least relevant first, random order, as PNG.

    Args:
        path: file to write.
        curves: one mapping per clip, "method/family/order" -> scores, as ``Asked.curves``.
        title: above all.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axis, (method, words) in zip(figure.subplots(1, 2), WORDS.items(), strict=True):
        for family, colour in COLOURS.items():
            for order, style in (("most", "-"), ("least", "--"), ("random", ":")):
                mean = np.mean([clip[f"{method}/{family}/{order}"] for clip in curves], axis=0)
                axis.plot(np.linspace(0, 1, len(mean)), mean, style, color=colour, linewidth=1.4,
                          label=family.replace("_", "-") if order == "most" else None)
        axis.set(title=words, xlabel="share of the plane replaced by silence", ylabel="mean score")
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8, title_fontsize=8,
                  title="solid: most relevant first, dashed: least relevant first, dotted: random order")
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _name_rows(axis: object, front_end: FrontEnd) -> None:
    hz = front_end.frequencies_hz
    ticks = [k for k in range(len(hz)) if k % max(1, len(hz) // 4) == 0]
    axis.set_yticks([k + 0.5 for k in ticks], [f"{hz[k] / 1000:.1f}" for k in ticks], fontsize=7)  # type: ignore[attr-defined]
    axis.set_ylabel("kHz", fontsize=7)  # type: ignore[attr-defined]


def _save(figure: object, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=90)  # type: ignore[attr-defined]
