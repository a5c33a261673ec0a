"""The unit of work: some clips -> their rows. Whoever asks, wherever it runs, the rows are the same."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from earwitness import masks
from earwitness.core.errors import EarwitnessError
from earwitness.core.types import Attribution, Clip, Features
from earwitness.datasets import esc50
from earwitness.datasets.esc50 import Esc50Recording
from earwitness.experiments.task import Task, TaskResult, error_line, seed_of
from earwitness.methods import explain
from earwitness.metrics import mask_metrics, measure_masks
from earwitness.models import AudioModel, load_model
from earwitness.models.eval_mode import eval_mode
from earwitness.models.inference import OptimisedNetwork, optimise_for_inference
from earwitness.studies.pak2025.floor import bare_pass_s, floor_s
from earwitness.studies.pak2025.job import Job, Shard, shard_of
from earwitness.studies.pak2025.plan import MethodEntry, Pak2025Plan, Scenario
from earwitness.studies.pak2025.quality import audio_quality
from earwitness.studies.pak2025.scenarios import degrade, load_noise
from earwitness.targets.scores import predicted_class

FRESH_S = 60.0  # how long a measured floor holds; the machine may get busier
ALWAYS = ("kept_area", "degenerate", "p", "p_kept", "p_removed")
FAILED = ("model", "front_end", "scenario", "clip", "method", "error")


class Worker:
    """Does tasks of one job; loads each model and noise once.

    Args:
        job: what to do, and with what.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        table = esc50.read_esc50(job.data)
        self.recordings = {recording.path.name: recording for recording in table.recordings}
        self.labels = table.labels
        self.scenarios = {scenario.name: scenario for scenario in job.plan.scenarios}
        self.model = cache(self._load_model)
        self.ready = cache(self._load_ready)
        self.noise = cache(self._load_noise)
        self.backgrounds = cache(self._load_backgrounds)
        self.bare_pass_s: dict[str, tuple[float, dict[str, float]]] = {}  # when, and what was measured

    def __call__(self, task: Task) -> TaskResult:
        """Return the rows of a task's clips; a clip or a method that fails becomes a row that says why."""
        shard = shard_of(task)
        self._warm(shard.model)
        start = time.perf_counter()
        rows: list[dict[str, Any]] = []
        attributions: dict[str, np.ndarray] = {}
        for name in shard.clips:
            rows += self._explain_clip(shard, self.recordings[name], attributions)
        tables = {"rows": [row for row in rows if "error" not in row],
                  "failures": [{name: row.get(name) for name in FAILED} for row in rows if "error" in row]}
        total = time.perf_counter() - start
        floor = _floor_s(tables["rows"], self.job.plan, self.bare_pass_s[shard.model][1])
        return TaskResult(task.key, tables, attributions, {"total": total, "floor": floor})

    def _explain_clip(
        self, shard: Shard, recording: Esc50Recording, kept: dict[str, np.ndarray]
    ) -> list[dict[str, Any]]:
        facts: dict[str, Any] = {
            "model": shard.model, "front_end": self.job.front_ends[shard.model], "scenario": shard.scenario,
            "clip": recording.path.name, "fold": recording.fold, "label": recording.label,
        }
        rows: list[dict[str, Any]] = []
        try:
            model = self.model(shard.model)
            clip = self.hear(recording, shard.model, shard.scenario)
            target = predicted_class(model, model.features(clip))
        except Exception as error:  # whatever is wrong with one clip, the others go on
            return [facts | {"error": error_line(error)}]
        facts |= {"predicted": model.class_name(target), "correct": model.class_name(target) == recording.label}
        for method in self.job.plan.methods:
            try:
                attribution = self.explain(shard, clip, method, target)
                rows += self._measure(model, clip, attribution, target, facts | {"method": method.name})
            except Exception as error:
                rows.append(facts | {"method": method.name, "error": error_line(error)})
                continue
            if self.job.plan.attributions:
                kept[f"{clip.name}/{method.name}"] = attribution.values.cpu().numpy().astype(np.float16)
        return rows

    def hear(self, recording: Esc50Recording, model: str, scenario: str) -> Clip:
        """Return a clip as a model hears it in a scenario."""
        return degrade(recording.path, self.scenarios[scenario], sample_rate_hz=self.model(model).sample_rate_hz,
                    clip_s=self.job.plan.clip_s, noise=self.noise(scenario, model), seed=self.job.plan.seed)

    def explain(self, shard: Shard, clip: Clip, method: MethodEntry, target: int) -> Attribution:
        """Explain what a model hears, from the seed of this clip, scenario and method."""
        settings = dict(method.settings)
        if method.backgrounds:
            settings["backgrounds"] = self.backgrounds(shard.model)
        seed = seed_of(self.job.plan.seed, clip.name, shard.scenario, method.name)
        return explain(self.model(shard.model), clip, method.function, target, seed=seed, **settings)

    def _measure(
        self, model: AudioModel, clip: Clip, attribution: Attribution, target: int, facts: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        plan, features = self.job.plan, model.features(clip)
        made = torch.stack([masks.make(attribution, preset) for preset in plan.masks])
        ready = replace(model, network=self.ready(str(facts["model"])).network)
        measures, _ = measure_masks(ready, features, made, target)
        quality = audio_quality(model, features, made, plan.metrics)
        passes = {name: attribution.passes[name] for name in ("forward", "backward")}
        columns = [*(name for name in mask_metrics() if name in plan.metrics), *ALWAYS]
        rows = []
        for k, preset in enumerate(plan.masks):
            numbers = measures[k].as_dict()
            rows.append({**facts, "mask": preset, **{name: numbers[name] for name in columns},
                         **{name: column[k] for name, column in quality.items()}, **passes})
        return rows

    def _warm(self, name: str) -> None:
        """Load what is loaded once and measure the floor; what cannot be loaded is told clip by clip."""
        model = self.model(name)
        if time.monotonic() - self.bare_pass_s.get(name, (-FRESH_S, {}))[0] >= FRESH_S:
            self.bare_pass_s[name] = (time.monotonic(), bare_pass_s(model, self.ready(name), self._example(model)))
        if any(method.backgrounds for method in self.job.plan.methods):
            with suppress(EarwitnessError):
                self.backgrounds(name)

    def _load_model(self, name: str) -> AudioModel:
        model = load_model(name)
        model.network.to(torch.device(self.job.device))
        return model

    def _load_ready(self, name: str) -> OptimisedNetwork:
        """Prepare the network on what is the same for every worker, before any clip could be the example."""
        model = self.model(name)
        with eval_mode(model.network):
            return optimise_for_inference(model.network, model.front_end.network_input(self._example(model)))

    def _example(self, model: AudioModel) -> Features:
        length = round(self.job.plan.clip_s * model.sample_rate_hz)
        noise = torch.randn(length, generator=torch.Generator().manual_seed(0))
        return model.features(Clip(noise, model.sample_rate_hz))

    def _load_noise(self, scenario: str, model: str) -> Tensor | None:
        if scenario not in self.job.noises:
            return None
        rate = self.model(model).sample_rate_hz
        return load_noise(self.job.noises[scenario], rate, round(self.job.plan.clip_s * rate))

    def _load_backgrounds(self, name: str) -> Tensor:
        """Features of the first clips of every class in the background folds, (k, freq, time)."""
        model, backgrounds = self.model(name), self.job.plan.backgrounds
        if backgrounds is None:
            raise EarwitnessError("the plan has no backgrounds; expected folds and a count")
        each = max(1, backgrounds.count // len(self.labels))
        chosen = [[r for r in self.recordings.values() if r.fold in backgrounds.folds and r.label == label][:each]
                  for label in self.labels]
        clips = (degrade(r.path, Scenario(name="clean"), sample_rate_hz=model.sample_rate_hz,
                      clip_s=self.job.plan.clip_s, noise=None, seed=0) for some in chosen for r in some)
        return torch.cat([model.features(clip).values for clip in clips])


def _floor_s(rows: list[dict[str, Any]], plan: Pak2025Plan, bare: Mapping[str, float]) -> float:
    """What the passes of these rows take at the least: those of the methods, and those that measured the masks."""
    explained = {(row["clip"], row["method"]): row for row in rows}
    measuring = 1 + 2 * len(plan.masks)
    return sum(floor_s({"forward": row["forward"] + measuring, "backward": row["backward"]}, bare)
               for row in explained.values())
