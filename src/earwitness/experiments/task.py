"""A plan cut into shards: each is a pure function of the plan and its number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from earwitness.studies.pak2025.plan import Pak2025Plan


@dataclass(frozen=True)
class Job:
    """A plan and where its sounds are; all that a worker is told.

    Attributes:
        plan: what to do.
        data: folder in ESC-50's layout.
        noises: files of the scenarios' noises by scenario.
        front_ends: what the tables call each model's front end, by model.
        device: where the networks run.
    """

    plan: Pak2025Plan
    data: Path
    noises: Mapping[str, Path]
    front_ends: Mapping[str, str]
    device: str = "cpu"


@dataclass(frozen=True)
class Shard:
    """Work that is finished together.

    Attributes:
        index: its number.
        model: one of the plan's models.
        scenario: name of one of the plan's scenarios.
        clips: file names of the data set, in its order.
    """

    index: int
    model: str
    scenario: str
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What became of a shard.

    Attributes:
        index: the shard's number.
        rows: one per clip, method and mask, or per failure; plain values.
        attributions: explanations (freq, time) in half precision by "clip/method", where the plan keeps them.
        seconds: how long it took, in all ("total") and at the floor: bare passes of the network ("floor").
    """

    index: int
    rows: Sequence[Mapping[str, Any]]
    attributions: Mapping[str, np.ndarray] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


class DoesShards(Protocol):
    """Anything that does one shard."""

    def do(self, shard: Shard) -> Result:
        """Return the shard's rows."""
        ...


def cut(plan: Pak2025Plan, clips: Sequence[str], kinds: Mapping[str, str]) -> tuple[Shard, ...]:
    """Cut a plan into shards: model by model, scenario by scenario, some clips at a time.

    Args:
        plan: what to do.
        clips: file names of the clips to explain.
        kinds: the kind of each model's front end ("mel", "stft"), by model.

    Returns:
        The shards; their rows, one after the other, do not depend on the plan's shard size.
    """
    places = [(model, scenario.name) for model in plan.models for scenario in plan.scenarios
              if scenario.front_ends is None or kinds[model] in scenario.front_ends]
    pieces = [tuple(clips[first : first + plan.shard_size]) for first in range(0, len(clips), plan.shard_size)]
    wanted = [(model, scenario, piece) for model, scenario in places for piece in pieces]
    return tuple(Shard(index, *words) for index, words in enumerate(wanted))


def seed_of(*words: str | int) -> int:
    """Return a seed that depends on nothing but these words, 0 to 2³² - 1.

    >>> seed_of(0, "dog.wav", "clean", "lime") == seed_of(0, "dog.wav", "clean", "lime")
    True
    """
    return int(digest(list(words))[:8], 16)


def digest(content: object) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
