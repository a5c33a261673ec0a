"""A method and a fill of one's own."""

from earwitness.methods import METHODS, Evidence, method
from earwitness.perturb.fills import FILLS, Fill


@method(needs="outputs", ranges={"sharpness": (0.0, 10.0)}, summary="nothing: the loudest bins")
def loudest(score, features, *, sharpness: float = 1.0) -> Evidence:
    """Take the loudest bins for the evidence: what any method should beat."""
    level = features.values - features.values.mean((1, 2), keepdim=True)
    return Evidence(level.sign() * level.abs() ** sharpness)


METHODS["loudest"] = loudest
FILLS["median"] = Fill(lambda c: c.values.median(2, keepdim=True).values, "the median over time of each row")
