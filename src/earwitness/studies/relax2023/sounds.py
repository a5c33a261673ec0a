"""The sounds that the study explains: recordings of the test fold, and scenes made of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from earwitness import audio
from earwitness.core.errors import DataError
from earwitness.core.types import Clip
from earwitness.datasets import scenes
from earwitness.datasets.scenes import BuiltScene
from earwitness.studies.relax2023.labelled import LabelledClips
from earwitness.studies.relax2023.plan import Relax2023Plan

EVENT_SHARE = 0.3  # of a scene's length


@dataclass(frozen=True, eq=False)
class Subject:
    """One sound to explain.

    Attributes:
        part: "clips" or "scenes".
        name: of its rows.
        label: its class.
        path: of a recording; None for a scene.
        scene: a scene with its evidence; None for a recording.
    """

    part: str
    name: str
    label: str
    path: Path | None = None
    scene: BuiltScene | None = None

    def load(self) -> Clip:
        """Return the sound."""
        if self.scene is not None:
            return self.scene.clip
        assert self.path is not None  # one of the two
        return audio.load(self.path)


def choose_clips(data: LabelledClips, plan: Relax2023Plan) -> list[Subject]:
    """Choose recordings of the test fold; the first ones are the same whatever their number."""
    return [Subject("clips", f"{index:05d}-{data.paths[index].stem}", data.labels[data.targets[index]],
                    path=data.paths[index])
            for index in take_turns(data, data.labels, plan.n_clips, plan.seed)]


def make_scenes(data: LabelledClips, plan: Relax2023Plan, folder: Path, window_s: float | None) -> list[Subject]:
    """Write scenes of the test fold's clips, or read those that are there; the first ones are always the same.

    Args:
        data: recordings; scenes are as long as the model hears at once.
        plan: how many scenes, which backgrounds, at what level.
        folder: of the scenes, see ``datasets.scenes``.
        window_s: what the model hears at once, seconds.

    Raises:
        DataError: no class of events, or none of backgrounds.
    """
    if not plan.n_scenes:
        return []
    events, under = classes_of_scenes(data, plan)
    chosen = take_turns(data, events, plan.n_scenes, plan.seed)
    there = (folder / scenes.TABLE).exists()
    if folder.exists() and not (there and len(scenes.read_scenes(folder)) >= len(chosen)):
        shutil.rmtree(folder)  # fewer than are wanted, or half of them, left by a run that was killed
        there = False
    if not there:
        below = take_turns(data, under, len(data.paths), plan.seed)
        duration_s = window_s or scenes.Recipe.duration_s
        scenes.write_scenes(
            folder, [(data.paths[index], data.labels[data.targets[index]]) for index in chosen],
            [data.paths[index] for index in below],
            recipe=scenes.Recipe(duration_s=duration_s, event_s=EVENT_SHARE * duration_s, snr_db=plan.snr_db,
                                 seed=plan.seed))
    return [Subject("scenes", scene.name, scene.label, scene=scene)
            for scene in scenes.read_scenes(folder)[: plan.n_scenes]]


def classes_of_scenes(data: LabelledClips, plan: Relax2023Plan) -> tuple[list[str], list[str]]:
    """Return the classes of events and those of backgrounds.

    Raises:
        DataError: there are scenes to be made and no class for one of the two.
    """
    events = [label for label in data.labels if label not in plan.backgrounds]
    under = [label for label in data.labels if label in plan.backgrounds]
    if plan.n_scenes and not (events and under):
        raise DataError(f"scenes need classes of events and of backgrounds; backgrounds are {list(plan.backgrounds)} "
                        f"and the classes {list(data.labels)}: name other backgrounds")
    return events, under


def take_turns(data: LabelledClips, labels: Sequence[str], n: int, seed: int) -> list[int]:
    """Return places of ``n`` recordings of the test fold: one class after the other, in random order within a class."""
    generator = torch.Generator().manual_seed(seed)
    part_indices = data.part(data.fair, test=True)
    piles = []
    for label in labels:
        own = [place for place in part_indices if data.labels[data.targets[place]] == label]
        piles.append([own[k] for k in torch.randperm(len(own), generator=generator).tolist()])
    rounds = [pile[k] for k in range(max(map(len, piles), default=0)) for pile in piles if k < len(pile)]
    return rounds[:n]
