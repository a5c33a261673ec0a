"""The study's page: each metric on features, on sound, and the difference with its interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from earwitness.frontends import Inversion
from earwitness.metrics import bootstrap_interval
from earwitness.report.markdown import markdown_table
from earwitness.studies.domains.plan import DomainsPlan

ROUTES: tuple[Inversion, ...] = ("projection", "least_squares")
HELD = "level held"  # by projection, and the model does not set the level of what is left
SOFT = ("minmax", "sigmoid", "minmax_pos", "sigmoid_pos")  # the other presets are 0 or 1
EVERYTHING = "everything"  # a mask of ones: what the way to sound and back does by itself
OPTIMISED = "audible_mask"
OWN_MASKS = ("minmax_pos", "pos_thresh_50")
SHOWN = {"FidIn": ("Fid-In, %", 100.0), "AD": ("AD, %", 1.0), "AI": ("AI, %", 1.0)}
HEAD = """# What the metrics on features say about the sound

Every clip is explained for the class that the model predicts, and each mask is measured three times: on the \
features, as published (what is switched off becomes silence in the network's input), and on the kept sound put \
through the whole model, made by projection (the mask scales the complex spectrum) and by least squares (the \
published route through the power). Both models bring every sound to the same peak first, so that a quiet part \
becomes loud again; "level held" is the sound by projection without that step. A difference is sound minus features, \
in points of a percentage; its interval is the 95 % bootstrap interval over the clips, each clip's methods averaged \
first. Other class: share of the kept parts whose most probable class differs between features and sound. Constant \
masks are left out and counted.
"""
MaskRow = Any  # a row of the table "masks", with its columns as attributes


def domains_part(plan: DomainsPlan, model: str, rows: Sequence[MaskRow]) -> str:
    """Return one model's part of the page.

    Args:
        plan: of the run.
        model: its name.
        rows: of the table "masks", of this model.
    """
    from earwitness import __version__

    whole = [row for row in rows if row.method == EVERYTHING]
    drawn = [row for row in rows if row.method not in (EVERYTHING, OPTIMISED)]
    clips, methods = len({row.clip for row in drawn}), list(dict.fromkeys(row.method for row in drawn))
    command = f"earwitness study domains --data ESC-10 --models {model} --clips {plan.n_clips} --optimised " \
              f"{plan.n_optimised} --methods {','.join(plan.methods)} --out FOLDER"
    lines = [f"`{command}`, earwitness {__version__}, {clips} clips; methods {', '.join(methods)}.", ""]
    for route in ROUTES:
        alike = [row for row in whole if row.route == route]
        if not alike:  # all of them failed
            continue
        same, drop = (statistics.mean(getattr(row, name) for row in alike) for name in ("audio_FidIn", "audio_AD"))
        lines.append(f"- The whole sound by {route.replace('_', ' ')}, nothing removed: same class for "
                     f"{100 * same:.1f} % of the clips, average drop {drop:.1f} %.")
    kinds = {"masks of 0 and 1": [row for row in drawn if row.mask not in SOFT],
             "soft masks": [row for row in drawn if row.mask in SOFT]}
    by_mask = {mask: [row for row in drawn if row.mask == mask] for mask in plan.masks}
    by_method = {f"`{method}`, {kind}": [row for row in some if row.method == method]
                 for method in methods for kind, some in kinds.items()}
    lines += ["", *differences_table({"all masks": drawn} | kinds | by_mask, "mask"), "",
              *differences_table(by_method, "method, masks"), "", *_levels_table(kinds)]
    searched = {row.clip for row in rows if row.method == OPTIMISED}
    if searched:
        lines += ["", f"Masks searched for by their sound (`{OPTIMISED}`) and others, on the same {len(searched)} "
                  "clips; sound by projection; means:", "", *_optimised_table(rows, searched)]
    return "\n".join([*lines, ""])


def differences_table(groups: Mapping[str, Sequence[MaskRow]], first: str) -> list[str]:
    """Return the lines of a table, one per group and route; constant masks are left out and counted."""
    heads = [first, "sound by", *(f"{title}: {which}" for title, _ in SHOWN.values()
                                  for which in ("features", "sound", "difference")), "other class, %", "constant"]
    lines = []
    for name, rows in groups.items():
        for route in ROUTES:
            of_route = [row for row in rows if row.route == route]
            telling = [row for row in of_route if not row.features_degenerate]
            numbers = _differences(telling) if telling else ["n/a"] * (len(heads) - 3)
            lines.append([name, route.replace("_", " "), *numbers, str(len(of_route) - len(telling))])
    return markdown_table(heads, lines)


def mean_by_clip(rows: Iterable[MaskRow], value: Callable[[MaskRow], float]) -> torch.Tensor:
    """Return one number per clip, (clips,): the mean over its masks and methods."""
    clips: dict[str, list[float]] = {}
    for row in rows:
        clips.setdefault(row.clip, []).append(value(row))
    return torch.tensor([statistics.mean(values) for values in clips.values()], dtype=torch.float64)


def _scaled(rows: Sequence[MaskRow], domain: str, name: str) -> torch.Tensor:
    """A metric per clip as it is shown, (clips,)."""
    return mean_by_clip(rows, lambda row: SHOWN[name][1] * getattr(row, f"{domain}_{name}"))


def _differences(rows: Sequence[MaskRow]) -> list[str]:
    """Features, sound and difference of each metric, then the share of other top classes."""
    cells = []
    for name in SHOWN:
        features, sound = _scaled(rows, "features", name), _scaled(rows, "audio", name)
        low, high = bootstrap_interval(sound - features, generator=torch.Generator().manual_seed(0))
        difference = f"{float((sound - features).mean()):+.1f}"
        interval = f" ({low:+.1f} to {high:+.1f})" if math.isfinite(low) else ""
        cells += [f"{float(features.mean()):.1f}", f"{float(sound.mean()):.1f}", difference + interval]
    return [*cells, f"{100 * float(mean_by_clip(rows, lambda row: float(row.disagrees)).mean()):.1f}"]


def _levels_table(groups: Mapping[str, Sequence[MaskRow]]) -> list[str]:
    """How much of the difference the model's own levelling makes."""
    names = ("FidIn", "AD")
    heads = ["masks", *(f"{SHOWN[name][0]}: {which}" for name in names for which in ("features", HELD, "sound"))]
    lines = []
    for title, rows in groups.items():
        telling = [row for row in rows if not row.features_degenerate]
        numbers = [float(_scaled([row for row in telling if row.route == route], domain, name).mean())
                   for name in names
                   for route, domain in ((ROUTES[0], "features"), (HELD, "audio"), (ROUTES[0], "audio"))]
        lines.append([title, *(f"{number:.1f}" for number in numbers)])
    return markdown_table(heads, lines)


def _optimised_table(rows: Sequence[MaskRow], clips: set[str]) -> list[str]:
    """The masks that were searched for, and the others on the same clips."""
    heads = ["method, mask", "kept area, %", "p kept: features", "p kept: sound", "p removed: features",
             "p removed: sound", "other class, %"]
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        for mask in OWN_MASKS if method == OPTIMISED else ("topK_5_pos", "topK_30_pos"):
            own = [row for row in rows if (row.method, row.mask, row.route) == (method, mask, ROUTES[0])
                   and row.clip in clips]
            if own:
                area, *chances = (statistics.mean(getattr(row, name) for row in own) for name in (
                    "features_kept_area", "features_p_kept", "audio_p_kept", "features_p_removed", "audio_p_removed"))
                others = statistics.mean(float(row.disagrees) for row in own)
                lines.append([f"`{method}`, {mask}", f"{100 * area:.1f}", *(f"{p:.3f}" for p in chances),
                              f"{100 * others:.1f}"])
    return markdown_table(heads, lines)
