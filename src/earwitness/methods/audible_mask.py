"""Audible mask: the smallest mask whose sound keeps the prediction, searched for by gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from earwitness.core.types import Features, Progress
from earwitness.listening import features_of_sounds
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import method
from earwitness.targets.scores import ClassProbability, Score

STEEPEST = 6.0  # the sigmoid's slope at the end, over that at the start
TINY = 1e-12
NEARLY_NOTHING = 1e-6  # of a probability: log(1 - p) stays finite


@method(score="probability", needs="gradient", ranges={
    "n_steps": (1, 10**4), "area": (0.0, 1e6), "smoothness": (0.0, 1e6), "learning_rate": (1e-6, 100.0),
    "cell_rows": (1, 10**4), "cell_columns": (1, 10**6)},
    summary="the smallest sound that keeps the answer", part="2 by 2 bins",
    cost="60 steps of two forward and two backward passes",
    source="objective of Paissan et al. 2024 (L-MAC), for one clip without a decoder: the smallest mask whose *sound* "
           "keeps the prediction")
def audible_mask(
    score: Score, features: Features, *, n_steps: int = 60, area: float = 4.0, smoothness: float = 0.5,
    learning_rate: float = 0.3, cell_rows: int = 2, cell_columns: int = 2, progress: Progress | None = None,
) -> Evidence:
    """Explain by the smallest mask whose sound keeps the prediction and without which the sound loses it.

    The mask scales the complex spectrum; the kept and the removed sound go through the whole model, its levelling and
    front end included, and the gradient comes back all the way. Minimised is, for a probability p,

        -log p(kept sound) - log(1 - p(removed sound)) + area·mean(m) + smoothness·(mean |Δm| along both axes)

    For any other score, whose scale is unknown, the first term is how far the kept sound falls below the whole, the
    second how far the removed sound stays above silence, both over the whole's distance from silence. The mask is a
    sigmoid of values on a coarse grid, drawn smoothly onto the plane and divided by its maximum, because a model that
    sets the level of what it hears takes a faint mask for a full one. The sigmoid grows steeper on the way, so that the
    mask ends near 0 and 1. The search starts from a mask of ones and draws nothing at random: the seed changes nothing.

    Args:
        score: what is explained; a class probability by default.
        features: values (batch, freq, time) and the spectrum behind them. Values that were changed without the spectrum
            are followed: both sounds' values are changed alike.
        n_steps: steps of the search (Adam).
        area: weight of the mask's mean.
        smoothness: weight of the mask's total variation.
        learning_rate: size of a step.
        cell_rows: rows of the plane per cell of the grid.
        cell_columns: columns of the plane per cell of the grid.
        progress: called with the share done.

    Returns:
        Evidence that is the mask itself, 0..1: nothing in it speaks against the target. The mask preset "minmax_pos"
        keeps it as it is, "pos_thresh_50" rounds it. Facts: the score of the kept and of the removed sound, and the
        mask's mean.

    Raises:
        ParameterError: the network gives no gradient.

    Source: the objective of Paissan et al. 2024 (L-MAC). Differs: one clip, no trained decoder; the model hears the
    sound and not the masked spectrum; 1 - p of the removed sound instead of a negative cross-entropy, which has no
    lower bound. Two forward and two backward passes per step, and two or four forward passes.
    """
    masks, facts = [], []
    for k in range(len(features)):
        item = features[k : k + 1]
        plane = item.values[0]
        grid = plane.new_zeros(-(-plane.shape[0] // cell_rows), -(-plane.shape[1] // cell_columns))
        terms, momentum, size = _terms(score, item), torch.zeros_like(grid), torch.zeros_like(grid)
        for step in range(1, n_steps + 1):
            grid.requires_grad_()
            mask = _mask(grid, STEEPEST ** ((step - 1) / max(1, n_steps - 1)), plane)
            loss = terms(_answers(score, item, mask)) + area * mask.mean() + smoothness * _variation(mask)
            (gradient,) = torch.autograd.grad(loss, grid)
            momentum, size = 0.9 * momentum + 0.1 * gradient, 0.999 * size + 0.001 * gradient.square()
            move = momentum / (1 - 0.9**step) / ((size / (1 - 0.999**step)).sqrt() + 1e-8)
            grid = grid.detach() - learning_rate * move
            if progress is not None:
                progress((k + step / n_steps) / len(features))
        with torch.no_grad():
            masks.append(_mask(grid, STEEPEST, plane))
            facts.append([*_answers(score, item, masks[-1]).tolist(), float(masks[-1].mean())])
    names = ("score_kept", "score_removed", "mask_mean")
    return Evidence(torch.stack(masks), facts={name: [row[k] for row in facts] for k, name in enumerate(names)})


def _mask(grid: Tensor, steepness: float, like: Tensor) -> Tensor:
    """Grid of any values -> mask (freq, time) whose maximum is 1."""
    cells = torch.sigmoid(steepness * grid)[None, None]
    mask = interpolate(cells, size=tuple(like.shape), mode="bilinear", align_corners=False)[0, 0]
    return mask / mask.amax().clamp(min=TINY)


def _variation(mask: Tensor) -> Tensor:
    """Sum of all steps between neighbours over the number of values."""
    return (mask.diff(dim=0).abs().sum() + mask.diff(dim=1).abs().sum()) / mask.numel()


def _answers(score: Score, item: Features, mask: Tensor) -> Tensor:
    """Score of the sound that a mask keeps and of the sound that it removes, (2,)."""
    model = score.model
    both = item.with_values(item.values.expand(2, -1, -1))
    split_features = features_of_sounds(model, model.front_end.inverse(both, torch.stack([mask, 1 - mask])))
    changed = item.values - model.front_end.from_stft(item.stft)
    return score(split_features.with_values(split_features.values + changed))


def _terms(score: Score, item: Features) -> Callable[[Tensor], Tensor]:
    """Return what the answers of kept and removed sound cost."""
    if isinstance(getattr(score, "score", score), ClassProbability):
        return lambda p: -torch.log(p[0] + TINY) - torch.log(1 - p[1] + NEARLY_NOTHING)
    with torch.no_grad():
        silence = score.model.front_end.silent(item.values).expand_as(item.values)
        whole, silent = score(item.with_values(torch.cat([item.values, silence])))
    scale = (whole - silent).abs().clamp(min=TINY)
    return lambda scores: ((whole - scores[0]) / scale).clamp(min=0) + (1 - (whole - scores[1]) / scale).clamp(min=0)
