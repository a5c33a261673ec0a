"""The demo: explain a scene whose evidence is known, and compare with chance."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from earwitness import frontends, synthetic
from earwitness.methods import explain
from earwitness.metrics import relevance_mass, relevance_rank
from earwitness.models import AudioModel
from earwitness.report.contents import Report
from earwitness.types import Clip
from earwitness.workflow import Choices, explain_clip

SCENE = "clock_tick over hum"
RANDOM_MAPS = 100
COMPARED = ("saliency", "integrated_gradients", "deep_shap", "gradcam")  # the quick ones


def explain_scene(model: AudioModel, choices: Choices | None = None, *, scene: str = SCENE) -> Report:
    """Explain a synthetic scene and say how much of the explanation falls on the true evidence.

    Args:
        model: a classifier; where it knows the scene's class, that class is explained.
        choices: method, mask and seed; the scene is drawn from the same seed.
        scene: a name of ``earwitness.synthetic.SCENES``.

    Returns:
        A report of one method, whose ``extra`` compares it and the quick methods with random maps.
    """
    choices = choices or Choices()
    made = synthetic.make(scene, seed=choices.seed)
    if choices.target is None and made.label in model.labels and choices.method != "relax":
        choices = replace(choices, target=made.label)
    section = explain_clip(model, made.clip, choices)
    evidence = made.evidence(model.front_end)
    return Report(
        clip_name=scene,
        facts={"Scene": f"synthetic {made.label} over a background, {made.snr_db:g} dB signal-to-noise ratio, "
                        f"{made.clip.duration_s:g} s at {made.sample_rate_hz} Hz",
               "Model": f"{model.name}: {model.card.get('summary', '')}", "Method": choices.method,
               "Mask": choices.mask},
        sections=[replace(section, evidence=evidence.to(section.mask))],
        timeline=[],
        settings={"scene": scene, "seed": choices.seed, "mask": choices.mask, "method": choices.method,
                  "front_end": frontends.describe(model.front_end)},
        command=f"earwitness demo --seed {choices.seed} --method {choices.method} --mask {choices.mask} "
                f"--scene '{scene}'",
        extra={"Is it true? Share of each explanation on the known evidence": _rows(
            model, made.clip, evidence, choices)},
    )


def _rows(model: AudioModel, clip: Clip, evidence: Tensor, choices: Choices) -> list[tuple[str, str]]:
    """One row per method and one for chance: relevance mass and rank on the evidence (freq, time)."""
    rows = [("the evidence covers", f"{evidence.float().mean():.1%} of the plane")]
    for method in COMPARED:
        values = explain(model, clip, method, choices.target, seed=choices.seed).values.cpu()
        rows.append((method, _found(relevance_mass(values, evidence), relevance_rank(values, evidence))))
    chance = random_maps(evidence, seed=choices.seed)
    mass, rank = relevance_mass(chance, evidence), relevance_rank(chance, evidence)
    return [*rows, (f"random map (mean of {RANDOM_MAPS})", _found(mass.mean(), rank.mean()))]


def _found(mass: Tensor, rank: Tensor) -> str:
    return f"relevance mass {mass:.1%}, rank {rank:.1%}"


def random_maps(like: Tensor, *, seed: int) -> Tensor:
    """Return uniform random maps, (RANDOM_MAPS, freq, time): what an explanation must beat."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(RANDOM_MAPS, *like.shape, generator=generator)
