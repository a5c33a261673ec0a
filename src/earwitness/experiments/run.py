"""Run a sweep: what is missing is done, what is done is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.core.errors import EarwitnessError
from earwitness.experiments.local import do_locally
from earwitness.experiments.store import opened
from earwitness.experiments.task import Job, Result, Shard
from earwitness.studies.pak2025.inputs import StudyInputs

if TYPE_CHECKING:
    from pandas import DataFrame

Engine = Callable[[Job, Sequence[Shard]], Iterator[Result]]


@dataclass(frozen=True)
class Pace:
    """How far a run is.

    Attributes:
        done: clips that are finished, counted once per model and scenario.
        total: clips in all.
        clips_per_minute: of this run, without what an earlier one had finished.
        left_s: expected time to go, seconds; None before the first shard.
    """

    done: int
    total: int
    clips_per_minute: float
    left_s: float | None


@dataclass(frozen=True)
class Finished:
    """A run that is complete.

    Attributes:
        rows: one per clip, method and mask; no failures.
        failures: clips, or methods of a clip, that could not be explained, with ``error``.
        clips: number of clips, counted once per model and scenario.
        kept: how many of them an earlier run had finished.
        wall_s: how long this run took, seconds.
        busy_s: how long all shards took, whichever run did them, seconds of one worker.
        floor_s: how long the bare passes in them take, seconds of one worker.
    """

    rows: DataFrame
    failures: DataFrame
    clips: int
    kept: int
    wall_s: float
    busy_s: float
    floor_s: float


def run_sweep(
    prepared: StudyInputs, folder: Path, *, engine: Engine = do_locally,
    on_pace: Callable[[Pace], None] = lambda pace: None,
) -> Finished:
    """Do the shards that a folder lacks, and read all rows.

    Args:
        prepared: what to do.
        folder: where rows are kept; a run that was killed goes on there.
        engine: who does it; every engine gives the same rows.
        on_pace: called at the start and after every shard.

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: not one clip could be explained.
    """
    total = sum(len(shard.clips) for shard in prepared.shards)
    start = time.monotonic()
    with opened(folder, prepared) as store:
        done = store.done()
        missing = [shard for shard in prepared.shards if shard.index not in done]
        missing.sort(key=lambda shard: prepared.clips.index(shard.clips[0]))  # early on, some clips in every scenario
        sizes = {shard.index: len(shard.clips) for shard in prepared.shards}
        kept = finished = total - sum(sizes[shard.index] for shard in missing)
        on_pace(Pace(finished, total, 0.0, None))
        if missing:
            for result in engine(prepared.job, missing):
                store.write(result)
                finished += sizes[result.index]
                on_pace(_pace(finished, total, finished - kept, time.monotonic() - start))
        rows, seconds = store.rows(), store.seconds()
    failed = rows["error"].notna()
    if bool(failed.all()):
        raise EarwitnessError(f"not one clip could be explained; the first error: {rows['error'].iloc[0]}")
    return Finished(
        rows[~failed].drop(columns="error").reset_index(drop=True),
        rows.loc[failed, ["model", "front_end", "scenario", "clip", "method", "error"]].reset_index(drop=True),
        clips=total, kept=kept, wall_s=time.monotonic() - start, busy_s=seconds["total"], floor_s=seconds["floor"])


def _pace(finished: int, total: int, own: int, took_s: float) -> Pace:
    per_s = own / max(took_s, 1e-9)
    return Pace(finished, total, 60 * per_s, (total - finished) / per_s)
