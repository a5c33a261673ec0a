"""Pak & Teryokhina 2025: four methods, fourteen masks, seven metrics, clean and noisy."""

from earwitness.studies.pak2025.best import METRICS, best_masks

__all__ = ["METRICS", "best_masks"]
