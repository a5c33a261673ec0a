"""Do the parts of an explanation add up to what they explain?"""

from __future__ import annotations

from earwitness.core.types import Attribution
from earwitness.methods import METHODS, spec

FACT = "completeness_gap"


def completeness_gap(attribution: Attribution, *, score: float) -> float:
    """Return how far an explanation is from adding up to the score, as a share of what it should add up to.

    Args:
        attribution: the explanation of one item.
        score: what the model gave for the whole sound, in the unit that was explained.

    Returns:
        0 for a complete explanation; NaN where the method promises no sum. Methods that measure their own gap
        (``integrated_gradients``, ``deep_shap``) are believed; the parts of others that say they are complete, such as
        Shapley values, are added up here.

    Source: Sundararajan et al. 2017, axiom of completeness; Lundberg & Lee 2017, local accuracy.
    """
    measured_gaps = attribution.settings.get(FACT)
    if measured_gaps:
        return max(abs(float(gap)) for gap in measured_gaps)
    complete = attribution.method in METHODS and spec(attribution.method).complete
    if not complete or attribution.components is None:
        return float("nan")
    promised = score - float(attribution.components.intercept)
    return abs(float(attribution.components.weights.sum()) - promised) / max(abs(promised), 1e-12)
