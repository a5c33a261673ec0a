"""The steps that the command line and the app share: file -> Report -> folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from earwitness import audio, checks, frontends, masks, targets
from earwitness.core.errors import ParameterError
from earwitness.core.types import Attribution, Clip, StepProgress
from earwitness.listening import listen
from earwitness.methods import explain
from earwitness.metrics import Domain, Measures, measure, measures_of
from earwitness.models import AudioModel
from earwitness.pipeline import side_by_side
from earwitness.pipeline.long_recording import explain_long_recording
from earwitness.pipeline.recording import LEAST_REST, Recording, select_windows
from earwitness.pipeline.request import (
    ExplainRequest,
    check_reportable,
    check_reserved,
    command_line,
    target_of,
    wanted_of,
)
from earwitness.report import hearing
from earwitness.report.contents import FullLengthMap, Prediction, Refusal, Report, Section, WindowPrediction
from earwitness.targets.scores import predicted_class

TOP_CLASSES = 5
MOST_NAMED = 20


def explain_clip(
    model: AudioModel, clip: Clip, choices: ExplainRequest, *, start_s: float = 0.0, measured: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Section:
    """Explain one stretch of sound, no longer than the model's window, with one method.

    Args:
        model: the classifier.
        clip: the sound.
        choices: method, target, mask, seed.
        start_s: where the stretch begins in its recording, seconds.
        measured: class that the numbers are about where the embedding is explained; None takes the predicted one.
        progress: called with the share done, by methods that take long.
    """
    check_reserved(choices)
    check_reportable(model)
    target = target_of(choices)
    started_s = time.perf_counter()
    attribution = explain(model, clip, choices.method, target, seed=choices.seed, prepared=choices.prepared,
                          precision=choices.precision, progress=progress, **choices.settings)
    seconds = time.perf_counter() - started_s
    return _section(model, clip, attribution, choices, start_s=start_s, measured=measured, seconds=seconds)


def with_mask(model: AudioModel, clip: Clip, section: Section, choices: ExplainRequest) -> Section:
    """Return a section with the mask and the inversion of other choices; the explanation stays.

    Args:
        model: the classifier that was explained.
        clip: the sound of the section.
        section: as ``explain_clip`` gave it.
        choices: mask and inversion; the rest of them does not count.
    """
    changed = _section(model, clip, section.attribution, choices, start_s=section.start_s,
                       measured=section.measured, seconds=section.seconds)
    return replace(changed, evidence=section.evidence)


def _section(
    model: AudioModel, clip: Clip, attribution: Attribution, choices: ExplainRequest, *, start_s: float,
    measured: str | None, seconds: float | None,
) -> Section:
    mask = masks.make(attribution, choices.mask)
    heard = listen(model, clip, mask, inversion=choices.inversion)
    features = model.features(clip)
    if attribution.target is None or choices.like is not None:  # the embedding is explained
        index = predicted_class(model, features) if measured is None else model.class_index(measured)
    else:
        wanted = targets.resolve_class(model, attribution.target)
        index = len(model.labels) if wanted.negative else wanted.index
        model = targets.with_negated_class(model, wanted)
    measures, probabilities = measure(model, features, mask, index)
    sounds = [model.probabilities(Clip(sound, heard.sample_rate_hz)) for sound in (heard.kept, heard.removed)]
    said: dict[Domain, torch.Tensor] = {"features": probabilities, "audio": torch.cat([probabilities[:1], *sounds])}
    by_domain: dict[Domain, Measures] = {"features": measures,
                                         "audio": measures_of(mask[None], said["audio"], index)[0]}
    return Section(
        start_s=start_s, duration_s=clip.duration_s,
        spectrogram=features.values[0], unit=model.front_end.unit, floor=model.front_end.silence,
        attribution=attribution, mask=mask, heard=heard, measures=by_domain[choices.domain],
        predictions=_predictions(model, said[choices.domain], index), seconds=seconds,
        measured=model.class_name(index), domain=choices.domain, by_domain=by_domain,
        answers=hearing.answers(model, said, index),
    )


def explain_stretch(
    model: AudioModel, clip: Clip, choices: ExplainRequest, *, start_s: float = 0.0,
    progress: StepProgress = lambda step, done: None,
) -> tuple[list[Section], list[Refusal]]:
    """Explain one stretch of sound with the method that is chosen, or with each of those that are.

    Args:
        model: the classifier.
        clip: the sound, no longer than the model's window.
        choices: method or methods, target, mask, seed.
        start_s: where the stretch begins in its recording, seconds.
        progress: called with a method's name and the share of methods done, 0..1.

    Returns:
        A section per method, in the order of the methods, and who of several could not explain this and why. One
        that explains the embedding gets no target; its numbers are about the same class as those of the others.

    Raises:
        ParameterError: unknown method, target, mask or setting, or no method can explain this.
    """
    methods = side_by_side.method_names(choices.method)
    if len(methods) == 1:
        progress("explaining", 0.0)
        return [explain_clip(model, clip, replace(choices, method=methods[0]), start_s=start_s,
                             progress=_of_step(progress, "explaining"))], []
    check_reserved(choices)
    side_by_side.check_settings(methods, choices.settings)
    wanted = wanted_of(model, choices)
    measured = None if wanted is None else model.class_name(wanted.index)

    def explain_by(method: str) -> Section:
        def say(done: float) -> None:
            progress(f"explaining with {method}", (methods.index(method) + done) / len(methods))

        say(0.0)
        own = replace(choices, method=method, settings=side_by_side.settings_of(method, choices.settings))
        if choices.like is None and side_by_side.explains_embedding(method, choices.settings):
            own = replace(own, target=None, against=None)
        return explain_clip(model, clip, own, start_s=start_s, measured=measured, progress=say)

    return side_by_side.explain_by_each(methods, explain_by, start_s=start_s)


def explain_file(
    path: str | Path, model: AudioModel, choices: ExplainRequest | None = None, *,
    progress: StepProgress = lambda step, done: None,
) -> Report:
    """Explain a recording of any length.

    Args:
        path: the sound file.
        model: the classifier.
        choices: method, target, mask, seed.
        progress: called with a step's name and the share done, 0..1.

    Returns:
        A report with one section, or for a recording longer than the model's window one for each of the
        ``choices.sections`` windows with the highest probability (of the target, where one is named); each of
        them once for every method, where several stand side by side.

    Raises:
        AudioFileError: the file cannot be used.
        ParameterError: unknown method, target or mask.
    """
    choices = choices or ExplainRequest()
    methods = side_by_side.method_names(choices.method)
    check_reportable(model)
    check_reserved(choices)
    masks.describe(choices.mask)  # a wrong name is said before the work begins
    recording = select_windows(path, model, wanted=wanted_of(model, choices), channel=choices.channel,
                               sections=choices.sections, progress=progress)
    if choices.whole and recording.timeline and len(methods) > 1:
        raise ParameterError(f"whole goes with one method; got {len(methods)}: {', '.join(methods)}")
    return explain_recording(recording, model, choices, progress=progress)


def explain_recording(
    recording: Recording, model: AudioModel, choices: ExplainRequest, *,
    progress: StepProgress = lambda step, done: None,
) -> Report:
    """Explain each stretch of a recording, and all of a long one where that is wanted; see ``explain_file``."""
    overview = None
    if choices.whole and recording.timeline:
        overview = explain_long_recording(recording.path, model, choices, window_s=recording.window_s,
                               progress=_of_step(progress, "explaining the whole"))
    sections: list[Section] = []
    refusals: list[Refusal] = []
    for k, (start_s, clip) in enumerate(recording.clips):
        part = _part(progress, k, len(recording.clips))
        found, refused = explain_stretch(model, clip, choices, start_s=start_s, progress=part)
        sections += found
        refusals += refused
    extra = _checked(model, recording.clips, sections, choices, progress) if choices.check else {}
    progress("done", 1.0)
    return make_report(recording, model, choices, sections, refusals, extra, overview)


def make_report(
    recording: Recording, model: AudioModel, choices: ExplainRequest, sections: list[Section],
    refusals: Sequence[Refusal] = (), extra: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    overview: FullLengthMap | None = None,
) -> Report:
    """Put sections together with all that a report says of their recording and of how they were made."""
    methods = side_by_side.method_names(choices.method)
    return Report(
        clip_name=recording.path.name,
        facts=_facts(recording.info, model, choices),
        sections=sections, timeline=recording.timeline,
        settings=_settings(model, choices, sections),
        command=command_line(recording.path, model, choices),
        notes=[*_notes(model, recording.info, recording.clips, sections, recording.timeline),
               *_tie_notes(sections, choices.mask)], extra=extra or {},
        methods=methods if len(methods) > 1 else (), refusals=refusals, overview=overview,
    )


def _checked(
    model: AudioModel, clips: list[tuple[float, Clip]], sections: list[Section], choices: ExplainRequest,
    progress: StepProgress,
) -> dict[str, list[tuple[str, str]]]:
    """Check each section's explanation; a title names what tells the sections apart."""
    at = dict(clips)
    target = target_of(choices)
    like = target if isinstance(target, Clip) else None
    found = {}
    for k, section in enumerate(sections):
        part = _part(progress, k, len(sections))
        part("checking", 0.0)
        method = section.attribution.method
        which = [f"from {section.start_s:.0f} s"] * (len(clips) > 1) + [method] * (len(sections) > len(clips))
        settings = side_by_side.settings_of(method, choices.settings)
        found[", ".join([checks.TITLE, *which])] = checks.check_clip(
            model, at[section.start_s], section.attribution, settings, like=like,
            progress=_of_step(part, "checking"))
    return found


def _of_step(progress: StepProgress, step: str) -> Callable[[float], None]:
    return lambda done: progress(step, done)


def _part(progress: StepProgress, k: int, n: int) -> StepProgress:
    return lambda step, done: progress(step, (k + done) / n)


def _predictions(model: AudioModel, probabilities: torch.Tensor, target: int) -> list[Prediction]:
    """Top classes of the original, and the target wherever it stands."""
    order = probabilities[0].argsort(descending=True)[:TOP_CLASSES].tolist()
    if target not in order:
        order.append(target)
    return [Prediction(model.class_name(k), *(float(p) for p in probabilities[:, k])) for k in order]


def _facts(info: audio.FileInfo, model: AudioModel, choices: ExplainRequest) -> dict[str, str]:
    how = "averaged" if choices.channel == "mean" else f"channel {choices.channel}"
    channels = {1: "mono", 2: f"stereo, {how}"}.get(info.channels, f"{info.channels} channels, {how}")
    front_end = ", ".join(f"{name} {value}" for name, value in frontends.describe_front_end(model.front_end).items()
                          if not isinstance(value, tuple))
    return {
        "Recording": f"{info.duration_s:.2f} s, {info.sample_rate_hz} Hz, {channels}, {info.encoding}",
        "Model": f"{model.name}: {model.card.get('summary', type(model.network).__name__)}",
        "Knows": ", ".join(model.labels) if len(model.labels) <= MOST_NAMED else f"{len(model.labels)} classes",
        "Hears": front_end.removeprefix("type "),
        "Method": ", ".join(side_by_side.method_names(choices.method)),
        "Mask": f"{choices.mask}: {masks.describe(choices.mask)}",
    }


def _settings(model: AudioModel, choices: ExplainRequest, sections: list[Section]) -> dict[str, Any]:
    from earwitness import __version__

    common = {"earwitness": __version__, "torch": torch.__version__, "seed": choices.seed,
              "mask": choices.mask, "inversion": choices.inversion, "domain": choices.domain, "method": choices.method,
              "weights": model.card.get("checksum", "unknown")}
    if len(side_by_side.method_names(choices.method)) == 1:
        return common | dict(sections[0].attribution.settings)
    return common | side_by_side.settings_by_method([section.attribution for section in sections])


def _notes(
    model: AudioModel, info: audio.FileInfo, clips: list[tuple[float, Clip]], sections: list[Section],
    timeline: list[WindowPrediction],
) -> list[str]:
    notes = []
    stretches = {section.start_s: section for section in sections}
    stretches |= {section.start_s: section for section in reversed(sections) if section.attribution.target is not None}
    if timeline:
        starts = ", ".join(f"{start_s:.0f} s" for start_s in stretches)
        notes.append(f"Long recording: heard in {len(timeline)} windows; explained are those from {starts}.")
    elif model.window_s and info.duration_s < model.window_s * (1 - LEAST_REST):
        notes.append(f"Short recording: {info.duration_s:.3g} s, padded with silence to {model.window_s:g} s.")
    if all(not bool(clip.waveform.any()) for _, clip in clips):
        notes.append("The recording is silent: the explanation shows what the model makes of silence.")
    peak = max(float(section.heard.original.abs().max()) for section in sections)
    if peak > 1.0001:
        notes.append(f"The recording's peak is {peak:.5g}, beyond full scale: the WAV files are cut there, the page "
                     "plays all of it at a lower level.")
    for section in stretches.values():
        if section.measures.p < 0.5:
            best = section.measured or section.attribution.target or "its best class"
            where = f" from {section.start_s:.0f} s" if len(stretches) > 1 else ""
            notes.append(f"The model gives {best}{where} only {section.measures.p:.0%}: "
                         "an explanation of a weak prediction is weak evidence.")
    return notes + side_by_side.contrast_notes(sections) + side_by_side.embedding_notes(sections)


def _tie_notes(sections: list[Section], mask: str) -> list[str]:
    """Say it where a mask of the K % with the most evidence keeps far more, because of ties."""
    wanted = masks.share_of(mask)
    if wanted is None:
        return []
    return [f"{section.attribution.method}: {mask} keeps {section.measures.kept_area:.0%} of the plane, because many "
            "bins have the same value as the last of those it asks for; bin keeps only what speaks for the target."
            for section in sections if section.measures.kept_area > wanted + 0.01]
