"""Run an experiment: what is missing is done, what is done is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.core.errors import EarwitnessError
from earwitness.experiments.local import do_locally
from earwitness.experiments.store import FAILURES, open_store
from earwitness.experiments.task import Experiment, Task, TaskResult, do_task

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

Engine = Callable[[Experiment, Sequence[Task]], Iterator[TaskResult]]
OnPace = Callable[["Pace"], None]
KEY = re.compile(r"[\w.-]{1,150}")


@dataclass(frozen=True)
class Pace:
    """How far a run is; items are what tasks are made of, such as clips.

    Attributes:
        done: items that are finished.
        total: items in all.
        per_minute: items a minute in this run, without what an earlier one had finished.
        left_s: expected time to go, seconds; None before the first task is finished.
    """

    done: int
    total: int
    per_minute: float
    left_s: float | None


@dataclass(frozen=True)
class Finished:
    """A run that is complete.

    Attributes:
        tables: rows by table, in the order of the tasks.
        failures: what could not be done, with ``task`` and ``error``.
        total: items in all.
        kept: how many of them an earlier run had finished.
        wall_s: how long this run took, seconds.
        seconds: how long all tasks took, whichever run did them, by name; seconds of one worker.
        arrays: what tasks kept beside their rows, by key; only of tasks that were asked for.
    """

    tables: dict[str, DataFrame]
    failures: DataFrame
    total: int
    kept: int
    wall_s: float
    seconds: dict[str, float]
    arrays: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def run_experiment(
    experiment: Experiment, folder: Path, *, tasks: Sequence[Task] | None = None, engine: Engine = do_locally,
    on_pace: OnPace = lambda pace: None, arrays: Sequence[str] = (),
) -> Finished:
    """Do the tasks that a folder lacks, and read all rows. Tasks of which nothing came are tried again.

    Args:
        experiment: what to do.
        folder: where rows are kept; a run that was killed goes on there.
        tasks: some of the experiment's; None does all.
        engine: who does it; every engine gives the same rows.
        on_pace: called at the start and after every task.
        arrays: keys of the tasks whose arrays are wanted.

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: nothing came of any task, or another run is at work in the folder.
    """
    tasks = experiment.tasks() if tasks is None else tasks
    keys = _checked_keys(tasks)
    total, start = sum(task.size for task in tasks), time.monotonic()
    with open_store(folder, experiment) as store:
        done = store.done(keys)
        missing = sorted((task for task in tasks if task.key not in done), key=lambda task: task.turn)
        sizes = {task.key: task.size for task in missing}
        kept = finished = total - sum(sizes.values())
        on_pace(Pace(finished, total, 0.0, None))
        if missing:
            for result in engine(experiment, missing):
                store.write(result)
                finished += sizes[result.key]
                on_pace(_pace(finished, total, finished - kept, time.monotonic() - start))
        tables, seconds = store.tables(keys), store.seconds(keys)
        beside = {key: store.arrays(key) for key in arrays}
    failures = tables.pop(FAILURES)
    if len(failures) and not any(len(table) for table in tables.values()):
        first = failures["error"].iloc[0]
        raise EarwitnessError(f"nothing could be done; the first of {len(failures)} errors: {first}")
    return Finished(tables, failures, total, kept, time.monotonic() - start, seconds, beside)


def estimate_s(experiment: Experiment, tasks: Sequence[Task]) -> float:
    """Do the first task, keep nothing of it, and return how long all take one worker, seconds.

    Raises:
        EarwitnessError: nothing came of the first task.
    """
    first = min(tasks, key=lambda task: task.turn)
    result = do_task(experiment.make_worker(), first)
    if result.error:
        raise EarwitnessError(f"the first task fails: {result.error}")
    return result.seconds["total"] / first.size * sum(task.size for task in tasks)


def _checked_keys(tasks: Sequence[Task]) -> list[str]:
    """Names of the tasks: harmless as file names, and each there once."""
    keys = [task.key for task in tasks]
    bad = next((key for key in keys if not KEY.fullmatch(key)), None)
    double = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
    if bad is not None or double is not None:
        raise EarwitnessError(f"task {bad or double!r}; expected names of letters, digits and _.-, each once: rename "
                              "the recordings")
    return keys


def _pace(finished: int, total: int, own: int, took_s: float) -> Pace:
    per_s = own / max(took_s, 1e-9)
    return Pace(finished, total, 60 * per_s, (total - finished) / per_s)
