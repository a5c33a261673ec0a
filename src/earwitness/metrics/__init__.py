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
from earwitness.metrics.flipping import Flipping, flip
from earwitness.metrics.intervals import bootstrap_interval, wilson_interval
from earwitness.metrics.localisation import (
    localisation_auc,
    pointing_game,
    relevance_mass,
    relevance_rank,
    top_k_iou,
)
from earwitness.metrics.measure import DOMAINS, Domain, Measures, measure, measure_masks, measures_of
from earwitness.metrics.registry import METRICS, Metric, mask_metrics, sound_metrics
from earwitness.metrics.similarity import rank_correlation

__all__ = ["DOMAINS", "METRICS", "Domain", "Flipping", "Measures", "Metric", "average_drop", "average_gain",
           "average_increase", "bootstrap_interval", "complexity", "faithfulness", "flip", "input_fidelity",
           "is_degenerate", "kept_area", "localisation_auc", "log_spectral_distance", "mask_metrics", "measure",
           "measure_masks", "measures_of", "pesq", "pointing_game", "rank_correlation", "relevance_mass",
           "relevance_rank", "si_sdr", "sound_metrics", "sparseness", "stoi", "top_k_iou", "wilson_interval"]
