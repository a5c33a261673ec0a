"""Models of Hugging Face transformers, heard as waveforms with their own feature extraction."""

from earwitness.models.hugging_face.extractors import differentiable
from earwitness.models.hugging_face.loading import from_transformers
from earwitness.models.hugging_face.network import TransformersNetwork

__all__ = ["TransformersNetwork", "differentiable", "from_transformers"]
