"""Hammershøi, Salli & Bonvin 2023: what an embedding listens to, how sure we are, and whether it is true."""

from typing import Any

from earwitness.core import moved
from earwitness.studies.relax2023.checks import Budget, run_checks
from earwitness.studies.relax2023.classifier import (
    Accuracy,
    EmbeddingClassifier,
    FittedClassifier,
    fit_classifier,
    measure_accuracy,
)
from earwitness.studies.relax2023.embeddings import (
    check_parquet,
    embed_clip,
    embed_files,
    embed_windows,
    write_table,
)
from earwitness.studies.relax2023.labelled import LabelledClips, read_labelled
from earwitness.studies.relax2023.maps import certain_part, make_maps
from earwitness.studies.relax2023.plan import Relax2023Plan
from earwitness.studies.relax2023.run import read_sounds_and_model, run_relax2023

__all__ = ["Accuracy", "Budget", "EmbeddingClassifier", "FittedClassifier", "LabelledClips", "Relax2023Plan",
           "certain_part", "check_parquet", "embed_clip", "embed_files", "embed_windows", "fit_classifier", "make_maps",
           "measure_accuracy", "read_labelled", "read_sounds_and_model", "run_checks", "run_relax2023", "write_table"]


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
