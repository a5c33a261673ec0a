"""A sound file -> its report: the steps that the command line and the app share."""

from __future__ import annotations

from pathlib import Path

from earwitness import checks
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip, Progress, StepProgress
from earwitness.models import AudioModel
from earwitness.pipeline import side_by_side
from earwitness.pipeline.long_recording import explain_long_recording
from earwitness.pipeline.make_report import make_report
from earwitness.pipeline.recording import Recording, select_windows
from earwitness.pipeline.request import ExplainRequest, ResolvedRequest, check_reportable
from earwitness.pipeline.section import explain_section
from earwitness.report.contents import Refusal, Report, Section


def explain_file(
    path: str | Path, model: AudioModel, request: ExplainRequest | None = None, *,
    progress: StepProgress = lambda step, done: None,
) -> Report:
    """Explain a recording of any length.

    Args:
        path: the sound file.
        model: the classifier.
        request: method, target, mask, seed.
        progress: called with a step's name and the share done, 0..1.

    Returns:
        A report with one section, or for a recording longer than the model's window one for each of the
        ``request.sections`` windows with the highest probability (of the target, where one is named); each of
        them once for every method, where several stand side by side.

    Raises:
        AudioFileError: the file cannot be used.
        ParameterError: unknown target, or a model that no report can be written about.
    """
    request = request or ExplainRequest()
    check_reportable(model)
    resolved = request.resolve(model)
    recording = select_windows(path, model, target=resolved.class_target, channel=request.channel,
                               sections=request.sections, progress=progress)
    return explain_recording(recording, model, resolved, progress=progress)


def explain_recording(
    recording: Recording, model: AudioModel, resolved: ResolvedRequest, *,
    progress: StepProgress = lambda step, done: None,
) -> Report:
    """Explain each window of a recording, and all of a long one where that is asked for; see ``explain_file``."""
    request, overview = resolved.request, None
    if request.whole and recording.timeline:
        if len(request.methods) > 1:
            names = ", ".join(request.methods)
            raise ParameterError(f"whole goes with one method; got {len(request.methods)}: {names}")
        overview = explain_long_recording(recording.path, model, resolved, window_s=recording.window_s,
                                          progress=_of_step(progress, "explaining the whole"))
    sections: list[Section] = []
    refusals: list[Refusal] = []
    for k, (start_s, clip) in enumerate(recording.clips):
        part = _part(progress, k, len(recording.clips))
        sections_here, refusals_here = explain_window(model, clip, resolved, start_s=start_s, progress=part)
        sections += sections_here
        refusals += refusals_here
    extra = _checked(model, recording.clips, sections, resolved, progress) if request.check else {}
    progress("done", 1.0)
    return make_report(recording, model, request, sections, refusals, extra, overview)


def explain_window(
    model: AudioModel, clip: Clip, resolved: ResolvedRequest, *, start_s: float = 0.0,
    progress: StepProgress = lambda step, done: None,
) -> tuple[list[Section], list[Refusal]]:
    """Explain one window of sound by each method that is asked for.

    Args:
        model: the classifier.
        clip: the sound, no longer than the model's window.
        resolved: what is asked for.
        start_s: where the window begins in its recording, seconds.
        progress: called with a step's name and the share of methods done, 0..1.

    Returns:
        A section per method, in the order of the methods, and who of several could not explain this and why. One
        that explains the embedding gets no target; its numbers are about the same class as those of the others.

    Raises:
        ParameterError: a setting that does not fit, or no method can explain this.
    """
    check_reportable(model)
    if len(resolved.choices) == 1:
        progress("explaining", 0.0)
        return [explain_section(model, clip, resolved, resolved.choices[0], start_s=start_s,
                                progress=_of_step(progress, "explaining"))], []
    by_name = {choice.name: choice for choice in resolved.choices}

    def explain_by(method: str) -> Section:
        def report(done: float) -> None:
            progress(f"explaining with {method}", (list(by_name).index(method) + done) / len(by_name))

        report(0.0)
        return explain_section(model, clip, resolved, by_name[method], start_s=start_s, progress=report)

    return side_by_side.explain_by_each(list(by_name), explain_by, start_s=start_s)


def _checked(
    model: AudioModel, clips: list[tuple[float, Clip]], sections: list[Section], resolved: ResolvedRequest,
    progress: StepProgress,
) -> dict[str, list[tuple[str, str]]]:
    """Check each section's explanation; a title names what tells the sections apart."""
    clip_at = dict(clips)
    settings = {choice.name: choice.settings for choice in resolved.choices}
    like = resolved.target if isinstance(resolved.target, Clip) else None
    tables = {}
    for k, section in enumerate(sections):
        part = _part(progress, k, len(sections))
        part("checking", 0.0)
        method = section.attribution.method
        which = [f"from {section.start_s:.0f} s"] * (len(clips) > 1) + [method] * (len(sections) > len(clips))
        tables[", ".join([checks.TITLE, *which])] = checks.check_clip(
            model, clip_at[section.start_s], section.attribution, settings[method], like=like,
            progress=_of_step(part, "checking"))
    return tables


def _of_step(progress: StepProgress, step: str) -> Progress:
    return lambda done: progress(step, done)


def _part(progress: StepProgress, k: int, n: int) -> StepProgress:
    return lambda step, done: progress(step, (k + done) / n)
