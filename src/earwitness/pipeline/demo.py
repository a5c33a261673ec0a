"""The demo: explain a scene whose evidence is known, and compare with chance."""

from __future__ import annotations

import shlex
from dataclasses import replace

import torch
from torch import Tensor

from earwitness import frontends, synthetic
from earwitness.core.types import Attribution, StepProgress
from earwitness.methods import explain
from earwitness.metrics import relevance_mass, relevance_rank
from earwitness.models import AudioModel
from earwitness.pipeline import side_by_side
from earwitness.pipeline.explain_file import explain_window
from earwitness.pipeline.request import ExplainRequest, words_of_method
from earwitness.report.contents import Report

SCENE = "clock_tick over hum"
MODEL = "esc10-mel"  # the command's default
RANDOM_MAPS = 100
COMPARED = ("saliency", "integrated_gradients", "deep_shap", "gradcam")  # the quick ones


def explain_scene(
    model: AudioModel, request: ExplainRequest | None = None, *, scene: str = SCENE,
    progress: StepProgress = lambda step, done: None,
) -> Report:
    """Explain a synthetic scene and say how much of the explanation falls on the true evidence.

    Args:
        model: a classifier; where it knows the scene's class, that class is explained.
        request: method or methods, mask and seed; the scene is drawn from the same seed.
        scene: a name of ``earwitness.synthetic.SCENES``.
        progress: called with a step's name and the share done, 0..1.

    Returns:
        A report whose ``extra`` compares with random maps: the quick methods where one method is chosen, the
        chosen ones where there are several.
    """
    request = request or ExplainRequest()
    made = synthetic.make_scene(scene, seed=request.seed)
    methods = request.methods
    about_a_class = not all(side_by_side.explains_embedding(method, request.settings) for method in methods)
    if request.target is None and made.label in model.labels and about_a_class:
        request = replace(request, target=made.label)
    sections, refusals = explain_window(model, made.clip, request.resolve(model), progress=progress)
    evidence = made.evidence(model.front_end)
    attributions = [section.attribution for section in sections] if len(methods) > 1 else [
        explain(model, made.clip, method, request.target, seed=request.seed, fast=request.fast,
                precision=request.precision) for method in COMPARED]
    return Report(
        clip_name=scene,
        facts={"Scene": f"synthetic {made.label} over a background, {made.snr_db:g} dB signal-to-noise ratio, "
                        f"{made.clip.duration_s:g} s at {made.sample_rate_hz} Hz",
               "Model": f"{model.name}: {model.card.get('summary', '')}", "Method": ", ".join(methods),
               "Mask": request.mask},
        sections=[replace(section, evidence=evidence.to(section.mask)) for section in sections],
        timeline=[],
        settings={"scene": scene, "seed": request.seed, "mask": request.mask, "method": request.method,
                  "front_end": frontends.describe_front_end(model.front_end)},
        command=_command(model, request, scene),
        extra={"Is it true? Share of each explanation on the known evidence": _rows(
            attributions, evidence, request.seed)},
        methods=methods if len(methods) > 1 else (), refusals=refusals,
        notes=side_by_side.embedding_notes(sections),
    )


def _command(model: AudioModel, request: ExplainRequest, scene: str) -> str:
    arguments = ["earwitness", "demo", "--seed", str(request.seed), "--method", request.method, "--mask", request.mask,
                 "--scene", scene]
    if model.name != MODEL:
        arguments += ["--model", model.name]
    return shlex.join(arguments + words_of_method(request))


def _rows(attributions: list[Attribution], evidence: Tensor, seed: int) -> list[tuple[str, str]]:
    """One row per method and one for chance: relevance mass and rank on the evidence (freq, time)."""
    rows = [("the evidence covers", f"{evidence.float().mean():.1%} of the plane")]
    for attribution in attributions:
        values = attribution.values.cpu()
        shares = _shares(relevance_mass(values, evidence), relevance_rank(values, evidence))
        rows.append((attribution.method, shares))
    chance = random_maps(evidence, seed=seed)
    mass, rank = relevance_mass(chance, evidence), relevance_rank(chance, evidence)
    return [*rows, (f"random map (mean of {RANDOM_MAPS})", _shares(mass.mean(), rank.mean()))]


def _shares(mass: Tensor, rank: Tensor) -> str:
    mass_text, rank_text = ("n/a" if share.isnan() else f"{share:.1%}" for share in (mass, rank))
    return f"relevance mass {mass_text}, rank {rank_text}"


def random_maps(like: Tensor, *, seed: int) -> Tensor:
    """Return uniform random maps, (RANDOM_MAPS, freq, time): what an explanation must beat."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(RANDOM_MAPS, *like.shape, generator=generator)
