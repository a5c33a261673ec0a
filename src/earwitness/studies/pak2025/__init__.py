"""Pak & Teryokhina 2025: four methods, fourteen masks, seven metrics, clean and noisy."""

from earwitness.studies.pak2025.best import METRICS, best_masks
from earwitness.studies.pak2025.published import published_plan
from earwitness.studies.pak2025.study import Outcome, run_study
from earwitness.studies.pak2025.summary import choose, summarise

__all__ = ["METRICS", "Outcome", "best_masks", "choose", "published_plan", "run_study", "summarise"]
