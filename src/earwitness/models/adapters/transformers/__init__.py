"""Models of Hugging Face transformers, heard as waveforms with their own feature extraction."""

from earwitness.models.adapters.transformers.extractors import differentiable
from earwitness.models.adapters.transformers.loading import from_transformers
from earwitness.models.adapters.transformers.network import TransformersNetwork

__all__ = ["TransformersNetwork", "differentiable", "from_transformers"]
