"""The bundled network: small enough that a thousand forward passes take seconds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earwitness.models.band_norm import BandNorm
