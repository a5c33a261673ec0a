"""The study from one command: embeddings, classifier, explanations, checks, tables, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earwitness.core.atomic_files import make_folder
from earwitness.core.errors import EarwitnessError
from earwitness.experiments.facts import ModelSource, digest_of_files, load_source, model_facts
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import Engine, OnPace, run_experiment
from earwitness.experiments.store import locked
from earwitness.experiments.task import digest
from earwitness.models.audio_model import AudioModel
from earwitness.studies.outcome import Outcome
from earwitness.studies.relax2023.classifier import FittedClassifier, fit_classifier
from earwitness.studies.relax2023.labelled import LabelledClips, read_labelled
from earwitness.studies.relax2023.plan import Relax2023Plan
from earwitness.studies.relax2023.results import draw_posters, write_accuracy, write_relax2023
from earwitness.studies.relax2023.sounds import choose_clips, classes_of_scenes, make_scenes
from earwitness.studies.relax2023.tasks import EmbeddingInputs, ExplainingInputs

SPLITS = ("fair", "leaky")


@dataclass(frozen=True)
class Relax2023Inputs:
    """What the study needs, checked.

    Attributes:
        plan: what is explained, and how thoroughly.
        data: recordings and splits.
        model: a model with embeddings, or its source.
        window_s: what the model hears at once, seconds.
        facts: digests of sounds and model.
    """

    plan: Relax2023Plan
    data: LabelledClips
    model: AudioModel | ModelSource
    window_s: float | None
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def embedding(self) -> EmbeddingInputs:
        """The first experiment."""
        return EmbeddingInputs(self.data.paths, self.model, self.facts)


def read_sounds_and_model(data_dir: Path, model: AudioModel | ModelSource, plan: Relax2023Plan) -> Relax2023Inputs:
    """Check the data and the model.

    Args:
        data_dir: the animal-sound set, or a data set in ESC-50's layout.
        model: a model with embeddings, itself or its source.
        plan: what is explained, and how thoroughly.

    Raises:
        DataError: the data have neither layout, or no class to put into scenes.
        ParameterError: no such model.
    """
    data = read_labelled(data_dir)
    classes_of_scenes(data, plan)
    loaded = load_source(model)
    facts = {"sounds": digest_of_files(data.paths), "model": model_facts(loaded),
             "data": digest([data.targets, data.labels, data.fair, data.leaky])}
    return Relax2023Inputs(plan, data, model, loaded.window_s, facts)


def run_relax2023(
    inputs: Relax2023Inputs, out: Path, *, engine: Engine = do_locally, on_pace: OnPace = lambda pace: None
) -> Outcome:
    """Run the study, or what is missing of it, and write tables and figures.

    Args:
        inputs: see ``read_sounds_and_model``.
        out: folder; gets ``embeddings/`` and ``sounds/``, which hold the tasks, scenes, accuracy, rows, summary and
            figures. Only the numbers of sounds may be changed in a later run.
        engine: see ``run_experiment``.
        on_pace: see ``run_experiment``; items are recordings, then sounds.

    Returns:
        Findings: "accuracy", share right and its interval by split.

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: a recording cannot be embedded, or another run is at work in the folder.

    Source: Hammershøi, Salli & Bonvin 2023.
    """
    plan, data = inputs.plan, inputs.data
    with locked(out):
        make_folder(out / "figures")
        embeddings = _embed(inputs, out / "embeddings", engine, on_pace)
        parts = {split: write_accuracy(out, data, embeddings, split) for split in SPLITS}
        fair = parts["fair"][1]
        subjects = (*choose_clips(data, plan), *make_scenes(data, plan, out / "scenes", inputs.window_s))
        experiment = ExplainingInputs(plan, subjects, inputs.model, data.labels, fair,
                                      _fit_shuffled(data, embeddings, fair, seed=plan.seed), inputs.facts)
        posters = {task.key: subjects[task.payload["place"]] for task in experiment.tasks() if task.payload["poster"]}
        finished = run_experiment(experiment, out / "sounds", engine=engine, on_pace=on_pace, arrays=list(posters))
        model = load_source(inputs.model)
        write_relax2023(out, finished, title=f"{model.name} on {data.name}", seed=plan.seed)
        draw_posters(out / "figures", finished, posters, model.front_end)
    accuracy = {split: (part_accuracy.share, *part_accuracy.interval) for split, (part_accuracy, _) in parts.items()}
    return Outcome(finished, {"page": out / "summary.md"}, {"accuracy": accuracy})


def _embed(inputs: Relax2023Inputs, folder: Path, engine: Engine, on_pace: OnPace) -> Tensor:
    """Embeddings of all recordings, (n, dim); one that cannot be read ends the study, as the classifier needs all."""
    experiment = inputs.embedding
    keys = [task.key for task in experiment.tasks()]
    finished = run_experiment(experiment, folder, engine=engine, on_pace=on_pace, arrays=keys)
    if len(finished.failures):
        raise EarwitnessError(f"recordings cannot be embedded: {finished.failures['error'].iloc[0]}")
    return torch.cat([torch.from_numpy(finished.arrays[key]["embeddings"]) for key in keys])


def _fit_shuffled(data: LabelledClips, embeddings: Tensor, fitted: FittedClassifier, *, seed: int) -> FittedClassifier:
    """The same classifier with the training labels shuffled."""
    part_indices = data.part(data.fair, test=False)
    order = torch.randperm(len(part_indices), generator=torch.Generator().manual_seed(seed)).tolist()
    return fit_classifier(embeddings[part_indices], [data.targets[part_indices[k]] for k in order],
                          [data.groups[index] for index in part_indices], strengths=(fitted.strength,))
