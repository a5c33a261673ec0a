"""Pixel flipping on VGGish."""

from __future__ import annotations

from typing import cast

import torch

from earwitness.bench.contest import compete
from earwitness.bench.floor import forward_floor
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.checks import BoundMethod
from earwitness.metrics.flipping import N_BLOCKS, Flipping, flip
from earwitness.targets import EmbeddingTarget


def flipping_row(setup: Setup) -> BenchRow:
    """Time pixel flipping of one patch in 100 blocks against as many bare passes as it has scores."""
    model, clip = subject("VGGish", setup)
    features = model.features(clip)
    n = N_BLOCKS + 1
    floor, floor_note = forward_floor(model.network, features.values, n, setup)
    # prepares the network, once for all maps
    score = BoundMethod("relax", EmbeddingTarget()).fast_score(model, features)
    values = torch.rand(features.values.shape[1:], generator=torch.Generator().manual_seed(0))
    contest = compete(lambda: flip(score, features, values), floor, [], setup, warm_up=True)
    flipping = cast(Flipping, contest.ours.result)
    return BenchRow(
        f"pixel flipping, VGGish 96 x 64, {N_BLOCKS} blocks", contest.ours.median_s, contest.floor.median_s,
        contest.peers, (Condition("ours/floor", "<=", 1.2),),
        notes=(f"{len(flipping.scores)} forward passes", floor_note, *contest.cost_notes))
