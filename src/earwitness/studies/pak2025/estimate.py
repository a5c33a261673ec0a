"""What a sweep will cost, measured on its first clip."""

from __future__ import annotations

from dataclasses import dataclass, replace

from earwitness.core.errors import EarwitnessError
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.worker import Worker


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
    worker = Worker(prepared.job)
    measuring = 1 + 2 * len(prepared.job.plan.masks)
    costs = []
    for model in dict.fromkeys(shard.model for shard in prepared.shards):
        own = [shard for shard in prepared.shards if shard.model == model]
        result = worker.do(replace(own[0], clips=own[0].clips[:1]))
        wrong = [row for row in result.rows if row.get("error")]
        if wrong:
            raise EarwitnessError(f"{wrong[0]['clip']}: {wrong[0]['error']}")
        each = {row["method"]: row for row in result.rows}.values()
        clips = sum(len(shard.clips) for shard in own)
        costs.append(Cost(
            model, clips, forward=clips * (1 + sum(row["forward"] + measuring for row in each)),
            backward=clips * sum(row["backward"] for row in each), work_s=clips * result.seconds["total"]))
    return costs
