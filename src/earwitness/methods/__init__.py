"""One file per method, and ``explain``, which runs them."""

from earwitness.methods.evidence import Evidence
from earwitness.methods.explain import METHODS, explain
from earwitness.methods.gradcam import convolutions
from earwitness.methods.series import explain_series

__all__ = ["METHODS", "Evidence", "convolutions", "explain", "explain_series"]
