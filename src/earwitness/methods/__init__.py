"""One file per method, and ``explain``, which runs them."""

from earwitness.methods.evidence import Evidence
from earwitness.methods.explain import METHODS, explain
from earwitness.methods.gradcam import convolutions, gradcam
from earwitness.methods.saliency import saliency

__all__ = ["METHODS", "Evidence", "convolutions", "explain", "gradcam", "saliency"]
