"""Networks that take features, model cards, adapters, and AudioModel, which binds a network to a front end."""

from earwitness.models.adapters.function import from_callable
from earwitness.models.adapters.onnx import from_onnx
from earwitness.models.adapters.torchscript import from_torchscript
from earwitness.models.adapters.transformers import from_transformers
from earwitness.models.audio_model import AudioModel
from earwitness.models.catalogue import ARCHITECTURES, Card, cards, load_model
from earwitness.models.frames import Frames
from earwitness.models.networks.band_norm import BandNorm
from earwitness.models.networks.cnn14 import Cnn14
from earwitness.models.networks.singing_voice import SingingVoiceNet, SvdNet
from earwitness.models.networks.small_cnn import SmallCnn
from earwitness.models.networks.vggish import VGGish
from earwitness.models.token_maps import TokenMaps, TokenNetwork

__all__ = ["ARCHITECTURES", "AudioModel", "BandNorm", "Card", "Cnn14", "Frames", "SingingVoiceNet", "SmallCnn",
           "SvdNet", "TokenMaps", "TokenNetwork", "VGGish", "cards", "from_callable", "from_onnx", "from_torchscript",
           "from_transformers", "load_model"]

for _adapter in (from_callable, from_onnx, from_torchscript, from_transformers):
    setattr(AudioModel, _adapter.__name__, staticmethod(_adapter))
