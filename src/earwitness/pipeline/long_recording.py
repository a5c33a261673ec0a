"""Every window of a long recording explained, joined over all of it; memory holds one window."""

from __future__ import annotations

import csv
import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from earwitness import audio, masks, targets
from earwitness.core.types import Clip, Progress
from earwitness.listening import render_window
from earwitness.methods import explain
from earwitness.metrics import measure
from earwitness.models import AudioModel
from earwitness.models.overlap_add import OverlapAdd
from earwitness.models.windows import WindowLayout
from earwitness.pipeline.request import ResolvedRequest
from earwitness.report.contents import FullLengthMap
from earwitness.targets.scores import predicted_class

MOST_COLUMNS = 1600
MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
HEADER = ("start_s", "end_s", "label", "probability", "target", "p", "p_kept", "p_removed", "kept_area")
SOUNDS = ("original", "kept", "removed")


def explain_long_recording(
    path: Path, model: AudioModel, resolved: ResolvedRequest, *, window_s: float,
    progress: Progress = lambda done: None,
) -> FullLengthMap:
    """Explain every window of a recording with its own mask; join the maps, and the sounds with crossfades.

    Args:
        path: the sound file.
        model: a classifier.
        resolved: one method, target, mask, seed; without a target each window's predicted class is explained.
        window_s: length of a window; the step is the model's own.
        progress: called with the share done.

    Returns:
        The joined pictures, at most 1,600 columns wide, and files in a temporary folder that goes with the value:
        ``original``, ``kept`` and ``removed`` as MP3 (FLAC at rates that MP3 does not have), ``windows.csv``, and
        ``overview.npy``, the joined explanation (freq, time).

    Raises:
        AudioFileError: the file cannot be used.
    """
    rate = model.sample_rate_hz
    window = round(window_s * rate)
    hop = min(window, model.window_and_hop_samples(window)[1])
    info, request, (method, settings) = audio.info(path), resolved.request, resolved.choices[0]
    target = resolved.target_for(resolved.choices[0])
    length = math.ceil(info.length_samples * rate / info.sample_rate_hz)
    count = max(1, math.ceil((info.duration_s - max(0.0, (window - hop) / rate)) / (hop / rate) - 1e-9))
    form = "mp3" if rate in MP3_RATES_HZ else "flac"
    folder = Path(tempfile.mkdtemp(prefix="earwitness-"))
    with ExitStack() as files:
        removal = weakref.finalize(files, shutil.rmtree, folder, ignore_errors=True)
        writing: _Writing | None = None
        table = csv.writer(files.enter_context((folder / "windows.csv").open("w", newline="", encoding="utf-8")),
                           lineterminator="\n")
        table.writerow(HEADER)
        for k, (start_s, clip) in enumerate(_windows(path, rate, window, hop, request.channel)):
            explained = explain(model, clip, method, target, seed=request.seed, fast=request.fast,
                                precision=request.precision, **settings)
            mask = masks.make(explained, request.mask)
            windows = model.windows(clip)
            if writing is None:
                one = windows.layout
                layout = WindowLayout(count, window, hop, one.n_frames, one.frame_hop_samples, rate, one.offset_samples)
                writing = _Writing(layout, windows[0].values.shape[1], length, folder, form, files)
            with torch.no_grad():
                kept, removed = (render_window(model, windows[0], windows.pieces[0], part, inversion=request.inversion)
                                 for part in (mask, 1 - mask))
            writing.add(k, explained.values, windows[0].values[0], (windows.pieces[0], kept, removed))
            table.writerow(_row(model, clip, explained.target, windows[0], mask, isinstance(target, Clip),
                                start_s, min(start_s + window_s, info.duration_s)))
            progress((k + 1) / count)
        assert writing is not None
        writing.close()
        sounds = {name: folder / f"{name}.{form}" for name in SOUNDS}
        span = layout.length * layout.frame_hop_samples if layout.overlaps else count * hop
        overview = FullLengthMap(
            spectrogram=writing.levels, evidence=writing.evidence, frequencies_hz=model.front_end.frequencies_hz,
            unit=model.front_end.unit, floor=model.front_end.silence, duration_s=span / rate,
            n_windows=count, sounds=sounds,
            tables={"windows.csv": folder / "windows.csv", "overview.npy": folder / "overview.npy"})
        removal.detach()
        weakref.finalize(overview, shutil.rmtree, folder, ignore_errors=True)
    return overview


class _Writing:
    """Joins what windows bring, writes it, and keeps pictures of bounded width."""

    def __init__(
        self, layout: WindowLayout, n_bins: int, length: int, folder: Path, form: str, files: ExitStack
    ) -> None:
        self.layout = layout
        columns = min(MOST_COLUMNS, layout.length)
        self.levels = torch.full((n_bins, columns), -math.inf)
        self.evidence, self._counts = torch.zeros(n_bins, columns), torch.zeros(columns)
        self._overlap_adds = {name: OverlapAdd(crossfade=layout.overlaps) for name in ("values", "levels", *SOUNDS)}
        self._done = {"values": 0, "levels": 0, **dict.fromkeys(SOUNDS, 0)}
        self._length = length
        self._plane: IO[bytes] = files.enter_context((folder / "overview.npy").open("wb"))
        header = {"descr": "<f4", "fortran_order": True, "shape": (n_bins, layout.length)}
        np.lib.format.write_array_header_1_0(self._plane, header)
        self._sounds = {name: files.enter_context(soundfile.SoundFile(
            folder / f"{name}.{form}", "w", layout.sample_rate_hz, 1, format=form.upper())) for name in SOUNDS}

    def add(self, k: int, values: Tensor, levels: Tensor, sounds: tuple[Tensor, ...]) -> None:
        """Add window k: planes (freq, frames) and the original, kept and removed sound (time,)."""
        column, sample = self.layout.first_column(k), k * self.layout.hop_samples
        self._planes(*(self._overlap_adds[name].add(plane.detach().cpu().float(), column)
                       for name, plane in (("values", values), ("levels", levels))))
        for name, sound in zip(SOUNDS, sounds, strict=True):
            self._sound(name, self._overlap_adds[name].add(sound[None].detach().cpu().float(), sample)[0])

    def close(self) -> None:
        """Write what no window follows."""
        self._planes(self._overlap_adds["values"].flush(), self._overlap_adds["levels"].flush())
        for name in SOUNDS:
            self._sound(name, self._overlap_adds[name].flush()[0])
        self.evidence /= self._counts.clamp(min=1)

    def _planes(self, values: Tensor, levels: Tensor) -> None:
        first = self._done["values"]
        self._done["values"] = last = first + values.shape[1]
        self._plane.write(values.T.contiguous().numpy().astype("<f4").tobytes())
        columns = torch.arange(first, last) * self.levels.shape[1] // self.layout.length
        self.evidence.index_add_(1, columns, values)
        self._counts.index_add_(0, columns, torch.ones(len(columns)))
        np.maximum.at(self.levels.numpy().T, columns.numpy(), levels.numpy().T)

    def _sound(self, name: str, sound: Tensor) -> None:
        left = self._length - self._done[name]
        self._done[name] += min(left, len(sound))
        self._sounds[name].write(sound[:left].clamp(-1, 1).numpy())


def _windows(path: Path, rate: int, window: int, hop: int, channel: str) -> Iterator[tuple[float, Clip]]:
    """Windows of equal length; silence fills the last."""
    for start_s, clip in audio.windows(path, sample_rate_hz=rate, window_s=window / rate, hop_s=hop / rate,
                                       channel=channel):
        yield start_s, Clip(audio.fit_length(clip.waveform, window), rate, clip.name)


def _row(
    model: AudioModel, clip: Clip, target: str | None, item: Any, mask: Tensor, embedding: bool, start_s: float,
    end_s: float,
) -> list[Any]:
    probabilities = model.probabilities(item)[0]
    best = int(probabilities.argmax())
    if target is None or embedding:
        index, measured_model = predicted_class(model, item), model
    else:
        resolved = targets.resolve_class(model, target)
        index = len(model.labels) if resolved.negative else resolved.index
        measured_model = targets.with_negated_class(model, resolved)
    measures, _ = measure(measured_model, item, mask, index)
    numbers = (measures.p, measures.p_kept, measures.p_removed, measures.kept_area)
    return [f"{start_s:.3f}", f"{end_s:.3f}", model.class_name(best), f"{float(probabilities[best]):.4f}",
            target or "the embedding", *(f"{number:.4f}" for number in numbers)]
