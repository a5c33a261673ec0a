"""What the app does, step by step; no step knows of a browser."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from earwitness import audio, synthetic
from earwitness.app import form
from earwitness.app.form import FormValues
from earwitness.app.limits import MAX_REGIONS, PREVIEW_S, Limits, check_sound
from earwitness.app.regions import Region, union
from earwitness.app.sessions import Explained, Session, Sound
from earwitness.core.errors import AudioFileError, EarwitnessError
from earwitness.core.types import Clip
from earwitness.listening import listen
from earwitness.pipeline.explain_file import explain_recording
from earwitness.pipeline.make_report import make_report
from earwitness.pipeline.recording import select_windows
from earwitness.pipeline.section import with_mask
from earwitness.report.contents import Prediction, Section
from earwitness.report.folder import folder_name, write_folder

MOST_SHOWN = 5
LONGEST_NAME = 200


@dataclass(frozen=True)
class RegionSound:
    """What is left of a sound after a region was chosen, and what the model makes of it.

    Attributes:
        title: in words.
        clip: the sound.
        like: a sound at whose level it is played.
        predictions: of each class shown: before, and now as ``kept``; ``removed`` is not used.
        target: class that is explained, None where the embedding is.
    """

    title: str
    clip: Clip
    like: Clip
    predictions: Sequence[Prediction]
    target: str | None


def take_file(session: Session, path: Path, name: str, limits: Limits) -> tuple[audio.FileInfo, Clip]:
    """Take a file as the session's sound; the file itself stays where it is.

    Args:
        session: forgets its former sound, whether or not this one can be used.
        path: of the file.
        name: what the person called it.
        limits: of size and duration.

    Returns:
        What its header says, and its beginning.

    Raises:
        AudioFileError: it cannot be used; the message calls it by its name.
    """
    session.sound = session.explained = None
    name = " ".join(Path(name.replace("\\", "/")).name.split())[:LONGEST_NAME] or "recording"
    taken = session.folder / f"sound{path.suffix.lower() if path.suffix.lower() in audio.SUFFIXES else '.bin'}"
    try:
        shutil.copyfile(path, taken)
        facts = check_sound(taken, limits)
        beginning = audio.load(taken, duration_s=min(PREVIEW_S, facts.duration_s))
    except OSError as error:
        taken.unlink(missing_ok=True)
        text = str(error).replace(str(taken), name).replace(taken.name, name)
        raise AudioFileError(text if isinstance(error, EarwitnessError) else
                             f"{name}: cannot be read; upload it again") from error
    session.sound = Sound(taken, name)
    return facts, replace(beginning, name=name)


def take_scene(session: Session, scene: str) -> tuple[audio.FileInfo, Clip]:
    """Make a synthetic scene the session's sound.

    Raises:
        ParameterError: unknown scene.
    """
    made = synthetic.make_scene(scene)
    path = audio.save(session.folder / "scene.wav", made.clip)
    session.explained = None
    session.sound = Sound(path, f"{scene}.wav", made)
    return audio.info(path), made.clip


def explain_sound(session: Session, values: FormValues, *, preselected: str | None = None) -> Explained:
    """Explain the session's sound.

    Raises:
        EarwitnessError: no sound, or a choice that cannot work.
        Cancelled: the person asked to stop.
    """
    if session.sound is None:
        raise EarwitnessError("no sound is chosen; upload or record one, or pick an example")
    sound, request = session.sound, form.request_from_form(values)
    session.explained = None
    session.report_progress("loading the model", 0.0)
    if session.model is None or session.model[0] != values.model:
        session.model = (values.model, form.load_chosen(values.model, preselected))
    model = session.model[1]
    resolved = request.resolve(model)
    recording = select_windows(sound.path, model, target=resolved.class_target, sections=request.sections,
                               progress=session.report_progress)
    recording = replace(recording, path=Path(sound.name))
    report = explain_recording(recording, model, resolved, progress=session.report_progress)
    evidence = None if sound.scene is None else sound.scene.evidence(model.front_end)
    if evidence is not None and evidence.shape == report.sections[0].mask.shape:
        sections = [replace(section, evidence=evidence.to(section.mask)) for section in report.sections]
        report = replace(report, sections=sections)
    session.explained = Explained(model, request, recording, report)
    return session.explained


def change_shown_mask(session: Session, values: FormValues) -> Explained:
    """Keep another part of the evidence; the explanation stays.

    Raises:
        EarwitnessError: nothing is explained yet, or an unknown mask.
    """
    def change(old: Explained) -> Explained:
        request = replace(old.request, mask=form.mask_name(values))
        sections = [with_mask(old.model, _clip(old, section), section, request) for section in old.report.sections]
        report = make_report(old.recording, old.model, request, sections, old.report.refusals, old.report.extra)
        return replace(old, request=request, report=report)

    return session.change(change)


def hear_region(session: Session, region: Region) -> RegionSound:
    """Make the sound of a region alone, and ask the model about it.

    Raises:
        EarwitnessError: nothing is explained yet, or the region lies outside.
    """
    now = session.change(lambda old: old)
    return _region_sound(now, _mask(now, region), f"Only {region.words}")


def delete_region(session: Session, region: Region) -> RegionSound:
    """Take a region out of the sound, besides those that were taken out before, and ask the model about the rest.

    Raises:
        EarwitnessError: nothing is explained yet, the region lies outside, or there are too many.
    """
    now = session.change(lambda old: old)
    if len(now.deleted) >= MAX_REGIONS:
        raise EarwitnessError(f"{MAX_REGIONS} regions are deleted already; bring them back first")
    deleted = (*now.deleted, region)
    mask = 1 - union([_mask(now, each) for each in deleted])
    now = session.change(lambda old: replace(old, deleted=deleted))
    return _region_sound(now, mask, "Without " + "; ".join(each.words for each in deleted))


def restore(session: Session) -> None:
    """Bring back all regions that were deleted."""
    session.change(lambda old: replace(old, deleted=()))


def report_archive(session: Session) -> tuple[str, bytes]:
    """Return the report as ``earwitness explain`` writes it, in one ZIP file: its name and its bytes.

    Raises:
        EarwitnessError: nothing is explained yet, or the disk is full.
    """
    report = session.change(lambda old: old).report
    name = folder_name(report.clip_name)
    content = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        write_folder(report, Path(folder))
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, f"{name}/{path.name}")
    return f"{name}.zip", content.getvalue()


def _clip(explained: Explained, section: Section) -> Clip:
    return dict(explained.recording.clips)[section.start_s]


def _mask(explained: Explained, region: Region) -> Tensor:
    section = explained.report.sections[0]
    times_s, frequencies_hz = section.attribution.times_s, section.attribution.frequencies_hz
    if times_s is None or frequencies_hz is None:
        raise EarwitnessError("the explanation has no axes, so that no region can be chosen")
    return region.mask(times_s, frequencies_hz, start_s=section.start_s)


def _region_sound(explained: Explained, mask: Tensor, title: str) -> RegionSound:
    section, model = explained.report.sections[0], explained.model
    split = listen(model, _clip(explained, section), mask)
    now = Clip(split.kept, split.sample_rate_hz, title)
    probabilities = torch.stack([model.probabilities(_clip(explained, section))[0], model.probabilities(now)[0]])
    target = section.measured
    shown = probabilities[0].argsort(descending=True)[:MOST_SHOWN].tolist()
    shown += [k for k in [int(probabilities[1].argmax())] if k not in shown]
    shown += [k for k in range(len(model.labels)) if model.labels[k] == target and k not in shown]
    rows = [Prediction(model.class_name(k), float(probabilities[0, k]), float(probabilities[1, k]), 0.0) for k in shown]
    return RegionSound(title, now, Clip(split.original, split.sample_rate_hz), rows, target)
