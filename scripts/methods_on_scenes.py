#!/usr/bin/env python3
"""Which method finds evidence that is known? Every method on every synthetic scene, against random maps.

    python scripts/methods_on_scenes.py [--model esc10-mel esc10-stft] [--scenes NAME ...] [--seeds 0 1 2]

A scene is an event over a background, drawn from the seed; its evidence is where the event is louder than the
background. Each method explains the event's class with its own defaults (relax explains the embedding), and two
shares are measured: relevance mass, how much of the positive evidence falls on the true evidence; and relevance
rank, how much of the true evidence is among as many of the highest values. A random map scores the evidence's area in
both. A method can be no finer than its parts: by default slime and kernel_shap weigh ten stretches of time,
occlusion a grid, rise and relax soft cells, gradcam the cells of the last convolution. Scenes whose class the model
does not put first are left out and named.

The page is written after every model; it keeps what it says of models that are not asked this time. With --keep
FOLDER a killed run is continued by the same command.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import earwitness as ew
from earwitness.core.atomic_files import make_folder, replacing
from earwitness.pipeline.demo import RANDOM_MAPS, random_maps

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "methods_on_scenes.md"
CHANCE = "random map"
MEASURES = {"relevance mass": ew.metrics.relevance_mass, "relevance rank": ew.metrics.relevance_rank}


@dataclass(frozen=True)
class Found:
    """What one method, or chance, found in one scene drawn from one seed; shares 0..1, NaN where undefined."""

    method: str
    scene: str
    shares: dict[str, float]
    passes: int


@dataclass(frozen=True)
class Heard:
    """What the model says of a scene drawn from one seed."""

    scene: str
    seed: int
    says: str
    probability: float
    recognised: bool


def hear(model: ew.AudioModel, scene: ew.synthetic.Scene, seed: int) -> Heard:
    probabilities = model.probabilities(scene.clip)[0]
    best = int(probabilities.argmax())
    says = model.class_name(best)
    return Heard(scene.name, seed, says, float(probabilities[best]), says == scene.label)


def methods_for_any_network() -> list[str]:
    return [method for method in ew.METHODS if method != "attention_rollout"]


def find(model: ew.AudioModel, scene: ew.synthetic.Scene, seed: int) -> Iterator[Found]:
    """Ask every method, and chance."""
    evidence = scene.evidence(model.front_end)
    for method in methods_for_any_network():
        target = None if method == "relax" else scene.label
        attribution = ew.explain(model, scene.clip, method, target, seed=seed)
        shares = {name: float(share(attribution.values.cpu(), evidence)) for name, share in MEASURES.items()}
        yield Found(method, scene.name, shares, sum(attribution.passes.values()))
    chance = random_maps(evidence, seed=seed)
    shares = {name: float(share(chance, evidence).mean()) for name, share in MEASURES.items()}
    yield Found(CHANCE, scene.name, shares, 0)


def find_or_recall(model: ew.AudioModel, scene: ew.synthetic.Scene, seed: int, folder: Path | None) -> list[Found]:
    """Take what an earlier run found from the folder, or find it and leave it there."""
    if folder is None:
        return list(find(model, scene, seed))
    path = folder / f"{model.name}, {scene.name}, {seed}.json"
    if not path.is_file():
        make_folder(folder)
        rows = json.dumps([asdict(each) for each in find(model, scene, seed)], indent=1)
        with replacing(path) as temporary:
            temporary.write_text(rows, encoding="utf-8")
    return [Found(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def cell(values: list[float]) -> str:
    """Mean over seeds with the standard deviation, in percent."""
    defined = [100 * value for value in values if math.isfinite(value)]
    if not defined:
        return "n/a"
    text = f"{statistics.mean(defined):.1f}"
    if len(defined) > 1:
        text += f" ± {statistics.stdev(defined):.1f}"
    return text if len(defined) == len(values) else f"{text} ({len(defined)} of {len(values)})"


def average(values: list[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return statistics.mean(defined) if defined else math.nan


def table(found: list[Found], measure: str) -> list[str]:
    """Methods down, the best on average first; scenes across."""
    scenes = list(dict.fromkeys(each.scene for each in found))

    def of(method: str, scene: str) -> list[float]:
        return [each.shares[measure] for each in found if (each.method, each.scene) == (method, scene)]

    def overall(method: str) -> float:
        return average([average(of(method, scene)) for scene in scenes])

    methods = sorted(methods_for_any_network(),
                     key=lambda method: -(overall(method) if math.isfinite(overall(method)) else -1.0))
    best = {scene: max(methods, key=lambda method: average(of(method, scene))) for scene in scenes}
    lines = [f"| {measure}, % | {' | '.join(scenes)} | all scenes | passes |", "|---" * (len(scenes) + 3) + "|"]
    for method in [*methods, CHANCE]:
        cells = [f"**{cell(of(method, scene))}**" if best[scene] == method else cell(of(method, scene))
                 for scene in scenes]
        spent = [each.passes for each in found if each.method == method]
        passes = f"{min(spent):,}" if min(spent) == max(spent) else f"{min(spent):,} to {max(spent):,}"
        name = f"{CHANCE} (mean of {RANDOM_MAPS})" if method == CHANCE else f"`{method}`"
        lines.append(f"| {name} | {' | '.join(cells)} | {100 * overall(method):.1f} | {passes} |")
    return lines


def part(command: str, seeds: list[int], heard: list[Heard], found: list[Found]) -> str:
    """One model's part of the page."""
    lines = [f"`{command}`, earwitness {ew.__version__}, seeds {', '.join(map(str, seeds))}.", ""]
    missed = [each for each in heard if not each.recognised]
    lines += [f"- Not recognised: {each.scene}, seed {each.seed}; the model says {each.says} with "
              f"{each.probability:.0%}." for each in missed]
    if not missed:
        lines.append("Every scene is recognised.")
    for measure in MEASURES if found else ():
        lines += ["", *table(found, measure)]
    return "\n".join([*lines, ""])


def read_parts(path: Path) -> dict[str, str]:
    """Models and their parts as an earlier run wrote them."""
    if not path.is_file():
        return {}
    parts = path.read_text(encoding="utf-8").split("\n## `")[1:]
    return {name: text.strip() + "\n" for name, text in (each.split("`\n", 1) for each in parts)}


def whole(parts: dict[str, str]) -> str:
    intro = " ".join((__doc__ or "").split("\n\n")[2].split())
    head = f"# Methods on scenes with known evidence\n\n{intro}\n\n" \
           "Mean ± standard deviation over the seeds; the best method of each scene is bold. All scenes: mean over " \
           "the scenes. Passes: forward and backward passes of the network, per clip.\n"
    return head + "".join(f"\n## `{name}`\n\n{text}" for name, text in parts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["esc10-mel", "esc10-stft"])
    parser.add_argument("--scenes", nargs="+", choices=ew.synthetic.SCENES, default=list(ew.synthetic.SCENES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=OUT, help="Markdown file to write")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep what is found, to be continued")
    given = parser.parse_args()
    make_folder(given.out.parent)
    for name in given.model:
        model = ew.load_model(name)
        heard, found = [], []
        for scene_name in given.scenes:
            for seed in given.seeds:
                scene = ew.synthetic.make_scene(scene_name, seed=seed)
                heard.append(hear(model, scene, seed))
                if heard[-1].recognised:
                    found += find_or_recall(model, scene, seed, given.keep)
                print(f"{name}: {scene_name}, seed {seed}: {heard[-1].says}", file=sys.stderr)
        command = ["python", "scripts/methods_on_scenes.py", "--model", name, "--seeds", *map(str, given.seeds)]
        if len(given.scenes) < len(ew.synthetic.SCENES):
            command += ["--scenes", *given.scenes]
        text = part(shlex.join(command), given.seeds, heard, found)
        print(f"## `{name}`\n\n{text}")
        page = whole(read_parts(given.out) | {name: text})
        with replacing(given.out) as path:
            path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
