"""The study: every mask of every clip is measured on features and on sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor

from earwitness import audio, masks
from earwitness.core.types import Clip
from earwitness.datasets import esc50
from earwitness.datasets.esc50 import Esc50Recording
from earwitness.experiments.facts import ModelSource, digest_of_files, model_facts
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import Engine, OnPace, run_experiment
from earwitness.experiments.task import Columns, Task, TaskResult
from earwitness.methods import explain
from earwitness.metrics import Measures, mask_metrics, measure_masks
from earwitness.models import AudioModel
from earwitness.report.folder import folder_name
from earwitness.studies.domains.plan import DomainsPlan
from earwitness.studies.domains.tables import EVERYTHING, HEAD, HELD, OPTIMISED, OWN_MASKS, ROUTES, domains_part
from earwitness.studies.outcome import Outcome, write_failures
from earwitness.studies.page import write_page
from earwitness.targets.scores import predicted_class

BESIDE = [column.name for column in fields(Measures) if column.name != "metrics"]


@dataclass(frozen=True)
class DomainsInputs:
    """The study as an experiment.

    Attributes:
        plan: what to do.
        paths: sound files of the clips, the classes in turn.
        device: where the networks run.
        facts: what determines the rows besides the plan.
        name: of the study.
    """

    plan: DomainsPlan
    paths: tuple[Path, ...]
    device: str = "cpu"
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "domains"

    @property
    def columns(self) -> Columns:
        """Types of the columns: every metric on features and on sound."""
        kinds = get_type_hints(Measures)
        numbers = {**dict.fromkeys(mask_metrics(), float), **{name: kinds[name] for name in BESIDE}}
        measured = {f"{domain}_{name}": kind for domain in ("features", "audio") for name, kind in numbers.items()}
        return {"masks": {"model": str, "clip": str, "method": str, "mask": str, "route": str, "disagrees": bool,
                          **measured}}

    def identity(self) -> dict[str, Any]:
        """Return the plan, the metrics that there are, and digests of clips and models."""
        return {"plan": asdict(self.plan), "metrics": list(mask_metrics()), **self.facts}

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks: a method of a clip each, for each model."""
        tasks = []
        for index, model in enumerate(self.plan.models):
            for k, path in enumerate(self.paths):
                for method in (EVERYTHING, *self.plan.methods, *[OPTIMISED] * (k < self.plan.n_optimised)):
                    key = folder_name(f"{index:02d}-{Path(model).name}-{k:04d}-{method}-{path.stem}.x")
                    tasks.append(Task(key, {"model": model, "method": method, "place": k}))
        return tuple(tasks)

    def make_worker(self) -> DomainWorker:
        """Return what measures masks."""
        return DomainWorker(self)


class DomainWorker:
    """Measures the masks of clips in both domains.

    Args:
        inputs: what to do, and with what.
    """

    def __init__(self, inputs: DomainsInputs) -> None:
        self.plan, self.paths = inputs.plan, inputs.paths
        self.model = cache(lambda name: ModelSource(name, device=inputs.device).load())

    def __call__(self, task: Task) -> TaskResult:
        """Return a row per mask of one method, and route to sound."""
        name, method, clip_number = (task.payload[each] for each in ("model", "method", "place"))
        model, clip = self.model(name), audio.load(self.paths[clip_number])
        features = model.features(clip)
        target = predicted_class(model, features)
        made = self._masks(model, clip, method, target)
        stacked, kept = torch.stack(list(made.values())), slice(1, 1 + len(made))
        silent, answers = measure_masks(model, features, stacked, target)
        rows = []
        for route in (*ROUTES, HELD):
            hears = replace(model, normalise=None) if route == HELD else model
            inversion = next((each for each in ROUTES if each == route), ROUTES[0])
            by_sound, sound_probabilities = measure_masks(hears, features, stacked, target, domain="audio",
                                                          inversion=inversion)
            other = sound_probabilities[kept].argmax(1) != answers[kept].argmax(1)
            rows += [{"model": name, "clip": clip.name, "method": method, "mask": mask, "route": route,
                      "disagrees": bool(other[k]),
                      **{f"features_{each}": value for each, value in silent[k].as_dict().items()},
                      **{f"audio_{each}": value for each, value in by_sound[k].as_dict().items()}}
                     for k, mask in enumerate(made)]
        return TaskResult(task.key, {"masks": rows})

    def _masks(self, model: AudioModel, clip: Clip, method: str, target: int) -> dict[str, Tensor]:
        if method == EVERYTHING:
            return {EVERYTHING: torch.ones(model.features(clip).values.shape[1:])}
        attribution = explain(model, clip, method, target)
        presets = OWN_MASKS if method == OPTIMISED else self.plan.masks
        return {preset: masks.make(attribution, preset) for preset in presets}


def read_domain_clips(data: Path, plan: DomainsPlan, *, device: str = "cpu") -> DomainsInputs:
    """Check clips and models, and return the study as an experiment.

    Args:
        data: folder in ESC-50's layout.
        plan: what to do.
        device: where the networks run.

    Raises:
        DataError: another layout.
        ParameterError: there is no such model or device.
    """
    paths = tuple(each.path for each in first_of_classes(esc50.read_esc50(data).of_folds([plan.fold]), plan.n_clips))
    models = {name: model_facts(ModelSource(name, device=device).load()) for name in plan.models}
    return DomainsInputs(plan, paths, device, {"models": models, "clips": [path.name for path in paths],
                                               "sounds": digest_of_files(paths)})


def run_domains(
    inputs: DomainsInputs, out: Path, *, page: Path | None = None, engine: Engine = do_locally,
    on_pace: OnPace = lambda pace: None,
) -> Outcome:
    """Measure all masks, or those that are missing, and write the tables.

    Args:
        inputs: see ``read_domain_clips``.
        out: folder; gets ``tasks/`` and ``summary.md``, and ``failures.csv`` where clips failed.
        page: a page of results whose parts for these models are renewed; None renews none.
        engine: see ``run_experiment``.
        on_pace: see ``run_experiment``; items are methods of clips.

    Returns:
        Rows in the table "masks". Findings: "parts", the page's text by model.

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: another run is at work in the folder.
    """
    finished = run_experiment(inputs, out, engine=engine, on_pace=on_pace)
    rows = finished.tables["masks"]
    parts = {model: domains_part(inputs.plan, model, list(rows[rows["model"] == model].itertuples(index=False)))
             for model in inputs.plan.models}
    write_failures(finished.failures, out)
    for path in (out / "summary.md", *([page] if page is not None else [])):
        write_page(path, HEAD, parts)
    return Outcome(finished, {"page": out / "summary.md"}, {"parts": parts})


def first_of_classes(recordings: Iterable[Esc50Recording], count: int) -> Sequence[Esc50Recording]:
    """Return the first clips of every class, class by class in turn, until there are enough."""
    by_label: dict[str, list[Esc50Recording]] = {}
    for recording in recordings:
        by_label.setdefault(recording.label, []).append(recording)
    order = sorted((k, label) for label, own in by_label.items() for k in range(len(own)))
    return [by_label[label][k] for k, label in order[:count]]
