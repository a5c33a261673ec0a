"""Before anything runs: do the plan, the data, the noises and the models fit together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earwitness.core.errors import DataError, ParameterError, require
from earwitness.datasets import esc50
from earwitness.experiments.facts import digest_of_files, model_facts
from earwitness.experiments.task import Columns, Task, digest
from earwitness.frontends import short_name
from earwitness.metrics import METRICS
from earwitness.models import AudioModel, load_model
from earwitness.studies.pak2025.best import METRICS as PUBLISHED
from earwitness.studies.pak2025.job import Job, cut
from earwitness.studies.pak2025.plan import Pak2025Plan
from earwitness.studies.pak2025.scenarios import find_noises, load_noise
from earwitness.studies.pak2025.summary import metrics_in
from earwitness.studies.pak2025.worker import FAILED, Worker

TEXTS = ("model", "front_end", "scenario", "clip", "label", "predicted", "method", "mask")
BESIDE = ("kept_area", "p", "p_kept", "p_removed")
COUNTS = ("fold", "forward", "backward")
FLAGS = ("correct", "degenerate")


@dataclass(frozen=True)
class StudyInputs:
    """The study as an experiment: a job that has been checked, and what makes it the same job again.

    Attributes:
        job: for the workers.
        shards: its tasks.
        clips: file names of the clips to explain.
        facts: what determines the rows besides the plan.
        name: of the study.
    """

    job: Job
    shards: tuple[Task, ...]
    clips: tuple[str, ...]
    facts: dict[str, Any] = field(repr=False)
    name: str = "pak2025"

    @property
    def device(self) -> str:
        """Where the networks run."""
        return self.job.device

    @property
    def columns(self) -> Columns:
        """Types of the columns; the failures' say of which clip and method they are."""
        kinds: tuple[tuple[tuple[str, ...], type], ...] = (
            (TEXTS, str), (_numbers(), float), (COUNTS, int), (FLAGS, bool))
        return {"rows": {name: kind for names, kind in kinds for name in names},
                "failures": dict.fromkeys(FAILED, str)}

    def identity(self) -> dict[str, Any]:
        """Return the plan and what determines the rows besides it, plain values."""
        return {"plan": self.job.plan.model_dump(mode="json"), **self.facts}

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks: model by model, scenario by scenario, some clips at a time."""
        return self.shards

    def make_worker(self) -> Worker:
        """Return what explains clips."""
        return Worker(self.job)


def read_inputs(plan: Pak2025Plan, data: Path, *, noises: Path | None = None, device: str = "cpu") -> StudyInputs:
    """Check a plan against its data, noises and models, and cut it into tasks.

    Args:
        plan: what to do.
        data: folder in ESC-50's layout.
        noises: folder with the scenarios' noises.
        device: where the networks will run.

    Raises:
        DataError: another layout, missing or extra folds, labels that a model does not know, a noise that is missing
            or silent.
        ParameterError: an unknown model, or one that cannot hear the plan's clips at once.
        MissingExtraError: a metric needs a package that is not installed.
    """
    for name in plan.metrics:
        if METRICS[name].package:
            require(METRICS[name].package, extra="quality")
    table = esc50.read_esc50(data)
    _check_folds(table, plan, data)
    clips = table.of_folds(plan.test_folds)[: plan.limit]
    models = {name: load_model(name) for name in plan.models}
    for name, model in models.items():
        _check_model(name, model, table.labels, plan)
    kinds = {name: short_name(model.front_end) for name, model in models.items()}
    used = tuple(s for s in plan.scenarios if s.front_ends is None or set(s.front_ends) & set(kinds.values()))
    noise_paths = find_noises(used, noises)
    for path in noise_paths.values():
        for model in models.values():
            load_noise(path, model.sample_rate_hz, round(plan.clip_s * model.sample_rate_hz))
    names = tuple(recording.path.name for recording in clips)
    shards = cut(plan, names, kinds)
    if not shards:
        raise ParameterError(f"no scenario is for {', '.join(sorted(set(kinds.values())))}; expected at least one")
    facts = {
        "clips": names, "sounds": digest_of_files(recording.path for recording in clips),
        "data": digest([[r.path.name, r.fold, r.label] for r in table.recordings]),
        "models": {name: model_facts(model) for name, model in models.items()},
        "noises": {name: digest_of_files([path]) for name, path in noise_paths.items()},
    }
    return StudyInputs(Job(plan, data, noise_paths, _front_end_names(kinds), device), shards, names, facts)


def _numbers() -> tuple[str, ...]:
    """Columns of numbers; those of metrics beside the published ones follow the others."""
    names = metrics_in(METRICS)
    return (*PUBLISHED, *BESIDE, *names[len(PUBLISHED) :])


def _check_folds(table: esc50.Esc50, plan: Pak2025Plan, data: Path) -> None:
    missing, extra = sorted(set(plan.folds) - set(table.folds)), sorted(set(table.folds) - set(plan.folds))
    if missing or extra:
        parts = [f"{what} {folds}" for what, folds in (("lacks folds", missing), ("has also folds", extra)) if folds]
        raise DataError(f"{data}: {' and '.join(parts)}; expected {sorted(plan.folds)}: correct meta/esc50.csv, or the "
                        "plan's 'folds'")


def _check_model(name: str, model: AudioModel, labels: Sequence[str], plan: Pak2025Plan) -> None:
    unknown = [label for label in labels if label not in model.labels]
    if unknown:
        raise DataError(f"model {name!r} does not know {', '.join(unknown[:5])}{' ...' if len(unknown) > 5 else ''}; "
                        "expected a model of all the data's classes: train one with 'earwitness train'")
    if model.window_s is not None and plan.clip_s > model.window_s:
        raise ParameterError(f"clip_s is {plan.clip_s:g} but {name!r} hears {model.window_s:g} s at once; expected no "
                             "more than that")


def _front_end_names(kinds: dict[str, str]) -> dict[str, str]:
    """What the tables call each model's front end: its kind, with the model's name where two share one."""
    shared = [kind for kind in kinds.values() if list(kinds.values()).count(kind) > 1]
    return {model: f"{kind} ({Path(model).name})" if kind in shared else kind for model, kind in kinds.items()}
