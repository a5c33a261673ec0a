"""The study cut into tasks: a few excerpts or places of a song each, and what does one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from earwitness.datasets.jamendo import Song
from earwitness.experiments.facts import ModelSource, device_of, digest_of_files, load_source
from earwitness.experiments.task import Columns, Rows, Task, TaskResult
from earwitness.models import AudioModel
from earwitness.perturb.fills import FILLS
from earwitness.report.folder import folder_name
from earwitness.studies.mishra2020.excerpts import Models, SongRecording, model_for, number_of, seeded
from earwitness.studies.mishra2020.fills import games_of, usable_fills
from earwitness.studies.mishra2020.ground_truth import truth_rows
from earwitness.studies.mishra2020.plan import Mishra2020Plan
from earwitness.studies.mishra2020.sensitivity import sensitivity_rows
from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan, splice_at_boundaries, splice_songs
from earwitness.studies.mishra2020.stability import StabilityPlan, parts_of, stability_rows

PIECE = 2  # excerpts or places of a task
TRUTH = {"song": str, "place": int, "mix": int, "estimate": str, "fill": str, "truth": str, "top": str, "N_ce": float,
         "of": int}
COLUMNS: Columns = {
    "stability": {"song": str, "start_s": float, "sung": bool, "kind": str, "fill": str, "kernel": str, "samples": int,
                  "U_n": int, "N_ce_with_limit": float, "asked": int},
    "sensitivity": {"song": str, "start_s": float, "sung": bool, "probability": float, "kind": str, "estimate": str,
                    "fill": str, "top": str, "N_ce": float},
    "truth": TRUTH, "boundaries": TRUTH,
    "tried": {"song": str, "tried": int, "kind": str},
}


@dataclass(frozen=True)
class Mishra2020Inputs:
    """The study as an experiment.

    Attributes:
        plan: how much is computed.
        songs: of the data set, in its order.
        models: the detector, or by song the one that has not heard it; sources are loaded by each worker.
        facts: what determines the rows besides the plan.
        name: of the study.
    """

    plan: Mishra2020Plan
    songs: tuple[Song, ...]
    models: Models
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "mishra2020"

    @property
    def device(self) -> str:
        """Where the networks run."""
        return device_of(next(iter(self.models.values())) if isinstance(self.models, Mapping) else self.models)

    @property
    def columns(self) -> Columns:
        """Types of the columns."""
        return COLUMNS

    def identity(self) -> dict[str, Any]:
        """Return the plan, and digests of songs, annotations and models."""
        return {"plan": asdict(self.plan), **self.facts}

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks, song by song."""
        numbers = {"truth": self.plan.places, "excerpts": self.plan.excerpts, "boundaries": self.plan.boundary_places,
                   "grid": min(self.plan.grid_excerpts, self.plan.stable_excerpts)}
        pieces = [(kind, first, min(first + PIECE, number))
                  for kind, number in numbers.items() for first in range(0, number, PIECE)]
        return tuple(Task(f"{folder_name(song.name)}-{kind}-{first}-{last}",
                          {"song": song.name, "kind": kind, "first": first, "last": last})
                     for song in self.songs for kind, first, last in pieces)

    def make_worker(self) -> SongWorker:
        """Return what explains excerpts."""
        return SongWorker(self)


class SongWorker:
    """Does tasks; keeps the models, and the song that it decoded last.

    Args:
        inputs: what to do, and with what.
    """

    def __init__(self, inputs: Mishra2020Inputs) -> None:
        self.plan = inputs.plan
        self.songs = {song.name: song for song in inputs.songs}
        self.models = inputs.models
        self.loaded: dict[ModelSource, AudioModel] = {}
        self.recording = lru_cache(maxsize=1)(self._decode)

    def __call__(self, task: Task) -> TaskResult:
        """Return the rows of some excerpts or places of a song."""
        recording, kind = self.recording(task.payload["song"]), task.payload["kind"]
        first, last = task.payload["first"], task.payload["last"]
        fills = self._fills(recording)
        if kind in ("excerpts", "grid"):
            return TaskResult(task.key, self._explain_excerpts(recording, fills, kind == "grid", range(first, last)))
        splice = splice_songs if kind == "truth" else splice_at_boundaries
        rows, tried = truth_rows(
            splice([recording], SplicePlan(places=last, first_place=first, mixes=self.plan.mixes, seed=self.plan.seed)),
            fills=fills, seed=self.plan.seed)
        return TaskResult(task.key, {kind: rows, "tried": [{"song": recording.song.name, "tried": tried,
                                                            "kind": kind}]})

    def _explain_excerpts(
        self, recording: SongRecording, fills: Sequence[str], grid: bool, numbers: range
    ) -> dict[str, Rows]:
        """Sensitivity and stability of some of a song's random excerpts, from the same answers."""
        plan, model, number = self.plan, recording.model, number_of(recording.song.name)
        sensitivity: list[dict[str, Any]] = []
        stability: list[dict[str, Any]] = []
        stable = StabilityPlan(plan.grid_samples if grid else plan.samples, seed=plan.seed)
        for k in numbers:
            excerpt = recording.excerpt(recording.random_start(generator=seeded(plan.seed, number, k)))
            probability = float(model.probabilities(excerpt.features)[0, 0])
            for kind in ("grid",) if grid else ("temporal", "spectral"):
                games = games_of(excerpt.features, model, parts_of(kind, excerpt.features, model), fills,
                                 seed=plan.seed)
                if not grid:
                    sensitivity += sensitivity_rows(excerpt, number + k, games, kind=kind, probability=probability,
                                                    seed=plan.seed)
                if k < plan.stable_excerpts:
                    stability += stability_rows(excerpt, number + k, games, kind=kind, plan=stable)
        return {"sensitivity": sensitivity, "stability": stability}

    def _fills(self, recording: SongRecording) -> list[str]:
        """Names of the fills to compare: those of the plan that the model allows."""
        model, features = recording.model, recording.excerpt(0.0).features
        return usable_fills(self.plan.fills or FILLS, features, model, parts_of("temporal", features, model))[0]

    def _decode(self, name: str) -> SongRecording:
        source = model_for(self.models, name)
        if isinstance(source, ModelSource):
            if source not in self.loaded:
                self.loaded[source] = load_source(source)
            source = self.loaded[source]
        return SongRecording.load(self.songs[name], source)


def song_facts(songs: Sequence[Song]) -> dict[str, Any]:
    """Return digests of the songs' sounds, and where they are sung."""
    return {"songs": {song.name: digest_of_files([song.path]) for song in songs},
            "annotation": {song.name: song.vocal for song in songs}}
