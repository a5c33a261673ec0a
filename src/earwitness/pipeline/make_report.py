"""All that a report says of a recording and of how it was explained, besides the explanations themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from earwitness import audio, frontends, masks
from earwitness.core.types import Clip
from earwitness.models import AudioModel
from earwitness.pipeline import side_by_side
from earwitness.pipeline.recording import LEAST_REST, Recording
from earwitness.pipeline.request import ExplainRequest, command_line
from earwitness.report.contents import FullLengthMap, Refusal, Report, Section, WindowPrediction

MOST_NAMED = 20


def make_report(
    recording: Recording, model: AudioModel, request: ExplainRequest, sections: list[Section],
    refusals: Sequence[Refusal] = (), extra: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    overview: FullLengthMap | None = None,
) -> Report:
    """Put sections together with all that a report says of their recording and of how they were made."""
    return Report(
        clip_name=recording.path.name,
        facts=_facts(recording.info, model, request),
        sections=sections, timeline=recording.timeline,
        settings=_settings(model, request, sections),
        command=command_line(recording.path, model, request),
        notes=[*_notes(model, recording.info, recording.clips, sections, recording.timeline),
               *_tie_notes(sections, request.mask)], extra=extra or {},
        methods=request.methods if len(request.methods) > 1 else (), refusals=refusals, overview=overview,
    )


def _facts(info: audio.FileInfo, model: AudioModel, request: ExplainRequest) -> dict[str, str]:
    how = "averaged" if request.channel == "mean" else f"channel {request.channel}"
    channels = {1: "mono", 2: f"stereo, {how}"}.get(info.channels, f"{info.channels} channels, {how}")
    front_end = ", ".join(f"{name} {value}" for name, value in frontends.describe_front_end(model.front_end).items()
                          if not isinstance(value, tuple))
    return {
        "Recording": f"{info.duration_s:.2f} s, {info.sample_rate_hz} Hz, {channels}, {info.encoding}",
        "Model": f"{model.name}: {model.card.get('summary', type(model.network).__name__)}",
        "Knows": ", ".join(model.labels) if len(model.labels) <= MOST_NAMED else f"{len(model.labels)} classes",
        "Hears": front_end.removeprefix("type "),
        "Method": ", ".join(request.methods),
        "Mask": f"{request.mask}: {masks.describe(request.mask)}",
    }


def _settings(model: AudioModel, request: ExplainRequest, sections: list[Section]) -> dict[str, Any]:
    from earwitness import __version__

    common = {"earwitness": __version__, "torch": torch.__version__, "seed": request.seed,
              "mask": request.mask, "inversion": request.inversion, "domain": request.domain, "method": request.method,
              "weights": model.card.get("checksum", "unknown")}
    if len(request.methods) == 1:
        return common | dict(sections[0].attribution.settings)
    return common | side_by_side.settings_by_method([section.attribution for section in sections])


def _notes(
    model: AudioModel, info: audio.FileInfo, clips: list[tuple[float, Clip]], sections: list[Section],
    timeline: list[WindowPrediction],
) -> list[str]:
    notes = []
    by_start = {section.start_s: section for section in sections}
    by_start |= {section.start_s: section for section in reversed(sections) if section.attribution.target is not None}
    if timeline:
        starts = ", ".join(f"{start_s:.0f} s" for start_s in by_start)
        notes.append(f"Long recording: heard in {len(timeline)} windows; explained are those from {starts}.")
    elif model.window_s and info.duration_s < model.window_s * (1 - LEAST_REST):
        notes.append(f"Short recording: {info.duration_s:.3g} s, padded with silence to {model.window_s:g} s.")
    if all(not bool(clip.waveform.any()) for _, clip in clips):
        notes.append("The recording is silent: the explanation shows what the model makes of silence.")
    peak = max(float(section.sounds.original.abs().max()) for section in sections)
    if peak > 1.0001:
        notes.append(f"The recording's peak is {peak:.5g}, beyond full scale: the WAV files are cut there, the page "
                     "plays all of it at a lower level.")
    for section in by_start.values():
        if section.measures.p < 0.5:
            best = section.measured or section.attribution.target or "its best class"
            where = f" from {section.start_s:.0f} s" if len(by_start) > 1 else ""
            notes.append(f"The model gives {best}{where} only {section.measures.p:.0%}: "
                         "an explanation of a weak prediction is weak evidence.")
    return notes + side_by_side.contrast_notes(sections) + side_by_side.embedding_notes(sections)


def _tie_notes(sections: list[Section], mask: str) -> list[str]:
    """Say it where a mask of the K % with the most evidence keeps far more, because of ties."""
    share = masks.share_of(mask)
    if share is None:
        return []
    return [f"{section.attribution.method}: {mask} keeps {section.measures.kept_area:.0%} of the plane, because many "
            "bins have the same value as the last of those it asks for; bin keeps only what speaks for the target."
            for section in sections if section.measures.kept_area > share + 0.01]
