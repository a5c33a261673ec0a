"""Switch components off by a coalition, put a fill in their place, score the model, estimate one number each."""

from typing import Any

from earwitness.core import moved
from earwitness.perturb import coalitions, components, estimators, fills, stems, superpixels
from earwitness.perturb.components import Components, Segments, Stems
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.registry import COMPONENTS, make_components

__all__ = ["COMPONENTS", "Components", "Segments", "Stems", "coalitions", "components", "estimators", "evaluate",
           "fills", "make_components", "stems", "superpixels"]


def __getattr__(name: str) -> Any:
    return moved.attribute(__name__, name)
