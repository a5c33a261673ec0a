"""Networks that take features, model cards, and AudioModel, which binds them to a front end."""

from earwitness.models.audio_model import AudioModel
from earwitness.models.band_norm import BandNorm
from earwitness.models.catalogue import ARCHITECTURES, Card, cards, load_model
from earwitness.models.cnn14 import Cnn14
from earwitness.models.frames import Frames
from earwitness.models.small_cnn import SmallCnn
from earwitness.models.svdnet import SvdNet
from earwitness.models.token_maps import TokenMaps, TokenNetwork
from earwitness.models.vggish import VGGish

__all__ = ["ARCHITECTURES", "AudioModel", "BandNorm", "Card", "Cnn14", "Frames", "SmallCnn", "SvdNet", "TokenMaps",
           "TokenNetwork", "VGGish", "cards", "load_model"]
