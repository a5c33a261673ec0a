"""What is explained: a class, its absence, a contrast, another recording; and the score that stands for it."""

from typing import Any

from earwitness.core import moved
from earwitness.targets import scores
from earwitness.targets.target import (
    Contrast,
    Not,
    ResolvedTarget,
    Target,
    check_range,
    resolve_target,
    with_negated_class,
)

__all__ = ["Contrast", "Not", "ResolvedTarget", "Target", "check_range", "resolve_target", "scores",
           "with_negated_class"]


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
