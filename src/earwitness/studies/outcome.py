"""What every study returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earwitness.experiments.run import Finished


@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Attributes:
        finished: the run: rows by table, failures, times.
        files: what was written, by name.
        findings: what a person is told first, plain values by name; each study says which.
    """

    finished: Finished
    files: Mapping[str, Path] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
