"""All numbers of one explanation: the model is asked about what is kept and removed, as features or as sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features
from earwitness.frontends import Inversion
from earwitness.listening import features_of_sounds
from earwitness.metrics.conciseness import Convention, is_degenerate, kept_area
from earwitness.metrics.registry import mask_metrics
from earwitness.models.audio_model import AudioModel

BATCH = 32
SOUNDS_AT_ONCE = 8
Domain = Literal["features", "audio"]
DOMAINS: tuple[Domain, ...] = ("features", "audio")


@dataclass(frozen=True)
class Measures:
    """The metrics of one mask, with what is needed to believe them; each metric is also an attribute, as ``.FF``.

    Attributes:
        metrics: name of ``METRICS`` -> number: the seven of Pak & Teryokhina 2025 (FF, AI, AD, AG, FidIn, SPS, COMP),
            and what was added.
        kept_area: share of the plane that the mask keeps, 0..1.
        degenerate: the mask is constant, so the other numbers say nothing.
        p: probability of the target for the original, 0..1.
        p_kept: probability of the target for what is kept.
        p_removed: probability of the target for what is removed.
    """

    metrics: Mapping[str, float]
    kept_area: float
    degenerate: bool
    p: float
    p_kept: float
    p_removed: float

    def __getattr__(self, name: str) -> float:
        metrics = self.__dict__.get("metrics", {})  # empty while an unpickled one is being filled
        if name not in metrics:
            raise AttributeError(f"Measures has no {name!r}; it has {', '.join(metrics)}")
        return float(metrics[name])

    def as_dict(self) -> dict[str, float | bool]:
        """Return name -> number: the metrics, then the others in the order above."""
        return {**self.metrics, **{f.name: getattr(self, f.name) for f in fields(self) if f.name != "metrics"}}


def measure(
    model: AudioModel, features: Features, mask: Tensor, target: int, *, convention: Convention = "nan",
    domain: Domain = "features", inversion: Inversion = "projection",
) -> tuple[Measures, Tensor]:
    """Measure one mask.

    Args:
        model: the model that was explained.
        features: a batch of one, (1, freq, time).
        mask: (freq, time) in [0, 1].
        target: class index.
        convention: what a constant mask scores in SPS and COMP.
        domain: "features": what is switched off becomes silence in what the network is given. "audio": the mask
            becomes sound as in ``earwitness.listen``, and the whole model hears that sound, its own levelling and
            front end included.
        inversion: how the mask becomes sound; only for "audio".

    Returns:
        The measures, and probabilities (3, classes) for original, kept and removed.

    Raises:
        ParameterError: a mask that does not fit or is not in 0 to 1, no such target, unknown domain or inversion.

    Source: Pak & Teryokhina 2025, sec. II-D; kept = (x - s)·m + s with s the front end's silence. Differs: the domain
    of audio is ours; there the sound is as long as the model's window, padding included.
    """
    x = features.values
    if x.shape[0] != 1 or not isinstance(mask, Tensor) or mask.shape != x.shape[1:]:
        got = tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        more = "" if x.shape[0] == 1 else (f": the clip is heard in {x.shape[0]} windows; measure one of them, "
                                           "e.g. a Clip of one window, its attribution and its mask")
        raise ParameterError(f"mask is {got} and features {tuple(x.shape)}; expected (freq, time) and (1, freq, time)"
                             f"{more}")
    (measures,), probabilities = measure_masks(model, features, mask[None], target, convention=convention,
                                               domain=domain, inversion=inversion)
    return measures, probabilities


def measure_masks(
    model: AudioModel, features: Features, masks: Tensor, target: int, *, convention: Convention = "nan",
    domain: Domain = "features", inversion: Inversion = "projection",
) -> tuple[list[Measures], Tensor]:
    """Measure several masks of one item: 1 + 2k forward passes, at most 32 at once.

    Args:
        model: the model that was explained.
        features: a batch of one, (1, freq, time).
        masks: (k, freq, time) in [0, 1].
        target: class index.
        convention: as for ``measure``.
        domain: as for ``measure``.
        inversion: as for ``measure``.

    Returns:
        The measures of each mask, and probabilities (1 + 2k, classes) for the original, the k kept parts and the k
        removed ones.
    """
    x = features.values
    if x.shape[0] != 1 or masks.ndim != 3 or masks.shape[1:] != x.shape[1:] or not len(masks):
        raise ParameterError(f"masks are {tuple(masks.shape)} and features {tuple(x.shape)}; expected (k, freq, time) "
                             "and (1, freq, time)")
    if not bool(((masks >= 0) & (masks <= 1)).all()):
        raise ParameterError("mask has values that are not in 0 to 1")
    model.class_index(target)
    m = masks.to(x)
    kept_or_removed = torch.cat([m, 1 - m])
    if domain == "features":
        silence = model.front_end.silent(x)
        answers = [model.probabilities(model.front_end.blend(features, kept_or_removed[first : first + BATCH],
                                                             fill=silence[None]))
                   for first in range(0, 2 * len(m), BATCH)]
    elif domain == "audio":
        answers = [_of_sounds(model, features, kept_or_removed[first : first + SOUNDS_AT_ONCE], inversion)
                   for first in range(0, 2 * len(m), SOUNDS_AT_ONCE)]
    else:
        raise unknown_name("domain", domain, DOMAINS)
    probabilities = torch.cat([model.probabilities(features), *answers])
    return measures_of(masks, probabilities, target, convention=convention), probabilities


def _of_sounds(model: AudioModel, features: Features, masks: Tensor, inversion: Inversion) -> Tensor:
    """Probabilities (k, classes) of the sounds that masks (k, freq, time) keep of one item."""
    with torch.no_grad():
        repeated = features.with_values(features.values.expand(len(masks), -1, -1))
        sounds = model.front_end.inverse(repeated, masks, inversion=inversion)
        return model.probabilities(features_of_sounds(model, sounds))


def measures_of(
    masks: Tensor, probabilities: Tensor, target: int, *, convention: Convention = "nan"
) -> list[Measures]:
    """Work out the measures of masks from what a model said, of features or of sounds.

    Args:
        masks: (k, freq, time) in [0, 1].
        probabilities: (1 + 2k, classes) for the original, the k kept parts and the k removed ones.
        target: class index.
        convention: what a constant mask scores in SPS and COMP.
    """
    k = len(masks)
    original, kept, removed = probabilities[:1], probabilities[1 : 1 + k], probabilities[1 + k :]
    p, p_kept, p_removed = original[:, target].expand(k), kept[:, target], removed[:, target]
    given = {"mask": masks, "p": p, "p_kept": p_kept, "p_removed": p_removed,
             "probabilities": original.expand_as(kept), "probabilities_kept": kept, "probabilities_removed": removed,
             "convention": convention}
    metrics = {name: metric.of(given, k) for name, metric in mask_metrics().items()}
    beside = {"kept_area": kept_area(masks), "degenerate": is_degenerate(masks), "p": p, "p_kept": p_kept,
              "p_removed": p_removed}
    columns = {name: column.tolist() for name, column in beside.items()}
    return [Measures({name: numbers[row] for name, numbers in metrics.items()},
                     **{name: column[row] for name, column in columns.items()}) for row in range(k)]
