"""Figure 2: one clip, rows of models and noises, columns of methods; with the sounds behind every cell."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
from torch import Tensor

from earwitness import audio, masks
from earwitness.core.atomic_files import replacing
from earwitness.core.errors import ParameterError
from earwitness.core.types import Attribution, Clip
from earwitness.listening import SplitSound, listen
from earwitness.report import pictures
from earwitness.report.sounds import common_gain
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.job import Shard, shard_of
from earwitness.studies.pak2025.worker import Worker
from earwitness.studies.pak2025.writing import render
from earwitness.targets.scores import predicted_class

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MASK = "topK_30_pos"


@dataclass(frozen=True)
class MontageCell:
    """One explanation.

    Attributes:
        method: what the tables call it.
        attribution: the explanation.
        sounds: the recording, what the mask keeps and what it removes.
        constant: the mask selects nothing.
    """

    method: str
    attribution: Attribution
    sounds: SplitSound
    constant: bool


@dataclass(frozen=True)
class MontageRow:
    """One model in one scenario.

    Attributes:
        front_end: what the tables call it.
        scenario: its name.
        predicted: the class that is explained.
        probability: of that class.
        spectrogram: what the model heard, (freq, time).
        floor: level of silence.
        unit: of the spectrogram.
        cells: one per method.
    """

    front_end: str
    scenario: str
    predicted: str
    probability: float
    spectrogram: Tensor
    floor: float
    unit: str
    cells: tuple[MontageCell, ...]


def make_montage(prepared: StudyInputs, clip: str, *, mask: str = MASK) -> list[MontageRow]:
    """Explain one clip with every model, scenario and method of a plan, from the seeds of the sweep.

    Args:
        prepared: the job.
        clip: file name in the data set.
        mask: preset that decides what is heard.

    Raises:
        ParameterError: the data set has no such clip.
    """
    worker = Worker(prepared.job)
    if clip not in worker.recordings:
        raise ParameterError(f"clip {clip!r} is not in {prepared.job.data}; expected a file name of meta/esc50.csv")
    rows_of_grid = dict.fromkeys((shard.model, shard.scenario) for shard in map(shard_of, prepared.shards))
    return [_row(worker, Shard(model, scenario, (clip,)), mask) for model, scenario in rows_of_grid]


def _row(worker: Worker, shard: Shard, mask: str) -> MontageRow:
    model = worker.model(shard.model)
    clip_in_noise = worker.hear(worker.recordings[shard.clips[0]], shard.model, shard.scenario)
    features = model.features(clip_in_noise)
    target = predicted_class(model, features)
    cells = []
    for method in worker.job.plan.methods:
        attribution = worker.explain(shard, clip_in_noise, method, target)
        made = masks.make(attribution, mask)
        cells.append(MontageCell(method.name, attribution, listen(model, clip_in_noise, made),
                                 bool(made.max() == made.min())))
    return MontageRow(worker.job.front_ends[shard.model], shard.scenario, model.class_name(target),
               float(model.probabilities(features)[0, target]), features.values[0], model.front_end.silence,
               model.front_end.unit, tuple(cells))


def draw_montage(rows: list[MontageRow]) -> Figure:
    """Draw the explanations over the spectrograms, rows of models and noises, columns of methods."""
    from matplotlib.figure import Figure

    n = len(rows[0].cells)
    figure = Figure(figsize=(2.1 * (n + 1), 1.35 * len(rows) + 0.4), layout="constrained")
    grid = figure.subplots(len(rows), n + 1, squeeze=False)
    for row, axes_of_row in zip(rows, grid, strict=True):
        names = ["heard", *(cell.method for cell in row.cells)]
        for axes, name, layers in zip(axes_of_row, names, _layers(row), strict=True):
            for pixels in layers:
                axes.imshow(pixels, origin="lower", aspect="auto", interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if row is rows[0]:
                axes.set_title(name, fontsize="medium")
        label = f"{row.front_end}, {row.scenario}\n{row.predicted} {row.probability:.0%}"
        axes_of_row[0].set_ylabel(label.replace("$", r"\$"), fontsize="small")
    return figure


def write_montage(rows: list[MontageRow], path: Path, *, clip: str, mask: str = MASK) -> None:
    """Write the montage as one page with a player behind every cell; it appears whole or not at all.

    Args:
        rows: of ``make_montage``.
        path: of the page.
        clip: its name.
        mask: that was used.
    """
    views = [{
        "name": row.front_end, "scenario": row.scenario, "says": f"{row.predicted} {row.probability:.0%}",
        "cells": [_view(row, name, layers, heard) for name, layers, heard in zip(
            ("heard", *(cell.method for cell in row.cells)), _layers(row), (None, *row.cells), strict=True)],
    } for row in rows]
    page = render("montage.html", "montage.js", clip=clip, rows=views,
                  methods=[cell.method for cell in rows[0].cells], mask=mask, keeps=masks.describe(mask),
                  colours=pictures)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _layers(row: MontageRow) -> Iterator[list[pictures.Pixels]]:
    """Pictures on top of each other: the spectrogram alone, then under each explanation."""
    levels = pictures.to_array(row.spectrogram)
    below = pictures.paint_levels(levels, *pictures.level_range(levels, floor=row.floor, unit=row.unit))
    yield [below]
    for cell in row.cells:
        evidence = pictures.to_array(cell.attribution.values)
        yield [below, pictures.paint_evidence(evidence, pictures.evidence_scale(evidence))]


def _view(row: MontageRow, name: str, layers: list[pictures.Pixels], cell: MontageCell | None) -> dict[str, object]:
    sounds = (cell or row.cells[0]).sounds
    names = ("original",) if cell is None else ("kept", "removed")
    gain = common_gain(sounds)
    return {
        "name": name, "images": [pictures.data_uri(pictures.png_bytes(pixels), "image/png") for pixels in layers],
        "sounds": {each: _compressed(getattr(sounds, each) * gain, sounds.sample_rate_hz) for each in names},
        "constant": cell is not None and cell.constant,
    }


def _compressed(waveform: Tensor, sample_rate_hz: int) -> str:
    """Return a sound as MP3 inside a URI: a page of WAV would be ten times as large."""
    buffer = io.BytesIO()
    sound = Clip(waveform.detach().cpu().float().clamp(-1, 1), sample_rate_hz)
    if sample_rate_hz not in (8000, 16000, 22050, 24000, 32000, 44100, 48000):
        sound = audio.resample(sound, 32000)
    soundfile.write(buffer, sound.waveform.numpy(), sound.sample_rate_hz, format="MP3", subtype="MPEG_LAYER_III")
    return pictures.data_uri(buffer.getvalue(), "audio/mpeg")
