"""LIME on Cnn14 with superpixels."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch

from earwitness.bench.contest import Rival, compete
from earwitness.bench.floor import forward_floor
from earwitness.bench.peers import peer, quiet
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.core.types import Attribution, Features
from earwitness.methods import explain
from earwitness.models import AudioModel

TARGET = 0
QUICKSHIFT = {"kernel_size": 4, "max_dist": 200, "ratio": 0.2, "random_seed": 42}


def lime_row(setup: Setup) -> BenchRow:
    """Time LIME against the package of that name and the bare passes."""
    model, clip = subject("Cnn14", setup)
    features, n = model.features(clip), setup.lime_samples
    floor, floor_note = forward_floor(model.network, features.values, n, setup)
    contest = compete(lambda: explain(model, clip, "lime", TARGET, n_samples=n, seed=0), floor,
                      [Rival("lime", lambda: _peer(model, features, n))], setup)
    ours = cast(Attribution, contest.ours.result)
    goal = Condition("ours/floor", "<=", 1.05) if setup.device == "cpu" else Condition("peer/ours", ">=", 10.0)
    weights = cast(Any, ours.components).weights
    return BenchRow(
        f"LIME, Cnn14 mel 64 x 501, {n:,} samples, quickshift", contest.ours.median_s, contest.floor.median_s,
        contest.peers, (goal,),
        notes=(f"{ours.passes['forward']:,} forward passes", f"{len(weights)} superpixels", floor_note,
               *contest.cost_notes))


def _peer(model: AudioModel, features: Features, n: int) -> Callable[[], object]:
    lime_image = peer("lime.lime_image")
    algorithms = peer("lime.wrappers.scikit_image")
    values = features.values[0].cpu().double().numpy()
    image = np.repeat(values[:, :, None], 3, 2)
    low, high = values.min(), values.max()

    def predict(images: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(images[..., 0]).to(features.values)
        return model.probabilities(features.with_values(batch)).cpu().numpy()

    def run() -> object:
        with quiet(), contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            segment = algorithms.SegmentationAlgorithm("quickshift", **QUICKSHIFT)
            return lime_image.LimeImageExplainer(random_state=0).explain_instance(
                image, predict, labels=(TARGET,), top_labels=None, num_samples=n,
                segmentation_fn=lambda picture: segment((picture - low) / (high - low)))

    return run
