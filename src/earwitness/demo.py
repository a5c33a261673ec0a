"""The demo: explain a scene whose evidence is known, and compare with chance."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from earwitness import frontends, synthetic
from earwitness.metrics import relevance_mass, relevance_rank
from earwitness.models import AudioModel
from earwitness.report.contents import Report
from earwitness.workflow import Choices, explain_clip

SCENE = "clock_tick over hum"
RANDOM_MAPS = 100


def explain_scene(model: AudioModel, choices: Choices | None = None, *, scene: str = SCENE) -> Report:
    """Explain a synthetic scene and say how much of the explanation falls on the true evidence.

    Args:
        model: a classifier that knows the scene's class.
        choices: method, mask and seed; the scene is drawn from the same seed.
        scene: a name of ``earwitness.synthetic.SCENES``.

    Returns:
        A report whose ``extra`` compares the explanation with random maps.
    """
    choices = choices or Choices()
    made = synthetic.make(scene, seed=choices.seed)
    section = explain_clip(model, made.clip, choices)
    evidence = made.evidence(model.front_end)
    values = section.attribution.values.cpu()
    chance = random_maps(values, seed=choices.seed)
    found = {
        "share of the explanation on the true evidence (relevance mass)":
            (relevance_mass(values, evidence), relevance_mass(chance, evidence).mean()),
        "share of the true evidence in the explanation's top (relevance rank)":
            (relevance_rank(values, evidence), relevance_rank(chance, evidence.expand(chance.shape)).mean()),
    }
    rows = [("the true evidence covers", f"{evidence.float().mean():.1%} of the plane")]
    rows += [(name, f"{ours:.1%} (random map: {theirs:.1%})") for name, (ours, theirs) in found.items()]
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
        extra={"Is it true? The evidence of this scene is known": rows},
    )


def random_maps(like: Tensor, *, seed: int) -> Tensor:
    """Return uniform random maps, (RANDOM_MAPS, freq, time): what an explanation must beat."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(RANDOM_MAPS, *like.shape, generator=generator, dtype=like.dtype)
