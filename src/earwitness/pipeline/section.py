"""One window explained by one method, with all that a report shows of it."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from earwitness import masks, targets
from earwitness.core.types import Attribution, Clip, Progress
from earwitness.listening import listen
from earwitness.methods import explain
from earwitness.metrics import Domain, Measures, measure, measures_of
from earwitness.models import AudioModel
from earwitness.pipeline.request import ExplainRequest, MethodChoice, ResolvedRequest
from earwitness.report import hearing
from earwitness.report.contents import Prediction, Section
from earwitness.targets.scores import predicted_class

TOP_CLASSES = 5


def explain_section(
    model: AudioModel, clip: Clip, resolved: ResolvedRequest, choice: MethodChoice, *, start_s: float = 0.0,
    progress: Progress | None = None,
) -> Section:
    """Explain one window of sound by one method.

    Args:
        model: the classifier.
        clip: the sound, no longer than the model's window.
        resolved: what is asked for.
        choice: the method.
        start_s: where the window begins in its recording, seconds.
        progress: called with the share done, by methods that take long.
    """
    request = resolved.request
    started_s = time.perf_counter()
    attribution = explain(model, clip, choice.name, resolved.target_for(choice), seed=request.seed, fast=request.fast,
                          precision=request.precision, progress=progress, **choice.settings)
    seconds = time.perf_counter() - started_s
    measured = None if resolved.class_target is None else model.class_name(resolved.class_target.index)
    return _section(model, clip, attribution, request, start_s=start_s, measured=measured, seconds=seconds)


def with_mask(model: AudioModel, clip: Clip, section: Section, request: ExplainRequest) -> Section:
    """Return a section with the mask and the inversion of another request; the explanation stays.

    Args:
        model: the classifier that was explained.
        clip: the sound of the section.
        section: as ``explain_section`` gave it.
        request: mask and inversion; the rest of it does not count.
    """
    changed = _section(model, clip, section.attribution, request, start_s=section.start_s,
                       measured=section.measured, seconds=section.seconds)
    return replace(changed, evidence=section.evidence)


def _section(
    model: AudioModel, clip: Clip, attribution: Attribution, request: ExplainRequest, *, start_s: float,
    measured: str | None, seconds: float | None,
) -> Section:
    mask = masks.make(attribution, request.mask)
    sounds = listen(model, clip, mask, inversion=request.inversion)
    features = model.features(clip)
    if attribution.target is None or request.like is not None:  # the embedding is explained
        index = predicted_class(model, features) if measured is None else model.class_index(measured)
    else:
        target = targets.resolve_class(model, attribution.target)
        index = len(model.labels) if target.negative else target.index
        model = targets.with_negated_class(model, target)
    measures, probabilities = measure(model, features, mask, index)
    of_sounds = [model.probabilities(Clip(sound, sounds.sample_rate_hz)) for sound in (sounds.kept, sounds.removed)]
    by_domain: dict[Domain, torch.Tensor] = {
        "features": probabilities, "audio": torch.cat([probabilities[:1], *of_sounds])}
    measures_by_domain: dict[Domain, Measures] = {
        "features": measures, "audio": measures_of(mask[None], by_domain["audio"], index)[0]}
    return Section(
        start_s=start_s, duration_s=clip.duration_s,
        spectrogram=features.values[0], unit=model.front_end.unit, floor=model.front_end.silence,
        attribution=attribution, mask=mask, sounds=sounds, measures=measures_by_domain[request.domain],
        predictions=_predictions(model, by_domain[request.domain], index), seconds=seconds,
        measured=model.class_name(index), domain=request.domain, by_domain=measures_by_domain,
        answers=hearing.answers(model, by_domain, index),
    )


def _predictions(model: AudioModel, probabilities: torch.Tensor, target: int) -> list[Prediction]:
    """Top classes of the original, and the target wherever it stands."""
    order = probabilities[0].argsort(descending=True)[:TOP_CLASSES].tolist()
    if target not in order:
        order.append(target)
    return [Prediction(model.class_name(k), *(float(p) for p in probabilities[:, k])) for k in order]
