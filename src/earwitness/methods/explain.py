"""explain: one clip, one method, one attribution."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, overload

from earwitness import frontends
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Attribution, Clip, Features, Progress
from earwitness.core.validation import fits
from earwitness.methods.registry import METHODS, check_network, spec
from earwitness.methods.windowed import WindowedEvidence, explain_windows, shifted
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode
from earwitness.models.inference import OptimisedNetwork, optimise_for_inference
from earwitness.models.windows import WindowLayout
from earwitness.targets.counted_score import BATCH, Precision
from earwitness.targets.resolved import ResolvedTarget, check_range, resolve_target, score_name
from earwitness.targets.target import Target

At = float | tuple[float, float]


@overload
def explain(
    model: AudioModel, clip: Clip, method: str = ..., target: Target | None = ..., *, score: str | None = ...,
    at_s: At | None = ..., seed: int = ..., progress: Progress | None = ..., fast: bool = ...,
    precision: Precision = ..., **settings: Any,
) -> Attribution: ...


@overload
def explain(
    model: AudioModel, clip: Sequence[Clip], method: str = ..., target: Target | None = ..., *,
    score: str | None = ..., at_s: At | None = ..., seed: int = ..., progress: Progress | None = ...,
    fast: bool = ..., precision: Precision = ..., **settings: Any,
) -> list[Attribution]: ...


@overload
def explain(
    model: AudioModel, clip: Clip, method: str, target: Sequence[Target], *, score: str | None = ...,
    at_s: At | None = ..., seed: int = ..., progress: Progress | None = ..., fast: bool = ...,
    precision: Precision = ..., **settings: Any,
) -> list[Attribution]: ...


def explain(
    model: AudioModel, clip: Clip | Sequence[Clip], method: str = "saliency",
    target: Target | Sequence[Target] | None = None, *, score: str | None = None, at_s: At | None = None, seed: int = 0,
    progress: Progress | None = None, fast: bool = True, precision: Precision = "fp32", **settings: Any,
) -> Attribution | list[Any]:
    """Find the evidence that a model used.

    Args:
        model: a classifier, or an encoder for scores of similarity.
        clip: the recording; a clip longer than the model's window is explained window by window, which memory holds
            one at a time. A list of clips gives a list of attributions, each the same as if it had been alone.
        method: a name of ``METHODS``.
        target: class name or index, or one of ``earwitness.targets``, also in words: "dog against rooster", "not dog";
            None takes the predicted class. A clip: why is this recording like that one? (the score is the similarity
            to that clip's embedding, the mean over its windows). A list of targets gives a list of attributions, each
            the same as if it had been alone; methods that perturb pass each input through the network once for all
            of them, and its passes are counted for the first.
        score: what is explained: "logit" (or "output", another word for it) or "probability" of the target, or
            "similarity" of the embedding to that of the whole window. None takes what the method was published with.
        at_s: time, or range (from, to) in seconds, of the answers that are explained, for a frame-wise model: their
            mean. None explains all of them, pooled as ``model.frames`` says.
        seed: seed of everything random in the method; every window starts from it.
        progress: called with the share done, 0..1, by methods that take long.
        fast: ask a copy of the network that gives the same outputs faster, see ``models.inference``; methods that
            look at layers or pass once always ask the network itself.
        precision: "bf16" computes scores in bfloat16 and reports how far the first of them moved.
        settings: of the method, see its docstring.

    Returns:
        Attribution with values (freq, time), windows joined in time, see ``models.windows.WindowLayout``; the model is
        left as it was found.

    Raises:
        ParameterError: unknown method, target, score or setting.
    """
    if "prepared" in settings:
        warnings.warn("explain(prepared=...) is now fast=...; the old name goes with 0.3", DeprecationWarning,
                      stacklevel=2)
        fast = bool(settings.pop("prepared"))
    if isinstance(clip, Sequence) and not isinstance(clip, str):
        alone: Callable[..., Any] = explain
        return [alone(model, item, method, target, score=score, at_s=at_s, seed=seed, fast=fast,
                      precision=precision, progress=progress and shifted(progress, k, len(clip)), **settings)
                for k, item in enumerate(clip)]
    if not isinstance(model, AudioModel):
        kind = type(model).__name__
        raise ParameterError(f"model is a {kind}; expected an AudioModel: earwitness.load_model gives one, "
                             "earwitness.AudioModel(network, front_end) makes one")
    if not fits(seed, int) or seed < 0:
        raise ParameterError(f"seed is {seed!r}; expected a whole number from 0")
    chosen = spec(method)
    chosen.check(settings)
    check_network(chosen, model.network)
    several = isinstance(target, list | tuple)
    requested: list[Target | None] = (
        list(cast("Sequence[Target]", target)) if several else [cast("Target | None", target)])
    if not requested:
        raise ParameterError("target is an empty list; expected at least one class")
    score = score_name(model, score, chosen.score, requested)
    if precision not in ("fp32", "bf16"):
        raise unknown_name("precision", precision, ("fp32", "bf16"))
    with eval_mode(model.network):
        windows = model.windows(clip)
        range_s = None if at_s is None else check_range(at_s, duration_s=clip.duration_s)
        targets = [resolve_target(model, windows, request, score, range_s) for request in requested]
        optimised = _optimised(model, windows[0], enabled=fast and chosen.takes_copy)
        by_target = explain_windows(
            METHODS[method], replace(model, network=optimised.network), windows, targets, batch=optimised.batch,
            precision=precision, seed=seed, settings=settings, progress=progress)
    common: dict[str, Any] = {"model": model.name, "front_end": frontends.describe_front_end(model.front_end),
                              "optimised": optimised.steps, "precision": precision}
    if len(targets) > 1:
        common["asked_together"] = [resolved.words(model) for resolved in targets]
    deviations = [windowed.deviation for windowed in by_target if windowed.deviation is not None]
    recorded = _plain(chosen.defaults | settings) | ({"bf16_deviation": max(deviations)} if deviations else {})
    attributions = [_attribution(model, method, resolved, windowed, recorded | common, seed, windows.layout)
                    for resolved, windowed in zip(targets, by_target, strict=True)]
    return attributions if several else attributions[0]


def _attribution(
    model: AudioModel, method: str, target: ResolvedTarget, windowed: WindowedEvidence, settings: Mapping[str, Any],
    seed: int, layout: WindowLayout,
) -> Attribution:
    values = windowed.joined("values")
    assert values is not None
    return Attribution(
        values=values, target=target.words(model), method=method,
        settings={**settings, **windowed.facts, **target.record()}, seed=seed,
        uncertainty=windowed.joined("uncertainty"),
        components=_one_or_all(windowed.components or None), passes=windowed.passes,
        frequencies_hz=model.front_end.frequencies_hz, times_s=layout.times_s,
    )


def _optimised(model: AudioModel, item: Features, *, enabled: bool) -> OptimisedNetwork:
    if not enabled:
        return OptimisedNetwork(model.network, BATCH, "no", 0.0)
    return optimise_for_inference(model.network, model.front_end.network_input(item))


def _one_or_all(components: Any) -> Any:
    return components[0] if components is not None and len(components) == 1 else components


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int | float | None) else type(value).__name__
            for name, value in settings.items()}
