"""explain_series: RELAX, RISE, LIME and occlusion for a network over plain series, without a spectrogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Attribution, Features
from earwitness.core.validation import fits
from earwitness.methods.method_spec import MethodSpec
from earwitness.methods.registry import spec, specs
from earwitness.models.audio_model import Activation, AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.perturb.gain_planes import GainedNetwork, plane_of
from earwitness.targets.counted_score import CountedScore
from earwitness.targets.scores import SCORES, OutputScore, Similarity, predicted_class

Baseline = Literal["zero", "mean"]
PARTS = {"time": "temporal", "frequency": "spectral", "time_frequency": "grid"}
MASKS = {"time": "time", "frequency": "frequency", "time_frequency": "random"}


def explain_series(
    network: nn.Module, series: Tensor, method: str = "relax", target: str | int | None = None, *,
    plane: str = "time", sample_rate_hz: float = 1.0, n_fft: int | None = None, baseline: Baseline = "zero",
    labels: Sequence[str] = (), activation: Activation = "softmax", score: str | None = None, seed: int = 0,
    **settings: Any,
) -> Attribution:
    """Find what a network uses of a plain series, on the plane the user asks for.

    Args:
        network: (batch, channels, time) -> logits, or embeddings; ``network.embed`` is asked for embeddings where it
            exists.
        series: (channels, time).
        method: "relax", "rise", "lime", "slime" or "occlusion", or one of your own with ``series=True``.
        target: class name or index; None takes the predicted class, and is needed for similarity.
        plane: "time" (channels × samples), "frequency" (Fourier bins × channels), or "time_frequency" (Fourier bins
            × frames of the short-time Fourier transform, shared by all channels).
        sample_rate_hz: samples per second, for the axes.
        n_fft: Fourier length of "time_frequency"; see ``perturb.gain_planes.plane_of``.
        baseline: what is heard where the gain is 0: "zero", or the "mean" of each channel.
        labels: class names.
        activation: "softmax" or "sigmoid".
        score: "similarity" of the embedding (relax's own), "probability" or "logit" of the target.
        seed: of everything random.
        settings: of the method. Masks default to stripes along the plane's axis ("random" on "time_frequency"),
            components to "temporal", "spectral" or "grid"; a fill would have nothing to fill: absent is gain 0.

    Returns:
        Attribution with values on the plane.

    Raises:
        ParameterError: unknown method, plane, score or setting, or a series that does not fit.
    """
    chosen = _series_method(method)
    score = score or chosen.score
    if score not in (*SCORES, "similarity"):
        raise unknown_name("score", score, (*SCORES, "similarity"))
    if baseline not in ("zero", "mean"):
        raise unknown_name("baseline", baseline, ("zero", "mean"))
    if not fits(seed, int) or seed < 0:
        raise ParameterError(f"seed is {seed!r}; expected a whole number from 0")
    front_end = plane_of(series, plane, sample_rate_hz=sample_rate_hz, n_fft=n_fft)
    settings = _defaults(chosen, plane) | settings
    _check_settings(chosen, settings)
    base = torch.zeros_like(series[:, :1]) if baseline == "zero" else series.mean(1, keepdim=True)
    model = AudioModel(GainedNetwork(network, series, front_end, base), front_end, labels=labels, activation=activation,
                       name=type(network).__name__)
    gains = series.new_ones(1, *front_end.shape)
    item = Features(gains, torch.complex(gains, torch.zeros_like(gains)), series.shape[1])
    with eval_mode(model.network):
        index = _index(model, item, target, score)
        explained: OutputScore = Similarity.to_item(model, item) if index is None else SCORES[score](model, index)
        counted = CountedScore(explained)
        drawn = {"generator": torch.Generator().manual_seed(seed)} if "generator" in chosen.parameters else {}
        evidence = chosen.function(counted, item, **drawn, **settings)
    spread = None if evidence.uncertainty is None else evidence.uncertainty[0]
    return Attribution(
        values=evidence.values[0].detach(), target=None if index is None else model.class_name(index), method=method,
        settings={**{name: value for name, value in settings.items() if isinstance(value, str | int | float | None)},
                  "score": score, "plane": plane, "baseline": baseline, "sample_rate_hz": sample_rate_hz},
        seed=seed, uncertainty=spread, components=evidence.components[0] if evidence.components else None,
        passes=counted.passes, frequencies_hz=front_end.frequencies_hz, times_s=front_end.times_s(gains.shape[2]))


def _index(model: AudioModel, item: Features, target: str | int | None, score: str) -> int | None:
    if score == "similarity":
        if target is not None:
            raise ParameterError(f"target {target!r} does not go with score 'similarity', which explains the embedding")
        return None
    return predicted_class(model, item) if target is None else model.class_index(target)


def _series_method(name: str) -> MethodSpec:
    names = [each for each, method_spec in specs().items() if method_spec.series]
    if name not in names:
        raise unknown_name("method for series", name, names)
    return spec(name)


def _defaults(method: MethodSpec, plane: str) -> dict[str, Any]:
    if "masks" in method.settings:
        return {"masks": MASKS[plane]}
    return {"components": PARTS[plane], "fill": "silence"}


def _check_settings(method: MethodSpec, settings: dict[str, Any]) -> None:
    if "minimum" in settings:
        raise unknown_name(f"setting of {method.name} for series", "minimum", set(method.settings) - {"minimum"})
    method.check(settings)
    if settings.get("fill", "silence") not in ("silence", "zero"):
        raise ParameterError(f"fill is {settings['fill']!r}; a series' plane holds gains, so expected 'silence': "
                             "choose what is heard instead with baseline")
