"""The study: every method explains every scene, and so do random maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from earwitness import metrics, synthetic
from earwitness.core.atomic_files import replacing
from earwitness.experiments.facts import ModelSource, model_facts
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import Engine, OnPace, run_experiment
from earwitness.experiments.task import Columns, Task, TaskResult, error_line
from earwitness.methods import explain
from earwitness.models import AudioModel
from earwitness.pipeline.demo import random_maps
from earwitness.report.folder import folder_name
from earwitness.studies.outcome import Outcome, write_failures
from earwitness.studies.page import write_page
from earwitness.studies.scenes.plan import ScenesPlan
from earwitness.studies.scenes.tables import CHANCE, HEAD, MEASURES, scenes_part

SHARES = {"relevance mass": metrics.relevance_mass, "relevance rank": metrics.relevance_rank}


@dataclass(frozen=True)
class ScenesInputs:
    """The study as an experiment.

    Attributes:
        plan: what to do.
        device: where the networks run.
        facts: what determines the rows besides the plan.
        name: of the study.
    """

    plan: ScenesPlan
    device: str = "cpu"
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "scenes"

    @property
    def columns(self) -> Columns:
        """Types of the columns: what the model says of each scene, and how much of the evidence each method finds."""
        scene = {"model": str, "scene": str, "seed": int}
        return {"said": {**scene, "says": str, "probability": float, "recognised": bool},
                "shares": {**scene, "method": str, **dict.fromkeys(MEASURES, float), "passes": int},
                "failures": {**scene, "method": str}}

    def identity(self) -> dict[str, Any]:
        """Return the plan, and digests of the models."""
        return {"plan": asdict(self.plan), **self.facts}

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks: a scene drawn from one seed each, for each model."""
        return tuple(Task(folder_name(f"{index:02d}-{Path(model).name}-{scene}-{seed}.x"),
                          {"model": model, "scene": scene, "seed": seed})
                     for index, model in enumerate(self.plan.models) for scene in self.plan.scenes
                     for seed in self.plan.seeds)

    def make_worker(self) -> SceneWorker:
        """Return what explains scenes."""
        return SceneWorker(self)


class SceneWorker:
    """Explains scenes by every method.

    Args:
        inputs: what to do, and with what.
    """

    def __init__(self, inputs: ScenesInputs) -> None:
        self.methods = inputs.plan.methods
        self.model = cache(lambda name: ModelSource(name, device=inputs.device).load())

    def __call__(self, task: Task) -> TaskResult:
        """Return what the model says of a scene and, where it recognises it, what each method finds."""
        model, seed = self.model(task.payload["model"]), task.payload["seed"]
        scene = synthetic.make_scene(task.payload["scene"], seed=seed)
        probabilities = model.probabilities(scene.clip)[0]
        best = int(probabilities.argmax())
        says = model.class_name(best)
        prediction = {**task.payload, "says": says, "probability": float(probabilities[best]),
                "recognised": says == scene.label}
        tables: dict[str, list[dict[str, Any]]] = {"said": [prediction], "shares": [], "failures": []}
        if prediction["recognised"]:
            evidence = scene.evidence(model.front_end)
            for method in self.methods:
                try:
                    row = _explain(model, scene, method, evidence, seed)
                    tables["shares"].append({**task.payload, "method": method, **row})
                except Exception as error:  # one method that fails says nothing about the others
                    tables["failures"].append({**task.payload, "method": method, "error": error_line(error)})
            chance = random_maps(evidence, seed=seed)
            tables["shares"].append({**task.payload, "method": CHANCE, "passes": 0, **{
                name: float(share(chance, evidence).mean()) for name, share in SHARES.items()}})
        return TaskResult(task.key, tables)


def read_scene_models(plan: ScenesPlan, *, device: str = "cpu") -> ScenesInputs:
    """Check the models, and return the study as an experiment.

    Raises:
        ParameterError: there is no such model or device.
    """
    models = {name: model_facts(ModelSource(name, device=device).load()) for name in plan.models}
    return ScenesInputs(plan, device, {"models": models})


def run_scenes(
    inputs: ScenesInputs, out: Path, *, page: Path | None = None, engine: Engine = do_locally,
    on_pace: OnPace = lambda pace: None,
) -> Outcome:
    """Explain all scenes, or those that are missing, and write the tables.

    Args:
        inputs: see ``read_scene_models``.
        out: folder; gets ``tasks/``, ``rows.csv`` and ``summary.md``, and ``failures.csv`` where methods failed.
        page: a page of results whose parts for these models are renewed; None renews none.
        engine: see ``run_experiment``.
        on_pace: see ``run_experiment``; items are scenes.

    Returns:
        Rows in the tables "said" and "shares". Findings: "parts", the page's text by model.

    Raises:
        ParameterError: the folder holds the rows of another plan.
        EarwitnessError: another run is at work in the folder.
    """
    finished = run_experiment(inputs, out, engine=engine, on_pace=on_pace)
    parts = {model: scenes_part(inputs.plan, model, finished.tables) for model in inputs.plan.models}
    files = {"page": out / "summary.md", "rows": out / "rows.csv"}
    with replacing(files["rows"]) as temporary:
        finished.tables["shares"].to_csv(temporary, index=False)
    write_failures(finished.failures, out)
    for path in (files["page"], *([page] if page is not None else [])):
        write_page(path, HEAD, parts)
    return Outcome(finished, files, {"parts": parts})


def _explain(
    model: AudioModel, scene: synthetic.Scene, method: str, evidence: Tensor, seed: int
) -> dict[str, float | int]:
    """How much of the evidence a method finds with its own defaults, and at what cost; relax has no class."""
    attribution = explain(model, scene.clip, method, None if method == "relax" else scene.label, seed=seed)
    shares = {name: float(share(attribution.values.cpu(), evidence)) for name, share in SHARES.items()}
    return {**shares, "passes": sum(attribution.passes.values())}
