"""A tiny experiment: squares of numbers, at leisure."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earwitness.core.errors import DataError
from earwitness.experiments.task import Task, TaskResult, seed_of


@dataclass(frozen=True)
class Squares:
    """Tasks "n-0", "n-1" ...; those in ``bad`` fail, and odd ones report a failure in a part of them."""

    numbers: int = 6
    seed: int = 0
    pause_s: float = 0.0
    bad: tuple[int, ...] = ()
    starts: Path | None = None  # each start of a task leaves a file here
    name: str = "squares"
    device: str = "cpu"

    @property
    def columns(self):
        return {"squares": {"n": int, "square": float, "draw": float, "even": bool, "word": str},
                "halves": {"n": int, "half": int}, "failures": {"part": str}}

    def identity(self):
        return {"plan": {"numbers": self.numbers, "seed": self.seed}}

    def tasks(self):
        return tuple(Task(f"n-{n}", {"n": n}, size=2, turn=n % 2) for n in range(self.numbers))

    def make_worker(self):
        return self._square

    def _square(self, task):
        n = task.payload["n"]
        if self.starts is not None:
            (self.starts / f"{task.key}_{os.getpid()}_{time.time_ns()}").touch()
        time.sleep(self.pause_s)
        if n in self.bad:
            raise DataError(f"{n} is bad")
        draw = float(np.random.default_rng(seed_of(self.seed, task.key)).random())
        row = {"n": n, "square": n * n, "draw": draw, "even": n % 2 == 0, "word": f"{n}²" if n else None}
        tables = {"squares": [row, row | {"n": -n}], "halves": [{"n": n, "half": n // 2}] if n % 2 == 0 else []}
        if n % 2:
            tables["failures"] = [{"part": "half", "error": "odd"}]
        return TaskResult(task.key, tables, {"powers": np.array([1, n, n * n])})
