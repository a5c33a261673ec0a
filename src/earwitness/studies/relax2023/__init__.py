"""Hammershøi, Salli & Bonvin 2023: what an embedding listens to, how sure we are, and whether it is true."""

from earwitness.studies.relax2023.asking import Effort, ask
from earwitness.studies.relax2023.classifier import (
    Accuracy,
    EmbeddingClassifier,
    Fitted,
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
from earwitness.studies.relax2023.labelled import Labelled, read_labelled
from earwitness.studies.relax2023.maps import certain_part, make_maps
from earwitness.studies.relax2023.run import Plan, run_study

__all__ = ["Accuracy", "Effort", "EmbeddingClassifier", "Fitted", "Labelled", "Plan", "ask", "certain_part",
           "check_parquet", "embed_clip", "embed_files", "embed_windows", "fit_classifier", "make_maps",
           "measure_accuracy", "read_labelled", "run_study", "write_table"]
