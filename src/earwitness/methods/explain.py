"""explain: one clip, one method, one attribution."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_type_hints, overload

import torch
from torch import Tensor

from earwitness import frontends
from earwitness.checking import fits
from earwitness.errors import ParameterError, unknown_name
from earwitness.methods.audible_mask import audible_mask
from earwitness.methods.deep_shap import deep_shap
from earwitness.methods.evidence import Evidence, Progress
from earwitness.methods.gradcam import gradcam
from earwitness.methods.lime import audio_lime, lime, slime
from earwitness.methods.occlusion import occlusion
from earwitness.methods.path import integrated_gradients, smoothgrad
from earwitness.methods.relax import relax, rise
from earwitness.methods.saliency import saliency
from earwitness.methods.shapley import kernel_shap
from earwitness.models.audio_model import AudioModel, evaluating
from earwitness.models.prepared import Prepared, prepare
from earwitness.perturb.evaluate import BATCH
from earwitness.scores import SCORES, Asked, Precision, Score, Similarity, predicted_class
from earwitness.types import Attribution, Clip, Features

METHODS: dict[str, Callable[..., Evidence]] = {
    "audible_mask": audible_mask, "audio_lime": audio_lime, "deep_shap": deep_shap, "gradcam": gradcam,
    "integrated_gradients": integrated_gradients, "kernel_shap": kernel_shap, "lime": lime, "occlusion": occlusion,
    "relax": relax, "rise": rise, "saliency": saliency, "slime": slime, "smoothgrad": smoothgrad,
}
DEFAULT_SCORES = {"audible_mask": "probability", "audio_lime": "probability", "lime": "probability",
                  "occlusion": "probability", "relax": "similarity", "rise": "probability", "slime": "probability"}
ON_THE_NETWORK_ITSELF = {"deep_shap", "gradcam", "saliency"}  # they look at layers, or pass once
NOT_SETTINGS = ("generator", "progress")
RANGES = {"n_samples": (1, 10**7), "n_masks": (1, 10**7), "n_steps": (1, 10**4), "cells": (1, 1000), "keep": (0.0, 1.0),
          "alpha": (0.0, 1e12), "tolerance": (0.0, 1e12), "kernel_width": (1e-6, 1e6), "noise_share": (0.0, 100.0),
          "area": (0.0, 1e6), "smoothness": (0.0, 1e6), "learning_rate": (1e-6, 100.0), "cell_rows": (1, 10**4),
          "cell_columns": (1, 10**6)}


@overload
def explain(
    model: AudioModel, clip: Clip, method: str = ..., target: str | int | None = ..., *, score: str | None = ...,
    seed: int = ..., progress: Progress | None = ..., prepared: bool = ..., precision: Precision = ..., **settings: Any,
) -> Attribution: ...


@overload
def explain(
    model: AudioModel, clip: Sequence[Clip], method: str = ..., target: str | int | None = ..., *,
    score: str | None = ..., seed: int = ..., progress: Progress | None = ..., prepared: bool = ...,
    precision: Precision = ..., **settings: Any,
) -> list[Attribution]: ...


def explain(
    model: AudioModel, clip: Clip | Sequence[Clip], method: str = "saliency", target: str | int | None = None, *,
    score: str | None = None, seed: int = 0, progress: Progress | None = None, prepared: bool = True,
    precision: Precision = "fp32", **settings: Any,
) -> Attribution | list[Attribution]:
    """Find the evidence that a model used.

    Args:
        model: a classifier, or an encoder for scores of similarity.
        clip: the recording; a clip longer than the model's window is explained window by window. A list of clips
            gives a list of attributions, each the same as if it had been alone.
        method: a name of ``METHODS``.
        target: class name or index; None takes the predicted class.
        score: what is explained: "logit" or "probability" of the target, or "similarity" of the embedding to
            that of the whole clip. None takes what the method was published with.
        seed: seed of everything random in the method; every window starts from it.
        progress: called with the share done, 0..1, by methods that take long.
        prepared: ask a copy of the network that gives the same outputs faster, see ``models.prepared``; methods that
            look at layers or pass once always ask the network itself.
        precision: "bf16" computes scores in bfloat16 and reports how far the first of them moved.
        settings: of the method, see its docstring.

    Returns:
        Attribution with values (freq, time), windows joined in time; the model is left as it was found.

    Raises:
        ParameterError: unknown method, target, score or setting.
    """
    if isinstance(clip, Sequence) and not isinstance(clip, str):
        return [explain(model, each, method, target, score=score, seed=seed, prepared=prepared, precision=precision,
                        progress=progress and _shifted(progress, k, len(clip)), **settings)
                for k, each in enumerate(clip)]
    if not isinstance(model, AudioModel):
        kind = type(model).__name__
        raise ParameterError(f"model is a {kind}; expected an AudioModel: earwitness.load_model gives one, "
                             "earwitness.AudioModel(network, front_end) makes one")
    if not fits(seed, int) or seed < 0:
        raise ParameterError(f"seed is {seed!r}; expected a whole number from 0")
    _check_names(method, settings)
    score = score or DEFAULT_SCORES.get(method, "logit")
    if score not in (*SCORES, "similarity"):
        raise unknown_name("score", score, (*SCORES, "similarity"))
    if precision not in ("fp32", "bf16"):
        raise unknown_name("precision", precision, ("fp32", "bf16"))
    with evaluating(model.network):
        features = model.features(clip)
        index = _target_index(model, features, target, score)
        ready = _ready(model, features, enabled=prepared and method not in ON_THE_NETWORK_ITSELF)
        asking = _Asking(replace(model, network=ready.network), score, index, ready.batch, precision)
        evidence, asked = _by_window(method, asking, features, seed, dict(settings), progress)
    moved = [each.deviation for each in asked if each.deviation is not None]
    own = {name: value if isinstance(value, str | int | float | None) else type(value).__name__
           for name, value in (_own_settings(method) | settings).items()}
    return Attribution(
        values=_joined(evidence.values),
        target=None if index is None else model.class_name(index),
        method=method,
        settings=own | (evidence.facts or {}) | ({"bf16_deviation": max(moved)} if moved else {}) | {
            "score": score, "model": model.name, "front_end": frontends.describe(model.front_end),
            "prepared": ready.steps, "precision": precision},
        seed=seed,
        uncertainty=None if evidence.uncertainty is None else _joined(evidence.uncertainty),
        components=_one_or_all(evidence.components),
        passes={name: sum(each.passes[name] for each in asked) for name in asked[0].passes},
        frequencies_hz=model.front_end.frequencies_hz,
        times_s=_times_s(model, features),
    )


def _target_index(model: AudioModel, features: Features, target: str | int | None, score: str) -> int | None:
    if score == "similarity":
        if target is not None:
            raise ParameterError(f"target {target!r} does not go with score 'similarity', which explains the embedding")
        return None
    if target is not None:
        return model.class_index(target)
    if not model.labels:
        raise ParameterError(f"model {model.name!r} has no labels; name the target's index, or use score='similarity'")
    return predicted_class(model, features)


@dataclass(frozen=True, eq=False)
class _Asking:
    """What the network is asked, and how."""

    model: AudioModel
    score: str
    index: int | None
    batch: int
    precision: Precision

    def about(self, item: Features) -> Asked:
        """Return the score of one item."""
        score: Score = (Similarity.to_item(self.model, item) if self.index is None
                        else SCORES[self.score](self.model, self.index))
        return Asked(score, batch=self.batch, precision=self.precision)


def _ready(model: AudioModel, features: Features, *, enabled: bool) -> Prepared:
    return prepare(model.network, features.values[:1]) if enabled else Prepared(model.network, BATCH, "no", 0.0)


def _by_window(
    method: str, asking: _Asking, features: Features, seed: int, settings: dict[str, Any], progress: Progress | None
) -> tuple[Evidence, list[Asked]]:
    """Explain one window at a time, each from the same seed."""
    takes = inspect.signature(METHODS[method]).parameters
    parts, asked = [], []
    for k in range(len(features)):
        item = features[k : k + 1]
        asked.append(asking.about(item))
        extra: dict[str, Any] = {}
        if "generator" in takes:
            extra["generator"] = torch.Generator().manual_seed(seed)
        if "progress" in takes and progress is not None:
            extra["progress"] = _shifted(progress, k, len(features))
        parts.append(METHODS[method](asked[-1], item, **settings, **extra))
    return _together(parts), asked


def _shifted(progress: Progress, k: int, n: int) -> Progress:
    return lambda done: progress((k + done) / n)


def _together(parts: list[Evidence]) -> Evidence:
    if len(parts) == 1:
        return parts[0]
    spread = [part.uncertainty for part in parts if part.uncertainty is not None]
    return Evidence(
        torch.cat([part.values for part in parts]), torch.cat(spread) if spread else None,
        components=[found for part in parts for found in part.components or ()] or None,
        facts={name: [fact for part in parts for fact in (part.facts or {})[name]] for name in parts[0].facts or {}},
    )


def _one_or_all(components: Any) -> Any:
    return components[0] if components is not None and len(components) == 1 else components


def _times_s(model: AudioModel, features: Features) -> Tensor:
    hop_s = model.window_and_hop_samples(features.length_samples)[1] / model.sample_rate_hz
    starts = torch.arange(len(features), dtype=torch.float64) * hop_s
    return (starts[:, None] + model.front_end.times_s(features.values.shape[2])).flatten()


def _joined(values: Tensor) -> Tensor:
    """(windows, freq, time) -> (freq, windows·time)."""
    return values.detach().transpose(0, 1).flatten(1)


def _own_settings(method: str) -> dict[str, Any]:
    """Names and defaults of a method's own settings."""
    parameters = inspect.signature(METHODS[method]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in NOT_SETTINGS}


def _check_names(method: str, settings: Mapping[str, Any]) -> None:
    if not isinstance(method, str) or method not in METHODS:
        raise unknown_name("method", method, METHODS)
    hints = get_type_hints(METHODS[method])
    for name, value in settings.items():
        if name not in _own_settings(method):
            raise unknown_name(f"setting of {method}", name, _own_settings(method) or ["(none)"])
        if not fits(value, hints[name]):
            raise ParameterError(f"{name} is {str(value)[:40]!r}; expected {_words(hints[name])}")
        low, high = RANGES.get(name, (None, None))
        if low is not None and value is not None and not low <= value <= high:
            raise ParameterError(f"{name} is {value}; expected {low:g} to {high:g}")


def _words(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)).replace("typing.", "")
