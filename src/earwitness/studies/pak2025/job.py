"""A plan and where its sounds are, and how it is cut into tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.experiments.task import Task
from earwitness.studies.pak2025.plan import Pak2025Plan


@dataclass(frozen=True)
class Job:
    """A plan and where its sounds are; all that a worker is told.

    Attributes:
        plan: what to do.
        data: folder in ESC-50's layout.
        noises: files of the scenarios' noises by scenario.
        front_ends: what the tables call each model's front end, by model.
        device: where the networks run.
    """

    plan: Pak2025Plan
    data: Path
    noises: Mapping[str, Path]
    front_ends: Mapping[str, str]
    device: str = "cpu"


@dataclass(frozen=True)
class Shard:
    """Clips that are finished together: what a task holds.

    Attributes:
        model: one of the plan's models.
        scenario: name of one of the plan's scenarios.
        clips: file names of the data set, in its order.
    """

    model: str
    scenario: str
    clips: tuple[str, ...]


def cut(plan: Pak2025Plan, clips: Sequence[str], kinds: Mapping[str, str]) -> tuple[Task, ...]:
    """Cut a plan into tasks: model by model, scenario by scenario, some clips at a time.

    Args:
        plan: what to do.
        clips: file names of the clips to explain.
        kinds: the kind of each model's front end ("mel", "stft"), by model.

    Returns:
        The tasks; their rows, one after the other, do not depend on the plan's shard size. The first clips of every
        scenario have the first turn, so that the pace early on is that of the whole.
    """
    return tuple(
        Task(f"{index:05d}", {"model": shard.model, "scenario": shard.scenario, "clips": list(shard.clips)},
             size=len(shard.clips), turn=turn)
        for index, (turn, shard) in enumerate(_shards(plan, clips, kinds)))


def shard_of(task: Task) -> Shard:
    """Return what a task holds."""
    return Shard(task.payload["model"], task.payload["scenario"], tuple(task.payload["clips"]))


def _shards(plan: Pak2025Plan, clips: Sequence[str], kinds: Mapping[str, str]) -> Iterator[tuple[int, Shard]]:
    for model in plan.models:
        for scenario in plan.scenarios:
            if scenario.front_ends is None or kinds[model] in scenario.front_ends:
                for turn in range(0, len(clips), plan.shard_size):
                    yield turn, Shard(model, scenario.name, tuple(clips[turn : turn + plan.shard_size]))
