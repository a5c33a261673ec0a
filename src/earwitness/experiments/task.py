"""An experiment: named tasks, each a pure function of the experiment and the task's payload."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch

from earwitness.core.errors import EarwitnessError

THREADS = 1  # another number can change the last bit of a sum; more cores are used by more workers
Columns = Mapping[str, Mapping[str, type]]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Task:
    """Work that is finished together.

    Attributes:
        key: its name, unlike those of the experiment's other tasks, and the name of its file: letters, digits and
            ``_.-`` only.
        payload: what is to be done; plain values.
        size: how many items of work it is, for the pace.
        turn: tasks of a lower turn are begun first; the rows' order is that of the tasks.
    """

    key: str
    payload: Mapping[str, Any]
    size: int = 1
    turn: int = 0


@dataclass(frozen=True)
class TaskResult:
    """What became of a task.

    Attributes:
        key: the task's.
        tables: rows by table; plain values by column. The table "failures" has those that say what went wrong in a
            part of the task, with the column "error".
        arrays: what is kept beside the rows, compressed, by name.
        seconds: how long it took in all ("total"), and whatever else was timed.
        error: why nothing came of it; "" where something did.
    """

    key: str
    tables: Mapping[str, Rows]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


Worker = Callable[[Task], TaskResult]


class Experiment(Protocol):
    """What is computed; a value that can be pickled, from which every process builds its own worker.

    Attributes:
        name: what the folder of its rows says it is.
        device: where its networks run; "cuda" makes Ray reserve a GPU for each worker.
        columns: the type of each column (str, float, int, bool) by table; a column of two tables has one type.
    """

    @property
    def name(self) -> str:
        """What the folder of its rows says it is."""
        ...

    @property
    def device(self) -> str:
        """Where its networks run."""
        ...

    @property
    def columns(self) -> Columns:
        """The type of each column by table."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return everything that determines the rows, as plain values; entries of "plan" are named one by one."""
        ...

    def tasks(self) -> Sequence[Task]:
        """Return all tasks, in the order of their rows."""
        ...

    def make_worker(self) -> Worker:
        """Load what the tasks need, once for a process, and return what does a task."""
        ...


def do_task(worker: Worker, task: Task) -> TaskResult:
    """Do a task on one thread; whatever is wrong with it becomes a result that says so, and the others go on."""
    with _one_thread():
        start = time.perf_counter()
        try:
            result = worker(task)
        except Exception as error:
            result = TaskResult(task.key, {}, error=error_line(error))
        return replace(result, seconds={"total": time.perf_counter() - start, **result.seconds})


def error_line(error: Exception) -> str:
    """Return an error as one line of at most 500 characters; the package's own speak for themselves."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words[:500] if isinstance(error, EarwitnessError) else f"{type(error).__name__}: {words[:450]}"


def seed_of(*words: str | int) -> int:
    """Return a seed that depends on nothing but these words, 0 to 2³² - 1.

    >>> seed_of(0, "dog.wav", "clean", "lime") == seed_of(0, "dog.wav", "clean", "lime")
    True
    """
    return int(digest(list(words))[:8], 16)


def digest(content: object) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
