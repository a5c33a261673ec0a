"""The names that a shell completes, told without importing torch; a test compares them with the real ones."""

from __future__ import annotations

from importlib.resources import files

import click
from click.shell_completion import CompletionItem

METHODS = ("attention_rollout", "audible_mask", "audio_lime", "deep_shap", "gradcam", "integrated_gradients",
           "kernel_shap", "lime", "occlusion", "relax", "rise", "saliency", "slime", "smoothgrad")
MASKS = ("minmax", "sigmoid", "bin", "topK_5", "topK_30", "topK_50", "minmax_pos", "sigmoid_pos", "pos_thresh_25",
         "pos_thresh_50", "pos_thresh_75", "topK_5_pos", "topK_30_pos", "topK_50_pos")


def complete_method(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the last of several methods with commas between them."""
    before, comma, last = typed.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in (*METHODS, "all") if name.startswith(last)]


def complete_mask(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete a mask's name."""
    return [CompletionItem(name) for name in MASKS if name.startswith(typed)]


def complete_model(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the name of a model, or a folder."""
    cards = (files("earwitness") / "models" / "bundled").iterdir()
    names = sorted(card.name.removesuffix(".json") for card in cards if card.name.endswith(".json"))
    return [CompletionItem(name) for name in names if name.startswith(typed)] or [CompletionItem(typed, type="dir")]
