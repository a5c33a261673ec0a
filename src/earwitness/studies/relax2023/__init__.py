"""Hammershøi, Salli & Bonvin 2023: what an embedding listens to, how sure we are, and whether it is true."""

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

__all__ = ["Accuracy", "EmbeddingClassifier", "Fitted", "check_parquet", "embed_clip", "embed_files", "embed_windows",
           "fit_classifier", "measure_accuracy", "write_table"]
