"""How far an explanation can be trusted: tensors in, one number per item out."""

from earwitness.metrics.conciseness import complexity, is_degenerate, kept_area, sparseness
from earwitness.metrics.faithfulness import (
    average_drop,
    average_gain,
    average_increase,
    faithfulness,
    input_fidelity,
)
from earwitness.metrics.localisation import relevance_mass, relevance_rank
from earwitness.metrics.measure import Measures, measure

__all__ = ["Measures", "average_drop", "average_gain", "average_increase", "complexity", "faithfulness",
           "input_fidelity", "is_degenerate", "kept_area", "measure", "relevance_mass", "relevance_rank",
           "sparseness"]
