"""All fourteen masks and all seven metrics of one clip."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness import masks
from earwitness.bench.contest import Rival, compete
from earwitness.bench.floor import forward_floor
from earwitness.bench.peers import peer, quiet
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.core.types import Features
from earwitness.frontends import blend
from earwitness.methods import explain
from earwitness.metrics.measure import measure_masks
from earwitness.models import AudioModel

TARGET = 0
PASSES = 1 + 2 * len(masks.PRESETS)


def masks_row(setup: Setup) -> BenchRow:
    """Time masks and metrics against a loop with Quantus and unbatched passes, and the bare passes."""
    model, clip = subject("Cnn14", setup)
    features = model.features(clip)
    evidence = explain(model, clip, "saliency", TARGET).values
    floor, floor_note = forward_floor(model.network, features.values, PASSES, setup)

    def ours() -> object:
        made = torch.stack([masks.make(evidence, preset) for preset in masks.PRESETS])
        return measure_masks(model, features, made, TARGET)[0]

    contest = compete(ours, floor, [Rival("quantus", lambda: _loop(model, features, evidence))], setup)
    return BenchRow(
        f"{len(masks.PRESETS)} masks x 7 metrics, Cnn14 mel 64 x 501, one clip", contest.ours.median_s,
        contest.floor.median_s, contest.peers, (Condition("ours/floor", "<=", 1.2),),
        notes=("the peer asks the model about one input at a time, and Quantus about sparseness and complexity",
               floor_note, *contest.cost_notes))


def _loop(model: AudioModel, features: Features, evidence: Tensor) -> Callable[[], object]:
    """What a script around Quantus does: mask by mask, input by input."""
    quantus = peer("quantus")

    def ask(values: Tensor) -> Tensor:
        return model.probabilities(features.with_values(values))[0]

    def run() -> object:
        rows = []
        with quiet():
            metrics = [kind(abs=True, normalise=False, disable_warnings=True)
                       for kind in (quantus.Sparseness, quantus.Complexity)]
            p = ask(features.values)
            for preset in masks.PRESETS:
                mask = masks.make(evidence, preset).to(features.values)
                kept, removed = (ask(blend(features.values, m, fill=model.front_end.silence)) for m in (mask, 1 - mask))
                plane = mask.cpu().double().numpy()[None]
                conciseness = [metric.evaluate_batch(x_batch=plane, a_batch=plane.copy())[0] for metric in metrics]
                drop = float((p[TARGET] - kept[TARGET]).clamp(min=0) / (p[TARGET] + 1e-6))
                gain = float((kept[TARGET] - p[TARGET]).clamp(min=0) / (1 - p[TARGET] + 1e-6))
                rows.append((float(p[TARGET] - removed[TARGET]), bool(kept[TARGET] > p[TARGET]), drop, gain,
                             bool(torch.equal(kept.argmax(), p.argmax())), *conciseness))
        return rows

    return run
