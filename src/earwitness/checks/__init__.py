"""Is it true? Checks that run a method again, and what they come to."""

from typing import Any

from earwitness.checks.bound_method import BoundMethod
from earwitness.checks.clip import TITLE, check_clip
from earwitness.checks.completeness import completeness_gap
from earwitness.checks.randomisation import cascade, randomisation
from earwitness.checks.stability import max_sensitivity
from earwitness.checks.verdict import Findings, check_explanation, verdict
from earwitness.core import moved

__all__ = ["TITLE", "BoundMethod", "Findings", "cascade", "check_clip", "check_explanation", "completeness_gap",
           "max_sensitivity", "randomisation", "verdict"]


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
