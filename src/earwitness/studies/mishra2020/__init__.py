"""Mishra, Benetos, Sturm & Dixon 2020: reliable local explanations for machine listening."""

from earwitness.studies.mishra2020.top_component_overlap import common_components, top_components, unique_components

__all__ = ["common_components", "top_components", "unique_components"]
