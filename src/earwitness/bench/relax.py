"""RELAX on VGGish."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from earwitness.bench.contest import Rival, compete
from earwitness.bench.floor import forward_floor
from earwitness.bench.peers import relax_xai
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.core.types import Attribution
from earwitness.methods import explain

BATCH = 100  # the peer's own


def relax_row(setup: Setup) -> BenchRow:
    """Time RELAX on one patch against relax-xai and the bare passes."""
    model, clip = subject("VGGish", setup)
    item = model.features(clip).values
    n = setup.relax_masks
    floor, floor_note = forward_floor(model.network, item, n, setup)
    contest = compete(lambda: explain(model, clip, "relax", n_masks=n, seed=0), floor,
                      [Rival("relax-xai", lambda: _peer(model.network, item, n))], setup)
    ours = cast(Attribution, contest.ours.result)
    return BenchRow(
        f"RELAX, VGGish 96 x 64, {n:,} masks", contest.ours.median_s, contest.floor.median_s, contest.peers,
        (Condition("ours/floor", "<=", 1.05),),
        notes=(f"{ours.passes['forward']:,} forward passes", floor_note, *contest.cost_notes))


def _peer(network: nn.Module, item: Tensor, n: int) -> Callable[[], object]:
    package = relax_xai()
    patch = item.transpose(1, 2).unsqueeze(1).contiguous()  # (1, 1, 96, 64), what its masks are made for
    batch = min(BATCH, n)

    def run() -> object:
        with torch.no_grad():
            explainer = package.RELAX(patch, network, batch_size=batch, num_batches=n // batch)
            explainer()
        return explainer.importance

    return run
