"""What is explained: a class, its absence, a contrast, another recording; and the score that stands for it."""

from typing import Any

from earwitness.core import moved
from earwitness.targets import scores
from earwitness.targets.counted_score import CountedScore, Precision, SharedForward
from earwitness.targets.negated_class import with_negated_class
from earwitness.targets.resolved import (
    ClassTarget,
    EmbeddingTarget,
    ResolvedTarget,
    check_range,
    resolve_class,
    resolve_target,
    score_name,
)
from earwitness.targets.target import Contrast, Not, Target, parse_target

__all__ = ["ClassTarget", "Contrast", "CountedScore", "EmbeddingTarget", "Not", "Precision", "ResolvedTarget",
           "SharedForward", "Target", "check_range", "parse_target", "resolve_class", "resolve_target", "score_name",
           "scores", "with_negated_class"]


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
