"""Switch components off by a coalition, put a fill in their place, score the model, estimate one number each."""

from earwitness.perturb import coalitions, components, estimate, fill, sources, superpixels
from earwitness.perturb.components import Components, Segments, Stems
from earwitness.perturb.evaluate import evaluate
from earwitness.perturb.kinds import KINDS, find_components

__all__ = ["KINDS", "Components", "Segments", "Stems", "coalitions", "components", "estimate", "evaluate", "fill",
           "find_components", "sources", "superpixels"]
