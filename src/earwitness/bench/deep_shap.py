"""DeepSHAP on Cnn14."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from earwitness.bench.contest import Rival, compete
from earwitness.bench.floor import backward_floor
from earwitness.bench.peers import peer, quiet
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.core.types import Attribution
from earwitness.methods import explain


def deep_shap_row(setup: Setup) -> BenchRow:
    """Time DeepSHAP against shap, captum and the bare forward and backward passes; note memory and completeness."""
    model, clip = subject("Cnn14", setup)
    item, n = model.features(clip).values, setup.backgrounds
    noise = torch.randn(n, *item.shape[1:], generator=torch.Generator().manual_seed(0))
    backgrounds = (-40 + 15 * noise).to(item)
    target = int(model.network(item)[0].argmax())
    few = min(n, setup.peer_backgrounds)
    how = {"scale": n / few, "note": "" if few == n else f"{few} backgrounds measured, scaled to {n}"}
    floor, floor_note = backward_floor(model.network, item, n, setup)
    contest = compete(
        lambda: explain(model, clip, "deep_shap", target, backgrounds=backgrounds), floor,
        [Rival("shap", lambda: _shap(model.network, item, backgrounds[:few]), **how),  # type: ignore[arg-type]
         Rival("captum", lambda: _captum(model.network, item, backgrounds[:few], target), **how)],  # type: ignore[arg-type]
        setup)
    ours = cast(Attribution, contest.ours.result)
    measured = {"completeness gap": max(abs(gap) for gap in ours.settings["completeness_gap"])}
    if contest.ours.added_mib is not None:
        measured["added MiB"] = contest.ours.added_mib
    return BenchRow(
        f"DeepSHAP, Cnn14 mel 64 x 501, {n} backgrounds", contest.ours.median_s, contest.floor.median_s, contest.peers,
        (Condition("ours/floor", "<=", 1.3), Condition("added MiB", "<=", 1024.0),
         Condition("completeness gap", "<=", 1e-3)),
        measured,
        (f"{ours.passes['forward']} forward and {ours.passes['backward']} backward passes", floor_note,
         *contest.cost_notes, f"the peers' memory is that of {few} backgrounds"))


def _shap(network: nn.Module, item: Tensor, backgrounds: Tensor) -> Callable[[], object]:
    shap = peer("shap")

    def run() -> object:
        with quiet():
            explainer = shap.DeepExplainer(network, backgrounds)
            return explainer.shap_values(item.clone(), ranked_outputs=1, check_additivity=False)

    return run


def _captum(network: nn.Module, item: Tensor, backgrounds: Tensor, target: int) -> Callable[[], object]:
    attr = peer("captum.attr")

    def run() -> object:
        with quiet():
            return attr.DeepLiftShap(network).attribute(item.clone(), baselines=backgrounds, target=target)

    return run
