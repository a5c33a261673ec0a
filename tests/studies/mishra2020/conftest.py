import pytest
import torch

import earwitness as ew
from earwitness.models import SingingVoiceNet
from earwitness.training import borrowed_rng
from tests.datasets.songs_on_disk import sound, write_lyrics

WINDOW_S = 36934 / 22050


@pytest.fixture(scope="session")
def detector():
    """A detector with random weights whose logits are spread over both decisions."""
    with borrowed_rng(4):
        network = SingingVoiceNet().eval()
    model = ew.AudioModel(network, ew.frontends.SingingVoiceLogMel(mean=[-5.0] * 80, std=[1.5] * 80, minimum=-7.4),
                          labels=["vocal"], activation="sigmoid", window_s=WINDOW_S, name="random")
    calm, sung = (torch.from_numpy(sound(WINDOW_S, where)).float() for where in ([], [(0.0, 9.0)]))
    with torch.no_grad():
        low, high = (network(model.features(ew.Clip(each, 22050)).values)[0, 0] for each in (calm, sung))
        slope = 4 / (high - low)  # from -0.4 to 3.6, whatever was drawn
        network.fc9.bias.copy_(slope * (network.fc9.bias - low) - 0.4)
        network.fc9.weight *= slope
    return model


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    songs = {"one": (9.0, [(2.5, 5.0)]), "two": (9.0, [(1.0, 4.0), (6.5, 8.5)])}
    return write_lyrics(tmp_path_factory.mktemp("songs") / "data", songs)


class Loud(torch.nn.Module):
    """A classifier that any model could be: how loud are the columns, on average, over a threshold."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.05))

    def forward(self, features):
        return (self.scale * (features.mean((1, 2)) + 62))[:, None]


@pytest.fixture(scope="session")
def loudness_model():
    return ew.AudioModel(Loud(), ew.frontends.MelDb(22050, 512, 256, 16, 50, 8000), labels=["loud"],
                         activation="sigmoid", window_s=79 * 256 / 22050, name="loudness")  # 80 frames: equal parts
