"""Stopwatch and memory gauge."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
MIB = 2**20


@dataclass(frozen=True)
class Timing:
    """How long a piece of work took.

    Attributes:
        runs_s: seconds of each run, by the clock on the wall.
        processor_s: seconds of each run that this process spent on all cores: what other processes do hardly counts.
        added_mib: peak memory of the first run above what was in use before it; None where the system does not say.
        result: what the last run returned.
    """

    runs_s: tuple[float, ...]
    processor_s: tuple[float, ...] = ()
    added_mib: float | None = None
    result: object = None

    @property
    def median_s(self) -> float:
        """Median over the runs, seconds."""
        return median(self.runs_s)


def interleaved(
    works: Mapping[str, Callable[[], object]], *, repeats: int, device: str = "cpu", warm_up: bool = False
) -> dict[str, Timing]:
    """Time several pieces of work in turn, A B C A B C, so that a slow minute of the machine hits all of them.

    Args:
        works: by name.
        repeats: runs of each.
        device: what has to finish before the clock is read.
        warm_up: run each once before the clock starts; for short work.
    """
    runs: dict[str, list[float]] = {name: [] for name in works}
    spent: dict[str, list[float]] = {name: [] for name in works}
    added: dict[str, float | None] = {}
    results: dict[str, object] = {}
    for work in works.values() if warm_up else ():
        work()
    for k in range(repeats):
        for name, work in works.items():
            before_s = time.process_time()
            if k == 0:
                seconds, results[name], added[name] = _with_memory(work, device)
            else:
                seconds, results[name] = timed(work, device=device)
            runs[name].append(seconds)
            spent[name].append(time.process_time() - before_s)
    return {name: Timing(tuple(runs[name]), tuple(spent[name]), added[name], results[name]) for name in works}


def timed(work: Callable[[], object], *, device: str = "cpu") -> tuple[float, object]:
    """Run once; return seconds and the result."""
    _finish(device)
    start = time.perf_counter()
    result = work()
    _finish(device)
    return time.perf_counter() - start, result


def _with_memory(work: Callable[[], object], device: str) -> tuple[float, object, float | None]:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        seconds, result = timed(work, device=device)
        return seconds, result, (torch.cuda.max_memory_allocated(device) - before) / MIB
    _give_back_memory()
    start_mib = _status_mib("VmRSS") if _reset_peak() else None
    seconds, result = timed(work, device=device)
    peak_mib = _status_mib("VmHWM")
    added = None if start_mib is None or peak_mib is None else max(0.0, peak_mib - start_mib)
    return seconds, result, added


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _give_back_memory() -> None:
    """Let the C library return what is free, so that the next work's memory is seen whole."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _reset_peak() -> bool:
    """Set the process's peak of resident memory to what is resident now; Linux only."""
    with contextlib.suppress(OSError):
        RESET.write_text(RESET_PEAK)
        return True
    return False


def _status_mib(name: str) -> float | None:
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return None
