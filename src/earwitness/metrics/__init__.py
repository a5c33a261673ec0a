"""How far an explanation can be trusted: tensors in, one number per item out."""

from earwitness.metrics.audio_quality import log_spectral_distance, pesq, si_sdr, stoi
from earwitness.metrics.conciseness import complexity, is_degenerate, kept_area, sparseness
from earwitness.metrics.faithfulness import (
    average_drop,
    average_gain,
    average_increase,
    faithfulness,
    input_fidelity,
)
from earwitness.metrics.localisation import relevance_mass, relevance_rank
from earwitness.metrics.measure import Measures, measure, measure_masks

__all__ = ["Measures", "average_drop", "average_gain", "average_increase", "complexity", "faithfulness",
           "input_fidelity", "is_degenerate", "kept_area", "log_spectral_distance", "measure", "measure_masks", "pesq",
           "relevance_mass", "relevance_rank", "si_sdr", "sparseness", "stoi"]
