"""Exact reuse inside a network: what coalitions of parts share is computed once."""

from earwitness.perturb.receptive_field.checked import reuse
from earwitness.perturb.receptive_field.parts import SeparableParts, separable_parts
from earwitness.perturb.receptive_field.piecewise import CannotReuse
from earwitness.perturb.receptive_field.receptive_field import ReceptiveField

__all__ = ["CannotReuse", "ReceptiveField", "SeparableParts", "reuse", "separable_parts"]
