"""What every study returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.core.atomic_files import replacing
from earwitness.experiments.run import Finished

if TYPE_CHECKING:
    from pandas import DataFrame


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


def write_failures(failures: DataFrame, out: Path) -> None:
    """Write ``failures.csv``; where nothing failed, there is none, not even of an earlier run."""
    path = out / "failures.csv"
    if not len(failures):
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary:
        failures.to_csv(temporary, index=False)
