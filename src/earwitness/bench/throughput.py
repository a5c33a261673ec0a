"""How many clips a sweep does in a minute, and how long its workers wait for work."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from earwitness import audio, masks, synthetic
from earwitness.bench.row import BenchRow
from earwitness.bench.setup import Setup
from earwitness.core.errors import MissingExtraError, require
from earwitness.experiments.local import do_locally
from earwitness.experiments.ray import do_on_ray
from earwitness.experiments.task import Task, TaskResult
from earwitness.studies.pak2025.inputs import StudyInputs, read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.worker import Worker

MODEL = "esc10-mel"
FOLD = 5
METHODS = [{"name": "saliency"}, {"name": "gradcam"}, {"name": "lime", "settings": {"n_samples": 100}}]
WORKERS = (1, 2)
ENGINES: dict[str, Callable[..., Iterator[TaskResult]]] = {"local": do_locally, "ray": do_on_ray}


class Clocked(Worker):
    """A worker that tells who it is and when it was done, by the clock that all processes of a machine share."""

    def __call__(self, task: Task) -> TaskResult:
        """Do a task; its seconds also hold "end" and "worker"."""
        result = super().__call__(task)
        return replace(result, seconds={**result.seconds, "end": time.time(), "worker": os.getpid()})


class ClockedInputs(StudyInputs):
    """The study with workers that tell when they were done."""

    def make_worker(self) -> Worker:
        """Return a worker with a clock."""
        return Clocked(self.job)


@dataclass(frozen=True)
class Shift:
    """One run of the sweep.

    Attributes:
        clips: how many were explained.
        start_up_s: from the call until a worker explains its first clip: processes, imports, models.
        working_s: from there to the end of the last clip.
        waited: share of the workers' time, each from its first clip to the end of all, in which it explained none.
        floor_s: the bare passes in it, seconds of one worker.
    """

    clips: int
    start_up_s: float
    working_s: float
    waited: float
    floor_s: float

    @property
    def clips_per_minute(self) -> float:
        """Once the first worker is up."""
        return 60 * self.clips / self.working_s


def throughput_rows(setup: Setup) -> list[BenchRow]:
    """Run one small sweep with one and two workers, on each engine."""
    rows: list[BenchRow] = []
    alone = None
    with _prepared(setup) as prepared:
        what = f"sweep, {len(prepared.clips)} clips x {len(METHODS)} methods x {len(masks.PRESETS)} masks"
        for engine, workers in itertools.product(ENGINES, WORKERS):
            work = f"{what}, {engine}, {workers} worker{'s' if workers > 1 else ''}"
            if engine == "ray" and not _has_ray():
                rows.append(BenchRow(work, notes=("not installed: pip install 'earwitness[ray]'",)))
                continue
            shift = run(ENGINES[engine], prepared, workers)
            alone = alone or shift
            rows.append(_row(work, shift, alone, workers))
    return rows


def run(engine: Callable[..., Iterator[TaskResult]], prepared: StudyInputs, workers: int) -> Shift:
    """Do all tasks with one engine; nothing is written."""
    called = time.time()
    clocked = ClockedInputs(**{each.name: getattr(prepared, each.name) for each in fields(prepared)})
    return shift_of(list(engine(clocked, clocked.tasks(), workers=workers)), called)


def shift_of(results: Sequence[TaskResult], called: float) -> Shift:
    """Sum up what the workers told; every result is of one clip.

    Args:
        results: all of them, with "end" and "worker" among their seconds.
        called: when the engine was called, by the same clock.
    """
    begins: dict[float, list[float]] = defaultdict(list)
    for result in results:
        begins[result.seconds["worker"]].append(result.seconds["end"] - result.seconds["total"])
    begin, end = min(map(min, begins.values())), max(result.seconds["end"] for result in results)
    present = sum(end - min(times) for times in begins.values())
    busy = sum(result.seconds["total"] for result in results)
    return Shift(len(results), begin - called, end - begin, 1 - busy / present,
                 sum(result.seconds["floor"] for result in results))


def _row(work: str, shift: Shift, alone: Shift, workers: int) -> BenchRow:
    measured = {"clips per minute": shift.clips_per_minute, "times one local worker": alone.working_s / shift.working_s,
                "scheduler's share": shift.waited, "start-up (s)": shift.start_up_s}
    return BenchRow(work, shift.working_s, shift.floor_s / workers, measured=measured,
               notes=("floor: bare passes on one core for each worker",))


@contextmanager
def _prepared(setup: Setup) -> Iterator[StudyInputs]:
    with tempfile.TemporaryDirectory() as folder:
        data = setup.data or _made(Path(folder) / "data", setup.sweep_clips)
        folds = [FOLD] if setup.data is None else [1, 2, 3, 4, 5]
        plan = make_plan({"models": [MODEL], "folds": folds, "test_folds": [FOLD], "methods": METHODS,
                                "scenarios": [{"name": "clean"}], "shard_size": 1, "limit": setup.sweep_clips})
        yield read_inputs(plan, data, device=setup.device)


def _made(folder: Path, count: int) -> Path:
    """Write synthetic scenes in ESC-50's layout."""
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    lines = ["filename,fold,target,category"]
    names = list(synthetic.SCENES)
    for k in range(count):
        scene = synthetic.make_scene(names[k % len(names)], seed=k)
        target = [synthetic.make_scene(name).label for name in names].index(scene.label)
        lines.append(f"{FOLD}-{k}-A-{target}.wav,{FOLD},{target},{scene.label}")
        audio.save(folder / "audio" / f"{FOLD}-{k}-A-{target}.wav",
                   replace(scene.clip, waveform=0.9 * scene.clip.waveform))
    (folder / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _has_ray() -> bool:
    try:
        require("ray", extra="ray")
    except MissingExtraError:
        return False
    return True
