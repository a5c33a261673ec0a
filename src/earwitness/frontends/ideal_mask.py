"""The ideal binary mask: where one of two sounds is the louder one."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.types import Clip
from earwitness.frontends.front_end import FrontEnd


def ideal_binary_mask(event: Tensor, background: Tensor, sample_rate_hz: int, front_end: FrontEnd) -> Tensor:
    """Return where an event is louder than its background, on a front end's plane.

    Args:
        event: waveform, (time,).
        background: waveform, (time,).
        sample_rate_hz: of both.
        front_end: the plane on which the mask lies.

    Returns:
        Booleans, (freq, time).

    Source: Wang 2005, with a local criterion of 0 dB.
    """
    stems = torch.stack([event, background]).double()
    at_rate = [audio.resample(Clip(stem, sample_rate_hz), front_end.sample_rate_hz).waveform for stem in stems]
    loud, rest = front_end(torch.stack(at_rate)).values
    louder: Tensor = loud > rest
    return louder
