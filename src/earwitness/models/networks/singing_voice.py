"""SVDNet: is there singing in the middle of an excerpt?"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError

N_BINS = 80
N_FRAMES = 115
STRIDE_FRAMES = 9  # both poolings together
SLOPE = 0.01


class SingingVoiceNet(nn.Module):
    """The singing voice detector that mishra2020 explains: four convolutions and three dense layers.

    Input (batch, 80, 115) of ``SvdLogMel``, the middle frame being the one that is judged; output one logit,
    (batch, 1), for a model with one label and the activation "sigmoid". Every nonlinearity is its own module.

    Attributes:
        map_axes: axes of the feature maps.

    Source: Schlüter & Grill 2015, as in Mishra et al. 2020; layers are numbered as there, poolings included.

    >>> SvdNet().eval()(torch.zeros(2, 80, 115)).shape
    torch.Size([2, 1])
    """

    map_axes: ClassVar[tuple[str, str]] = ("freq", "time")

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(1, 64, 3), nn.LeakyReLU(SLOPE)
        self.conv2, self.act2 = nn.Conv2d(64, 32, 3), nn.LeakyReLU(SLOPE)
        self.pool3 = nn.MaxPool2d(3)
        self.conv4, self.act4 = nn.Conv2d(32, 128, 3), nn.LeakyReLU(SLOPE)
        self.conv5, self.act5 = nn.Conv2d(128, 64, 3), nn.LeakyReLU(SLOPE)
        self.pool6 = nn.MaxPool2d(3)
        self.drop7, self.fc7, self.act7 = nn.Dropout(0.5), nn.Linear(64 * 7 * 11, 256), nn.LeakyReLU(SLOPE)
        self.drop8, self.fc8, self.act8 = nn.Dropout(0.5), nn.Linear(256, 64), nn.LeakyReLU(SLOPE)
        self.drop9, self.fc9 = nn.Dropout(0.5), nn.Linear(64, 1)
        for layer in (self.conv1, self.conv2, self.conv4, self.conv5, self.fc7, self.fc8, self.fc9):
            if not layer.weight.is_meta:
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def embed(self, features: Tensor) -> Tensor:
        """Return the last hidden layer, (batch, 64).

        Raises:
            ParameterError: not (batch, 80, 115).
        """
        if features.ndim != 3 or features.shape[1:] != (N_BINS, N_FRAMES):
            raise ParameterError(f"features has shape {tuple(features.shape)}; expected (batch, {N_BINS}, {N_FRAMES}): "
                                 "excerpts of 115 frames, a window of 36,934 samples")
        return self._dense(self.maps(features).flatten(1))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, 1) of features (batch, 80, 115)."""
        return self._decide(self.embed(features))

    def maps(self, features: Tensor) -> Tensor:
        """Return what the dense layers look at, (batch, 64, 7, steps), of features (batch, 80, time).

        A window of 115 frames has 11 steps; each further 9 frames add one.
        """
        planes: Tensor = self.act5(self.conv5(self.act4(self.conv4(self.pool3(self._first(features))))))
        return self.pool6(planes)  # type: ignore[no-any-return]

    def judge(self, flat: Tensor) -> Tensor:
        """Return logits (n, 1) of the maps of single windows, (n, 64·7·11)."""
        return self._decide(self._dense(flat))

    def slide(self, features: Tensor) -> Tensor:
        """Return a logit for every excerpt of 115 frames in a longer stretch; what excerpts share is computed once.

        Each pooling splits the frames into three phases, so that all shifts are kept: the result is that of calling
        the network on every excerpt, at about a fiftieth of the cost.

        Args:
            features: (80, time), time >= 115.

        Returns:
            (time - 114,): entry t belongs to the frames t..t+114, whose middle is t + 57.
        """
        if features.ndim != 2 or features.shape[0] != N_BINS or features.shape[1] < N_FRAMES:
            raise ParameterError(f"features has shape {tuple(features.shape)}; expected ({N_BINS}, time >= {N_FRAMES})")
        count = features.shape[1] - N_FRAMES + 1
        spare = -count % STRIDE_FRAMES
        planes = self._first(nn.functional.pad(features, (0, spare))[None])
        planes = self.act5(self.conv5(self.act4(self.conv4(_phases(planes, self.pool3)))))
        planes = _phases(planes, self.pool6)  # (phase of pool6 · phase of pool3, 64, 7, steps)
        steps = planes.shape[3] - 10
        excerpts = planes.unfold(3, 11, 1).permute(3, 0, 1, 2, 4).reshape(steps * STRIDE_FRAMES, -1)
        return self.judge(excerpts)[:count, 0]

    def _first(self, features: Tensor) -> Tensor:
        planes = features[:, None].contiguous(memory_format=torch.channels_last)
        first: Tensor = self.act2(self.conv2(self.act1(self.conv1(planes))))
        return first

    def _dense(self, flat: Tensor) -> Tensor:
        hidden: Tensor = self.act8(self.fc8(self.drop8(self.act7(self.fc7(self.drop7(flat))))))
        return hidden

    def _decide(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.fc9(self.drop9(hidden))
        return logits


SvdNet = SingingVoiceNet  # its first name, after the initials of the task


def _phases(planes: Tensor, pool: nn.Module) -> Tensor:
    """Pool from each of the first three frames on: (batch, ..., time) -> (3·batch, ..., time // 3)."""
    length = (planes.shape[3] - 2) // 3 * 3
    return torch.cat([pool(planes[..., phase : phase + length]) for phase in range(3)])
