"""What the study computes, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.perturb.fills import FILLS
from earwitness.studies.mishra2020.surrogate import SAMPLES


@dataclass(frozen=True)
class Mishra2020Plan:
    """How many excerpts, samples and fills.

    Attributes:
        excerpts: random excerpts per song that are explained with every fill.
        stable_excerpts: of these, how many are explained again and again.
        grid_excerpts: of these again, how many are also divided into 6 × 4 parts.
        places: pairs of a sung and an unsung place per song.
        mixes: choices of three parts per pair.
        boundary_places: places per song where singing starts or stops.
        samples: numbers of samples N_s for ten parts.
        grid_samples: numbers of samples for 6 × 4 parts.
        fills: names of fills; empty takes all that the model allows.
        seed: of every draw.

    Source: Mishra et al. 2020: 50 and 25 excerpts per song, ten places, four mixes.
    """

    excerpts: int = 50
    stable_excerpts: int = 25
    grid_excerpts: int = 1
    places: int = 10
    mixes: int = 4
    boundary_places: int = 20
    samples: tuple[int, ...] = SAMPLES
    grid_samples: tuple[int, ...] = (1000, 5000)
    fills: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.excerpts, self.places, self.mixes)
        if min(counts) < 1 or min(self.grid_excerpts, self.boundary_places) < 0 or (
                not 1 <= self.stable_excerpts <= self.excerpts):
            raise ParameterError(f"{self}; expected at least one excerpt, place and mix, and stable_excerpts up to "
                                 "excerpts")
        for samples in (self.samples, self.grid_samples):
            if not samples or min(samples) < 1 or list(samples) != sorted(set(samples)):
                raise ParameterError(f"samples are {samples}; expected rising numbers from 1")
        for name in self.fills:
            if name not in FILLS:
                raise unknown_name("fill", name, FILLS)
