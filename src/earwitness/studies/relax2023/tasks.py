"""The study's two experiments: an embedding of every recording, then explanations and checks of some sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from earwitness import audio
from earwitness.experiments.facts import ModelSource, device_of, load_source
from earwitness.experiments.task import Columns, Task, TaskResult, Worker
from earwitness.metrics.flipping import ORDERS
from earwitness.models.audio_model import AudioModel
from earwitness.report.folder import folder_name
from earwitness.studies.relax2023.checks import LOCALISATION, run_checks
from earwitness.studies.relax2023.classifier import EmbeddingClassifier, FittedClassifier
from earwitness.studies.relax2023.embeddings import embed_clip
from earwitness.studies.relax2023.plan import Relax2023Plan
from earwitness.studies.relax2023.sounds import Subject

TOGETHER = 16  # recordings that are embedded in one task
WIDENED = ("n_clips", "n_scenes")  # the first sounds are the same whatever their number, so a study can be widened


@dataclass(frozen=True)
class EmbeddingInputs:
    """An embedding of every recording.

    Attributes:
        paths: sound files.
        model: an encoder, or its source.
        facts: what determines the embeddings.
        name: of the experiment.
    """

    paths: tuple[Path, ...]
    model: AudioModel | ModelSource
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "relax2023, embeddings"

    @property
    def device(self) -> str:
        """Where the network runs."""
        return device_of(self.model)

    @property
    def columns(self) -> Columns:
        """Types of the columns; the embeddings themselves are arrays."""
        return {"recordings": {"file": str}}

    def identity(self) -> dict[str, Any]:
        """Return digests of sounds and model."""
        return dict(self.facts)

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks, some recordings each."""
        return tuple(Task(f"{first:06d}", {"first": first}, size=min(TOGETHER, len(self.paths) - first))
                     for first in range(0, len(self.paths), TOGETHER))

    def make_worker(self) -> Worker:
        """Return what embeds recordings."""
        model = load_source(self.model)

        def embed(task: Task) -> TaskResult:
            paths = self.paths[task.payload["first"] :][:TOGETHER]
            vectors = torch.stack([embed_clip(model, audio.load(path)) for path in paths])
            return TaskResult(task.key, {"recordings": [{"file": path.name} for path in paths]},
                              {"embeddings": vectors.numpy()})

        return embed


@dataclass(frozen=True, eq=False)
class ExplainingInputs:
    """Explanations of some sounds, and their checks.

    Attributes:
        plan: how thoroughly.
        subjects: the sounds, clips before scenes.
        model: an encoder, or its source.
        labels: class names.
        fair: classifier on its embeddings.
        shuffled: the same with the training labels shuffled.
        facts: what determines the rows besides the plan.
        name: of the experiment.
    """

    plan: Relax2023Plan
    subjects: tuple[Subject, ...]
    model: AudioModel | ModelSource
    labels: tuple[str, ...]
    fair: FittedClassifier
    shuffled: FittedClassifier
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "relax2023"

    @property
    def device(self) -> str:
        """Where the network runs."""
        return device_of(self.model)

    @property
    def columns(self) -> Columns:
        """Types of the columns: a row per sound, method and family of masks, and one per step of flipping."""
        stages = [f"random_weights_{k}" for k in range(1, self.plan.effort.cascade_steps + 1)]
        numbers = ("doubt", *ORDERS, "contrast", "lead", "sensitivity", "random_weights", *stages, "random_labels",
                   *LOCALISATION)
        about = {"part": str, "clip": str, "label": str, "target": str, "p": float, "method": str, "masks": str}
        return {"rows": {**about, **dict.fromkeys(numbers, float)},
                "curves": {"part": str, "clip": str, "curve": str, "step": int, "score": float}}

    def identity(self) -> dict[str, Any]:
        """Return the plan without the numbers of sounds, and digests of sounds and model."""
        plan = {name: value for name, value in asdict(self.plan).items() if name not in WIDENED}
        return {"plan": plan, **self.facts}

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks, one sound each; the first sounds of each kind keep their maps, to be drawn."""
        seen: dict[str, int] = {}
        tasks = []
        for turn, subject in enumerate(self.subjects):
            seen[subject.part] = seen.get(subject.part, 0) + 1
            poster = seen[subject.part] <= self.plan.n_posters
            tasks.append(Task(f"{subject.part}-{folder_name(f'{subject.name}.x')}",
                              {"place": turn, "poster": poster}, turn=turn))
        return tuple(sorted(tasks, key=lambda task: task.key))

    def make_worker(self) -> SoundWorker:
        """Return what explains and checks a sound."""
        return SoundWorker(self)


class SoundWorker:
    """Explains sounds, and checks the explanations.

    Args:
        inputs: what to do, and with what.
    """

    def __init__(self, inputs: ExplainingInputs) -> None:
        self.plan, self.subjects = inputs.plan, inputs.subjects
        encoder = load_source(inputs.model)
        self.model, self.other_labels = (
            replace(encoder, network=EmbeddingClassifier(encoder.network, fitted), labels=inputs.labels,
                    activation="softmax") for fitted in (inputs.fair, inputs.shuffled))

    def __call__(self, task: Task) -> TaskResult:
        """Answer all questions about one sound."""
        subject, model = self.subjects[task.payload["place"]], self.model
        item = model.features(subject.load())[0:1]
        chances = model.probabilities(item)[0]
        evidence = None
        target = int(chances.argmax())
        if subject.scene is not None:
            target = model.class_index(subject.label)
            evidence = subject.scene.evidence(model.front_end)[:, : item.values.shape[2]]
        checked = run_checks(model, item, target, effort=self.plan.effort, seed=self.plan.seed, evidence=evidence,
                             other_labels=self.other_labels)
        about = {"part": subject.part, "clip": subject.name}
        prediction = {"label": subject.label, "target": model.class_name(target), "p": float(chances[target])}
        curves = [{**about, "curve": curve, "step": step, "score": score}
                  for curve, scores in checked.curves.items() for step, score in enumerate(scores)]
        planes: dict[str, np.ndarray] = {}
        if task.payload["poster"]:
            planes["spectrogram"] = item.values[0].cpu().numpy()
            for made in checked.maps:
                if made.method == "relax":
                    planes[f"{made.family}/values"] = made.values.cpu().numpy()
                    planes[f"{made.family}/uncertainty"] = made.uncertainty.cpu().numpy()
        rows = [about | prediction | row for row in checked.rows]
        return TaskResult(task.key, {"rows": rows, "curves": curves}, planes)
