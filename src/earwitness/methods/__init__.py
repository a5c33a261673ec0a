"""One file per method, and ``explain``, which runs them."""

from earwitness.methods.evidence import Evidence
from earwitness.methods.explain import explain
from earwitness.methods.gradcam import convolutions
from earwitness.methods.method_spec import MethodSpec, Setting, method, spec_of
from earwitness.methods.registry import METHODS, spec, specs
from earwitness.methods.series import explain_series

__all__ = ["METHODS", "Evidence", "MethodSpec", "Setting", "convolutions", "explain", "explain_series", "method",
           "spec", "spec_of", "specs"]
