"""SoundLIME on SvdNet with ten temporal components."""

from __future__ import annotations

from collections.abc import Callable

import torch

from earwitness.bench.contest import Rival, compete
from earwitness.bench.floor import forward_floor
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.core.types import Attribution, Features
from earwitness.methods import explain
from earwitness.models import AudioModel
from earwitness.perturb import coalitions, components, estimators
from earwitness.studies.mishra2020 import unique_components

PUBLISHED_ROWS = 70_000
PARTS = 10
RUNS = 5
TOP = 3
BATCH = 32


def soundlime_row(setup: Setup) -> BenchRow:
    """Time all coalitions once against every drawn row once, and count what five runs disagree on."""
    model, clip = subject("SvdNet", setup)
    features, measured = model.features(clip), setup.published_rows
    runs: list[Attribution] = []

    def ours() -> Attribution:
        runs.append(explain(model, clip, "slime", 0, components="temporal", fill="zero", seed=len(runs)))
        return runs[-1]

    floor, floor_note = forward_floor(model.network, features.values, 2**PARTS, setup)
    every_row = Rival("every row evaluated, as published", lambda: _published(model, features, measured), package=False,
                      scale=PUBLISHED_ROWS / measured, note=f"extrapolated from {measured:,} measured rows")
    contest = compete(ours, floor, [every_row], setup)
    while len(runs) < RUNS:
        ours()
    passes = runs[0].passes["forward"]
    return BenchRow(
        f"SoundLIME, SvdNet 80 x 115, {PARTS} temporal components, against {PUBLISHED_ROWS:,} rows",
        contest.ours.median_s, contest.floor.median_s, contest.peers,
        (Condition("passes", "<=", 2**PARTS), Condition("peer/ours", ">=", 60.0), Condition("U_n", "<=", TOP)),
        {"passes": passes, "U_n": unique_components(runs[:RUNS], TOP)},
        (f"{passes:,} forward passes", f"U_n: distinct components among the top {TOP} of {RUNS} runs with other seeds",
         floor_note, *contest.cost_notes))


def _published(model: AudioModel, features: Features, n_rows: int) -> Callable[[], object]:
    """Draw rows, ask the model about every one of them, fit."""
    parts = components.temporal(features, model.front_end, n=PARTS)
    nothing = torch.zeros_like(features.values)

    def run() -> object:
        rows = coalitions.bernoulli(n_rows, PARTS, generator=torch.Generator().manual_seed(0))
        scores = [model.probabilities(parts.compose(features, batch.to(features.values), nothing))[:, 0].cpu()
                  for batch in torch.split(rows, BATCH)]
        return estimators.weighted_ridge(rows, torch.cat(scores), estimators.lime_weights(rows))

    return run
