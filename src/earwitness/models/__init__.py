"""Networks that take features, model cards, and AudioModel, which binds them to a front end."""

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
           "SvdNet", "TokenMaps", "TokenNetwork", "VGGish", "cards", "load_model"]
