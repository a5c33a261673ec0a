"""What the study runs on, and how thoroughly."""

from __future__ import annotations

from dataclasses import dataclass, field

from earwitness.studies.relax2023.checks import Budget

BACKGROUNDS = ("rain", "sea_waves", "crackling_fire", "helicopter", "chainsaw")


@dataclass(frozen=True)
class Relax2023Plan:
    """What the study runs on.

    Attributes:
        n_clips: recordings of the test fold that are explained, the classes in turn.
        n_scenes: scenes with known evidence, made of the test fold's clips.
        backgrounds: classes whose clips lie under the scenes' events; the others are events.
        snr_db: level of the scenes' events.
        n_posters: sounds of each kind whose maps are drawn.
        effort: how much is computed for each.
        seed: of every draw.
    """

    n_clips: int = 20
    n_scenes: int = 0
    backgrounds: tuple[str, ...] = BACKGROUNDS
    snr_db: float = 10.0
    n_posters: int = 2
    effort: Budget = field(default_factory=Budget)
    seed: int = 0
