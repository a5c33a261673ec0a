"""Names of the release before: modules that moved and types that were renamed answer for one release more."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

ROOT = "earwitness"
ENDS_WITH = "0.3"
MODULES = {
    "allocator": "core.allocator",
    "checking": "core.validation",
    "checks.rerun": "checks.bound_method",
    "choices": "pipeline.request",
    "compare": "pipeline.side_by_side",
    "demo": "pipeline.demo",
    "detect": "singing.detect",
    "errors": "core.errors",
    "files": "core.atomic_files",
    "frontends.decibels": "frontends.mel_db",
    "frontends.svd_log_mel": "frontends.singing_log_mel",
    "methods.attention": "methods.attention_rollout",
    "methods.by_window": "methods.windowed",
    "methods.linear": "methods.lime_surrogate",
    "methods.tokens": "methods.token_plane",
    "models.band_norm": "models.networks.band_norm",
    "models.black_box": "models.adapters.function",
    "models.cnn14": "models.networks.cnn14",
    "models.evaluating": "models.eval_mode",
    "models.hugging_face": "models.adapters.transformers",
    "models.onnx_file": "models.adapters.onnx",
    "models.prepared": "models.inference",
    "models.small_cnn": "models.networks.small_cnn",
    "models.svdnet": "models.networks.singing_voice",
    "models.torchscript": "models.adapters.torchscript",
    "models.vggish": "models.networks.vggish",
    "perturb.estimate": "perturb.estimators",
    "perturb.fill": "perturb.fills",
    "perturb.grids": "perturb.soft_masks",
    "perturb.kinds": "perturb.registry",
    "perturb.planes": "perturb.gain_planes",
    "perturb.sources": "perturb.stems",
    "perturb.surrogate": "perturb.control_variate",
    "report.course": "report.overview",
    "report.detection": "singing.report",
    "scores": "targets.scores",
    "stretches": "pipeline.recording",
    "studies.mishra2020.choose": "studies.mishra2020.choose_fill",
    "studies.mishra2020.counts": "studies.mishra2020.top_component_overlap",
    "studies.mishra2020.items": "studies.mishra2020.excerpts",
    "studies.mishra2020.splices": "studies.mishra2020.spliced_excerpts",
    "studies.mishra2020.truth": "studies.mishra2020.ground_truth",
    "studies.relax2023.asking": "studies.relax2023.checks",
    "studies.pak2025.study": "studies.pak2025.run",
    "sweep": "experiments",
    "sweep.estimate": "studies.pak2025.estimate",
    "sweep.floor": "studies.pak2025.floor",
    "sweep.jobs": "experiments.task",
    "sweep.local": "experiments.local",
    "sweep.on_ray": "experiments.ray",
    "sweep.plan": "studies.pak2025.plan",
    "sweep.prepare": "studies.pak2025.inputs",
    "sweep.quality": "studies.pak2025.quality",
    "sweep.running": "experiments.run",
    "sweep.scenes": "studies.pak2025.scenarios",
    "sweep.store": "experiments.store",
    "sweep.worker": "studies.pak2025.worker",
    "training.detection": "singing.decisions",
    "training.detector": "singing.cross_validation",
    "training.excerpts": "singing.excerpts",
    "training.voice": "singing.network_training",
    "types": "core.types",
    "whole": "pipeline.long_recording",
    "workflow": "pipeline.explain_file",
}
PERMANENT = ("types", "errors")  # public under their short names: earwitness.types, earwitness.errors
NAMES = {
    "": {"Heard": "listening.SplitSound", "scores": "targets.scores"},
    "listening": {"Heard": "listening.SplitSound", "hear": "listening.render_window",
                  "hear_again": "listening.features_of_sounds"},
    "frontends": {"describe": "frontends.describe_front_end", "build": "frontends.build_front_end",
                  "SvdLogMel": "frontends.SingingVoiceLogMel"},
    "perturb": {"KINDS": "perturb.COMPONENTS", "find_components": "perturb.make_components", "fill": "perturb.fills",
                "estimate": "perturb.estimators", "sources": "perturb.stems"},
    "synthetic": {"make": "synthetic.make_scene"},
    "targets": {"read": "targets.resolve_class", "Wanted": "targets.ClassTarget",
                "answering_no": "targets.with_negated_class"},
    "checks": {"Rerun": "checks.BoundMethod"},
    "datasets.esc50": {"read": "datasets.esc50.read_esc50"},
    "datasets.animals": {"read": "datasets.animals.read_animals"},
    "datasets.jamendo": {"read": "datasets.jamendo.read_songs"},
    "datasets.stems": {"read": "datasets.stems.read_stem_pairs"},
    "datasets.scenes": {"read": "datasets.scenes.read_scenes", "build": "datasets.scenes.build_scene",
                        "write": "datasets.scenes.write_scenes"},
    "experiments": {  # as the package was called "sweep"
        "do_locally": "experiments.local.do_locally", "do_on_ray": "experiments.ray.do_on_ray",
        "run_sweep": "experiments.run.run_experiment", "Finished": "experiments.run.Finished",
        "Pace": "experiments.run.Pace", "Store": "experiments.store.Store", "Result": "experiments.task.TaskResult",
        "seed_of": "experiments.task.seed_of", "Cost": "studies.pak2025.estimate.Cost",
        "estimate": "studies.pak2025.estimate.estimate", "Job": "studies.pak2025.job.Job",
        "Shard": "studies.pak2025.job.Shard", "Plan": "studies.pak2025.plan.Pak2025Plan",
        "Pak2025Plan": "studies.pak2025.plan.Pak2025Plan", "Scenario": "studies.pak2025.plan.Scenario",
        "make_plan": "studies.pak2025.plan.make_plan", "read_plan": "studies.pak2025.plan.read_plan",
        "select": "studies.pak2025.plan.select", "Prepared": "studies.pak2025.inputs.StudyInputs",
        "StudyInputs": "studies.pak2025.inputs.StudyInputs", "prepare": "studies.pak2025.inputs.read_inputs",
        "read_inputs": "studies.pak2025.inputs.read_inputs", "Worker": "studies.pak2025.worker.Worker"},
    "studies.pak2025": {"run_study": "studies.pak2025.run_pak2025", "summarise": "studies.pak2025.summarise_metrics"},
    "studies.relax2023": {"run_study": "studies.relax2023.run_relax2023", "Plan": "studies.relax2023.Relax2023Plan"},
}


def install() -> None:
    """Let the old names of modules be imported."""
    if not any(isinstance(finder, _MovedFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedFinder())  # first: a moved package would find its modules a second time


def attribute(module: str, name: str) -> Any:
    """Return what an old name of a module stands for; for a module's ``__getattr__``.

    Args:
        module: ``__name__`` of the module that was asked.
        name: the old name.

    Raises:
        AttributeError: it never was there.
    """
    inside = module.removeprefix(ROOT).lstrip(".")
    if name in NAMES.get(inside, {}):
        new = NAMES[inside][name]
        _warn(f"{module}.{name}", new)
        home, _, attribute_name = new.rpartition(".")
        return getattr(importlib.import_module(f"{ROOT}.{home}"), attribute_name)
    if not inside and name in MODULES:
        return importlib.import_module(f"{ROOT}.{name}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


class _MovedFinder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parts = fullname.split(".")
        for length in range(len(parts), 1, -1):  # a package that moved takes its modules along
            old = ".".join(parts[1:length])
            if parts[0] == ROOT and old in MODULES:
                new = ".".join([MODULES[old], *parts[length:]])
                return importlib.machinery.ModuleSpec(fullname, _MovedLoader(fullname, new))
        return None


class _MovedLoader(importlib.abc.Loader):
    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if self.old.removeprefix(f"{ROOT}.") not in PERMANENT:
            _warn(self.old, self.new)
        self.module = importlib.import_module(f"{ROOT}.{self.new}")
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has just put the old name's there


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is now {ROOT}.{new}; the old name goes with {ENDS_WITH}", DeprecationWarning, stacklevel=4)
