#!/usr/bin/env python3
"""How much do metrics on features say about the sound? Fold 5 of ESC-10 in both domains.

    python scripts/domains_on_esc10.py --data ESC-10 --keep FOLDER [--model esc10-mel esc10-stft] [--clips 80]

Every clip is explained for the class that the model predicts, and each mask is measured three times: on the features,
as published (what is switched off becomes silence in the network's input), and on the kept sound put through the whole
model, made by projection (the mask scales the complex spectrum) and by least squares (the published route through the
power). Both models bring every sound to the same peak first, so that a quiet part becomes loud again; "level held" is
the sound by projection without that step. A difference is sound minus features, in points of a percentage; its
interval is the 95 % bootstrap interval over the clips, each clip's methods averaged first. Other class: share of the
kept parts whose most probable class differs between features and sound. Constant masks are left out and counted.

What is found is kept in the folder, a file per model, method and clip: a killed run is continued by the same command.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

import earwitness as ew
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.datasets import esc50

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "domains.md"
ROUTES = ("projection", "least_squares")
HELD = "level held"  # by projection, and the model does not set the level of what is left
SOFT = ("minmax", "sigmoid", "minmax_pos", "sigmoid_pos")  # the other presets are 0 or 1
EVERYTHING = "everything"  # a mask of ones: what the way to sound and back does by itself
OPTIMISED = "audible_mask"
OWN_MASKS = ("minmax_pos", "pos_thresh_50")
SHOWN = {"FidIn": ("Fid-In, %", 100.0), "AD": ("AD, %", 1.0), "AI": ("AI, %", 1.0)}


@dataclass(frozen=True)
class Found:
    """One mask of one clip in both domains, the sound by one route."""

    clip: str
    method: str
    mask: str
    route: str
    features: dict[str, float]
    audio: dict[str, float]
    disagrees: bool


def masks_of(model: ew.AudioModel, clip: ew.Clip, method: str, target: int) -> dict[str, torch.Tensor]:
    if method == EVERYTHING:
        return {EVERYTHING: torch.ones(model.features(clip).values.shape[1:])}
    attribution = ew.explain(model, clip, method, target)
    presets = OWN_MASKS if method == OPTIMISED else ew.masks.PRESETS
    return {preset: ew.masks.make(attribution, preset) for preset in presets}


def find(model: ew.AudioModel, clip: ew.Clip, method: str) -> list[Found]:
    """Measure every mask of one method in both domains."""
    features = model.features(clip)
    target = ew.targets.scores.predicted_class(model, features)
    made = masks_of(model, clip, method, target)
    stacked, kept = torch.stack(list(made.values())), slice(1, 1 + len(made))
    silent, answers = ew.metrics.measure_masks(model, features, stacked, target)
    found = []
    for route in (*ROUTES, HELD):
        hears, inversion = (replace(model, normalise=None), ROUTES[0]) if route == HELD else (model, route)
        heard, said = ew.metrics.measure_masks(hears, features, stacked, target, domain="audio", inversion=inversion)
        other = said[kept].argmax(1) != answers[kept].argmax(1)
        found += [Found(clip.name, method, mask, route, silent[k].as_dict(), heard[k].as_dict(), bool(other[k]))
                  for k, mask in enumerate(made)]
    return found


def find_or_recall(model: ew.AudioModel, path: Path, method: str, folder: Path) -> list[Found]:
    """Take what an earlier run found from the folder, or find it and leave it there."""
    kept = folder / f"{model.name}, {method}, {path.stem}.json"
    if not kept.is_file():
        rows = json.dumps([asdict(each) for each in find(model, ew.load(path), method)])
        with replacing(kept) as temporary:
            temporary.write_text(rows, encoding="utf-8")
    return [Found(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]


def by_clip(found: Iterable[Found], value) -> torch.Tensor:
    """One number per clip: the mean over its masks and methods."""
    clips: dict[str, list[float]] = {}
    for each in found:
        clips.setdefault(each.clip, []).append(value(each))
    return torch.tensor([statistics.mean(values) for values in clips.values()], dtype=torch.float64)


def cells(found: list[Found]) -> list[str]:
    """Features, audio and difference of each metric, then the share of other top classes."""
    told = []
    for name, (_, scale) in SHOWN.items():
        features = by_clip(found, lambda each, name=name, scale=scale: scale * each.features[name])
        audio = by_clip(found, lambda each, name=name, scale=scale: scale * each.audio[name])
        low, high = ew.metrics.bootstrap_interval(audio - features, generator=torch.Generator().manual_seed(0))
        difference = f"{float((audio - features).mean()):+.1f}"
        interval = f" ({low:+.1f} to {high:+.1f})" if math.isfinite(low) else ""
        told += [f"{float(features.mean()):.1f}", f"{float(audio.mean()):.1f}", difference + interval]
    return [*told, f"{100 * float(by_clip(found, lambda each: float(each.disagrees)).mean()):.1f}"]


def table(rows: dict[str, list[Found]], first: str) -> list[str]:
    """One line per row and route; constant masks left out and counted."""
    head = [first, "sound by", *(f"{title}: {which}" for title, _ in SHOWN.values()
                                 for which in ("features", "sound", "difference")), "other class, %", "constant"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, found in rows.items():
        for route in ROUTES:
            of_route = [each for each in found if each.route == route]
            telling = [each for each in of_route if not each.features["degenerate"]]
            numbers = cells(telling) if telling else ["n/a"] * (len(head) - 3)
            constant = len(of_route) - len(telling)
            lines.append(f"| {name} | {route.replace('_', ' ')} | {' | '.join(numbers)} | {constant} |")
    return lines


def level_table(rows: dict[str, list[Found]]) -> list[str]:
    """How much of the difference the model's own levelling makes."""
    names = ("FidIn", "AD")
    head = ["masks", *(f"{SHOWN[name][0]}: {which}" for name in names for which in ("features", HELD, "sound"))]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for title, found in rows.items():
        telling = [each for each in found if not each.features["degenerate"]]
        numbers = [
            float(by_clip([each for each in telling if each.route == route],
                          lambda each, name=name, domain=domain: SHOWN[name][1] * getattr(each, domain)[name]).mean())
            for name in names for route, domain in ((ROUTES[0], "features"), (HELD, "audio"), (ROUTES[0], "audio"))]
        lines.append(f"| {title} | {' | '.join(f'{number:.1f}' for number in numbers)} |")
    return lines


def optimised_table(found: list[Found]) -> list[str]:
    """The masks that were searched for, and the others on the same clips."""
    searched = [each for each in found if each.method == OPTIMISED]
    clips = {each.clip for each in searched}
    lines = ["| method, mask | kept area, % | p kept: features | p kept: sound | p removed: features | "
             "p removed: sound | other class, % |", "|---" * 7 + "|"]
    others = [(method, mask) for method in dict.fromkeys(each.method for each in found)
              for mask in (OWN_MASKS if method == OPTIMISED else ("topK_5_pos", "topK_30_pos"))]
    for method, mask in others:
        rows = [each for each in found if (each.method, each.mask, each.route) == (method, mask, ROUTES[0])
                and each.clip in clips]
        if rows:
            means = [statistics.mean(getattr(each, domain)[name] for each in rows) for name, domain in (
                ("kept_area", "features"), ("p_kept", "features"), ("p_kept", "audio"), ("p_removed", "features"),
                ("p_removed", "audio"))]
            others_said = statistics.mean(each.disagrees for each in rows)
            lines.append(f"| `{method}`, {mask} | {100 * means[0]:.1f} | {' | '.join(f'{p:.3f}' for p in means[1:])} | "
                         f"{100 * others_said:.1f} |")
    return lines


def part(command: str, found: list[Found]) -> str:
    """One model's part of the page."""
    whole = [each for each in found if each.method == EVERYTHING]
    drawn = [each for each in found if each.method not in (EVERYTHING, OPTIMISED)]
    clips = len({each.clip for each in drawn})
    methods = list(dict.fromkeys(each.method for each in drawn))
    lines = [f"`{command}`, earwitness {ew.__version__}, {clips} clips; methods {', '.join(methods)}.", ""]
    for route in ROUTES:
        alike = [each for each in whole if each.route == route]
        same = statistics.mean(each.audio["FidIn"] for each in alike)
        drop = statistics.mean(each.audio["AD"] for each in alike)
        lines.append(f"- The whole sound by {route.replace('_', ' ')}, nothing removed: same class for "
                     f"{100 * same:.1f} % of the clips, average drop {drop:.1f} %.")
    kinds = {"masks of 0 and 1": [each for each in drawn if each.mask not in SOFT],
             "soft masks": [each for each in drawn if each.mask in SOFT]}
    masks = {mask: [each for each in drawn if each.mask == mask] for mask in ew.masks.PRESETS}
    lines += ["", *table({"all masks": drawn} | kinds | masks, "mask"), ""]
    by_method = {f"`{method}`, {kind}": [each for each in found if each.method == method]
                 for method in methods for kind, found in kinds.items()}
    lines += [*table(by_method, "method, masks"), "", *level_table(kinds)]
    searched = {each.clip for each in found if each.method == OPTIMISED}
    if searched:
        lines += ["", f"Masks searched for by their sound (`{OPTIMISED}`) and others, on the same {len(searched)} "
                  "clips; sound by projection; means:", "", *optimised_table(found)]
    return "\n".join([*lines, ""])


def some(recordings: tuple[esc50.Esc50Recording, ...], count: int) -> list[esc50.Esc50Recording]:
    """The first clips of every class, class by class in turn, until there are enough."""
    by_label: dict[str, list[esc50.Esc50Recording]] = {}
    for recording in recordings:
        by_label.setdefault(recording.label, []).append(recording)
    order = sorted((k, label) for label, own in by_label.items() for k in range(len(own)))
    return [by_label[label][k] for k, label in order[:count]]


def whole_page(parts: dict[str, str], findings: str) -> str:
    intro = " ".join((__doc__ or "").split("\n\n")[2].split())
    head = f"# What the metrics on features say about the sound\n\n{intro}\n"
    return head + (f"\n{findings}" if findings else "") + "".join(f"\n## `{m}`\n\n{text}" for m, text in parts.items())


def read_page(path: Path) -> tuple[dict[str, str], str]:
    """Models with their parts, and the findings that a person wrote, as the page has them."""
    if not path.is_file():
        return {}, ""
    head, *parts = path.read_text(encoding="utf-8").split("\n## `")
    findings = head.partition("\n## Findings")
    words = f"## Findings{findings[2].rstrip()}\n" if findings[1] else ""
    return {name: text.strip() + "\n" for name, text in (each.split("`\n", 1) for each in parts)}, words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="ESC-10 or ESC-50 in its published layout")
    parser.add_argument("--keep", type=Path, required=True, metavar="FOLDER", help="where to keep what is found")
    parser.add_argument("--model", nargs="+", default=["esc10-mel", "esc10-stft"])
    parser.add_argument("--methods", nargs="+", default=["saliency", "gradcam"])
    parser.add_argument("--clips", type=int, default=80, help="clips of fold 5, classes in turn")
    parser.add_argument("--optimised", type=int, default=0, help="of these, how many audible_mask explains")
    parser.add_argument("--out", type=Path, default=OUT, help="Markdown file to write")
    given = parser.parse_args()
    make_folder(given.keep)
    make_folder(given.out.parent)
    recordings = some(esc50.read_esc50(given.data).of_folds([5]), given.clips)
    for name in given.model:
        model = ew.load_model(name)
        found = []
        for k, recording in enumerate(recordings):
            methods = [EVERYTHING, *given.methods, *[OPTIMISED] * (k < given.optimised)]
            for method in methods:
                found += find_or_recall(model, recording.path, method, given.keep)
            print(f"{name}: {k + 1} of {len(recordings)} clips", file=sys.stderr)
        words = ["python", "scripts/domains_on_esc10.py", "--data", "ESC-10", "--keep", "FOLDER", "--model", name,
                 "--clips", str(len(recordings)), "--optimised", str(given.optimised), "--methods", *given.methods]
        text = part(shlex.join(words), found)
        print(f"## `{name}`\n\n{text}")
        parts, findings = read_page(given.out)
        with replacing(given.out) as path:
            path.write_text(whole_page(parts | {name: text}, findings), encoding="utf-8")


if __name__ == "__main__":
    main()
