"""earwitness shows and plays what a sound model listens to."""

from earwitness import audio, frontends, masks, metrics, models, perturb, scores, studies, synthetic, targets
from earwitness.audio import load
from earwitness.errors import (
    AudioFileError,
    DataError,
    EarwitnessError,
    MissingExtraError,
    ParameterError,
    WeightsError,
)
from earwitness.listen import Heard, listen
from earwitness.methods import METHODS, explain
from earwitness.models import AudioModel, load_model
from earwitness.types import Attribution, Clip, Features

__version__ = "0.1.0"

__all__ = ["METHODS", "Attribution", "AudioFileError", "AudioModel", "Clip", "DataError", "EarwitnessError",
           "Features", "Heard", "MissingExtraError", "ParameterError", "WeightsError", "__version__", "audio",
           "explain", "frontends", "listen", "load", "load_model", "masks", "metrics", "models", "perturb", "scores",
           "studies", "synthetic", "targets"]
