"""Grad-CAM on Cnn14."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from earwitness.bench.contest import Rival, compete
from earwitness.bench.peers import peer, quiet
from earwitness.bench.row import BenchRow, Condition
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import subject
from earwitness.bench.timing import interleaved
from earwitness.methods import explain
from earwitness.methods.gradcam import gradcam
from earwitness.models import Cnn14
from earwitness.models.eval_mode import eval_mode
from earwitness.targets.scores import ClassLogit

TARGET = 0
RUNS_PER_REPEAT = 3


def gradcam_row(setup: Setup) -> BenchRow:
    """Time Grad-CAM on features against captum, and against one forward pass with the tail of a backward pass."""
    model, clip = subject("Cnn14", setup)
    features, network = model.features(clip), cast(Cnn14, model.network)
    layer, repeats = network.conv_block6.conv2, RUNS_PER_REPEAT * setup.repeats

    def ours() -> object:
        with eval_mode(network):
            return gradcam(ClassLogit(model, TARGET), features)

    contest = compete(ours, lambda: _bare(network, layer, features.values),
                      [Rival("captum", lambda: _captum(network, layer, features.values))], setup,
                      repeats=repeats, warm_up=True)
    whole = interleaved({"explain": lambda: explain(model, clip, "gradcam", TARGET)}, repeats=repeats,
                        device=setup.device, warm_up=True)["explain"]
    return BenchRow(
        "Grad-CAM, Cnn14 mel 64 x 501, one clip", contest.ours.median_s, contest.floor.median_s, contest.peers,
        (Condition("ours/floor", "<=", 1.3),),
        notes=("one forward pass and the tail of one backward pass", f"medians of {repeats} runs on features",
               f"explain() from the clip, with resampling and the front end: {whole.median_s:.3f} s",
               "the floor keeps no graph before the layer", *contest.cost_notes))


def _bare(network: nn.Module, layer: nn.Module, values: Tensor) -> Tensor:
    """One forward pass without a graph up to the layer, and the backward pass down to it."""
    maps: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        maps.append(output.detach().requires_grad_())
        return maps[-1]

    handle = layer.register_forward_hook(cut)
    try:
        (gradient,) = torch.autograd.grad(network(values)[:, TARGET].sum(), maps[-1:] or [values])
    finally:
        handle.remove()
    return gradient


def _captum(network: nn.Module, layer: nn.Module, values: Tensor) -> Callable[[], object]:
    attr = peer("captum.attr")

    def run() -> object:
        with quiet():
            maps = attr.LayerGradCam(network, layer).attribute(values, target=TARGET)
            return attr.LayerAttribution.interpolate(maps.transpose(2, 3), tuple(values.shape[1:]), "bilinear")

    return run
