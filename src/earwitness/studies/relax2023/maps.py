"""The explanations that the study compares: RELAX, U-RELAX and RISE, each through four families of masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.checks import BoundMethod
from earwitness.core.types import Features
from earwitness.models.audio_model import AudioModel
from earwitness.perturb.soft_masks import FAMILIES
from earwitness.targets import ClassTarget, EmbeddingTarget

COMPARED = ("relax", "u_relax", "rise")
KEEP = 0.5


@dataclass(frozen=True, eq=False)
class Map:
    """One explanation of one clip.

    Attributes:
        method: "relax", "u_relax" or "rise".
        family: of the masks: "random", "time", "frequency" or "time_frequency".
        values: (freq, time).
        uncertainty: (freq, time).
        doubt: mean over the plane of the deviation of the scores that a bin was kept in, over the mean importance.
        rerun: the choices that made it.
    """

    method: str
    family: str
    values: Tensor
    uncertainty: Tensor
    doubt: float
    rerun: BoundMethod


def certain_part(values: Tensor, uncertainty: Tensor) -> Tensor:
    """U-RELAX: keep importance where its uncertainty is at most the median, zero elsewhere; (freq, time).

    Source: Wickstrøm et al. 2023, sec. 3.3.

    >>> certain_part(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[0.1, 0.5, 0.9]]))
    tensor([[3., 2., 0.]])
    """
    return torch.where(uncertainty <= uncertainty.median(), values, torch.zeros_like(values))


def make_maps(model: AudioModel, item: Features, target: int, *, n_masks: int, seed: int) -> Iterator[Map]:
    """Explain one item twelve times. U-RELAX is cut out of importances whose smallest is zero.

    Args:
        model: an encoder with a classifier behind it.
        item: features of one window.
        target: class that RISE explains.
        n_masks: masks of each family.
        seed: of the masks.
    """
    for family in FAMILIES:
        settings = {"masks": family, "n_masks": n_masks, "keep": KEEP}
        for method, resolved in (("relax", EmbeddingTarget()), ("rise", ClassTarget(target, score="probability"))):
            bound = BoundMethod(method, resolved, seed, settings)
            evidence = bound.run(model, item)
            assert evidence.uncertainty is not None  # both methods have one
            values, spread = evidence.values[0], evidence.uncertainty[0]
            mask_sum = n_masks * KEEP ** (2 if family == "time_frequency" else 1)
            doubt = float((spread / mask_sum).sqrt().mean() / values.mean().clamp(min=1e-12))
            yield Map(method, family, values, spread, doubt, bound)
            if method == "relax":
                above_least = values - values.min()
                yield Map("u_relax", family, certain_part(above_least, spread), spread, doubt, bound)
