"""Pak & Teryokhina 2025: four methods, fourteen masks, seven metrics, clean and noisy."""

from typing import Any

import lazy_loader

from earwitness.core import moved

_listed, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "best": ["METRICS", "best_masks"], "published": ["published_plan"], "run": ["run_pak2025"],
    "summary": ["choose", "summarise_metrics"]})


def __getattr__(name: str) -> Any:
    return _listed(name) if name in __all__ else moved.attribute(__name__, name)
