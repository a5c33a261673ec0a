"""explain: one clip, one method, one attribution."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from earwitness import frontends
from earwitness.errors import ParameterError, unknown_name
from earwitness.methods.evidence import Evidence
from earwitness.methods.gradcam import gradcam
from earwitness.methods.saliency import saliency
from earwitness.models.audio_model import AudioModel, evaluating
from earwitness.scores import SCORES, Score, predicted_class
from earwitness.types import Attribution, Clip, Features

METHODS: dict[str, Callable[..., Evidence]] = {"gradcam": gradcam, "saliency": saliency}
GRADIENT_WINDOWS = 8  # windows of a long clip that are explained at once


def explain(
    model: AudioModel, clip: Clip, method: str = "saliency", target: str | int | None = None, *,
    score: str = "logit", seed: int = 0, **settings: Any,
) -> Attribution:
    """Find the evidence that a model used.

    Args:
        model: a classifier.
        clip: the recording; a clip longer than the model's window is explained window by window.
        method: a name of ``METHODS``.
        target: class name or index; None takes the predicted class.
        score: what of the class is explained, "logit" or "probability".
        seed: seed of everything random in the method.
        settings: of the method, see its docstring.

    Returns:
        Attribution with values (freq, time), windows joined in time; the model is left as it was found.

    Raises:
        ParameterError: unknown method, target or setting.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if score not in SCORES:
        raise unknown_name("score", score, SCORES)
    if not model.labels and target is None:
        raise ParameterError(f"model {model.name!r} has no labels; name the target's index")
    _check_settings(method, settings)
    with evaluating(model.network):
        features = model.features(clip)
        index = predicted_class(model, features) if target is None else model.class_index(target)
        evidence = _in_parts(METHODS[method], SCORES[score](model, index), features, settings)
    window_s = model.window_and_hop_samples(features.length_samples)[1] / model.sample_rate_hz
    starts = torch.arange(len(features), dtype=torch.float64) * window_s
    times_s = (starts[:, None] + model.front_end.times_s(features.values.shape[2])).flatten()
    return Attribution(
        values=_joined(evidence.values),
        target=model.class_name(index),
        method=method,
        settings=_full_settings(method, settings) | {"score": score, "model": model.name,
                                                    "front_end": frontends.describe(model.front_end)},
        seed=seed,
        uncertainty=None if evidence.uncertainty is None else _joined(evidence.uncertainty),
        components=evidence.components,
        frequencies_hz=model.front_end.frequencies_hz,
        times_s=times_s,
    )


def _in_parts(
    method: Callable[..., Evidence], score: Score, features: Features, settings: Mapping[str, Any]
) -> Evidence:
    parts = [method(score, features[k : k + GRADIENT_WINDOWS], **settings)
             for k in range(0, len(features), GRADIENT_WINDOWS)]
    if len(parts) == 1:
        return parts[0]
    spread = [part.uncertainty for part in parts if part.uncertainty is not None]
    return Evidence(torch.cat([part.values for part in parts]), torch.cat(spread) if spread else None)


def _joined(values: Tensor) -> Tensor:
    """(windows, freq, time) -> (freq, windows·time)."""
    return values.detach().transpose(0, 1).flatten(1)


def _own_settings(method: str) -> dict[str, Any]:
    """Names and defaults of a method's own settings."""
    parameters = inspect.signature(METHODS[method]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _check_settings(method: str, settings: Mapping[str, Any]) -> None:
    for name in settings:
        if name not in _own_settings(method):
            raise unknown_name(f"setting of {method}", name, _own_settings(method) or ["(none)"])


def _full_settings(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return _own_settings(method) | dict(settings)
