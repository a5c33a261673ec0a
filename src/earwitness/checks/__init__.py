"""Is it true? Checks that run a method again, and what they come to."""

from earwitness.checks.clip import TITLE, check_clip
from earwitness.checks.completeness import completeness_gap
from earwitness.checks.randomisation import cascade, randomisation
from earwitness.checks.rerun import Rerun
from earwitness.checks.stability import max_sensitivity
from earwitness.checks.verdict import Findings, check_explanation, verdict

__all__ = ["TITLE", "Findings", "Rerun", "cascade", "check_clip", "check_explanation", "completeness_gap",
           "max_sensitivity", "randomisation", "verdict"]
