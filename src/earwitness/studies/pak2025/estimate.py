"""What a sweep will cost, measured on its first clip."""

from __future__ import annotations

from dataclasses import dataclass

from earwitness.core.errors import EarwitnessError
from earwitness.experiments.task import Task, do_task
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.job import shard_of


@dataclass(frozen=True)
class Cost:
    """What one model's share of a sweep costs.

    Attributes:
        model: its name.
        clips: number of clips it explains, counted once per scenario.
        forward: forward passes in all.
        backward: backward passes in all.
        work_s: time of one worker in all, seconds.
    """

    model: str
    clips: int
    forward: int
    backward: int
    work_s: float


def estimate(prepared: StudyInputs) -> list[Cost]:
    """Explain the first clip once with every model; every other clip is taken to cost as much.

    Raises:
        EarwitnessError: that clip cannot be explained.
    """
    worker = prepared.make_worker()
    measuring = 1 + 2 * len(prepared.job.plan.masks)
    costs = []
    for model in prepared.job.plan.models:
        own = [task for task in prepared.shards if shard_of(task).model == model]
        if not own:
            continue
        first = Task("first", {**own[0].payload, "clips": own[0].payload["clips"][:1]})
        result = do_task(worker, first)
        wrong = [row["error"] for row in result.tables.get("failures", ())] or [result.error]
        if wrong[0]:
            raise EarwitnessError(f"{first.payload['clips'][0]}: {wrong[0]}")
        each = {row["method"]: row for row in result.tables["rows"]}.values()
        clips = sum(task.size for task in own)
        costs.append(Cost(
            model, clips, forward=clips * (1 + sum(row["forward"] + measuring for row in each)),
            backward=clips * sum(row["backward"] for row in each), work_s=clips * result.seconds["total"]))
    return costs
