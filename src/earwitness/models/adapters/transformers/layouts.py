"""Where the tokens of the published architectures lie in time and frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError
from earwitness.models.adapters.transformers.extractors import (
    AST_FRAME,
    AST_HOP,
    AstFilterBank,
    ClapLogMel,
    Extractor,
    RawWaveform,
    WhisperLogMel,
)
from earwitness.models.token_maps import TokenMaps


@dataclass(frozen=True)
class TokenLayout:
    """How a transformer lays out its tokens; this one is for tokens on time, one row.

    Attributes:
        encoder: the module that holds the layers.
        layers: those whose tokens the answer depends on, by the name they have in the encoder.
        hop_s: seconds from token to token.
        first_s: centre of the first token in seconds.
    """

    encoder: nn.Module
    layers: dict[str, nn.Module]
    hop_s: float
    first_s: float

    def maps(self, tokens: Tensor) -> TokenMaps:
        """Put tokens (batch, tokens, channels) in their places."""
        times = self.first_s + self.hop_s * torch.arange(tokens.shape[1], dtype=torch.float64)
        return TokenMaps(tokens.transpose(1, 2)[:, :, None], None, times)

    def pooled(self, n_tokens: int) -> Tensor:
        """Return the share each token has in what the answer is made from, (n_tokens,): here the mean."""
        return torch.full((n_tokens,), 1 / n_tokens)

    def attention_modules(self) -> list[nn.Module]:
        """Return the self-attention of each layer, first to last."""
        blocks: Any = self.encoder.layers
        return [next(module for module in block.modules() if type(module).__name__.endswith("Attention"))
                for block in blocks]


@dataclass(frozen=True)
class PatchLayout(TokenLayout):
    """AST: two tokens that sum up, then patches of the mel spectrogram, row by row.

    The answer is read from the first two tokens, so that the patches behind the last layer do not count.

    Attributes:
        row_hz: centre of each row of patches in Hz.
    """

    row_hz: Tensor

    def maps(self, tokens: Tensor) -> TokenMaps:
        """Put the patch tokens in their places."""
        patches = tokens[:, 2:].transpose(1, 2)
        grid = patches.reshape(*patches.shape[:2], len(self.row_hz), -1)
        times = self.first_s + self.hop_s * torch.arange(grid.shape[3], dtype=torch.float64)
        return TokenMaps(grid, self.row_hz, times)

    def pooled(self, n_tokens: int) -> Tensor:
        """Half of each of the first two tokens."""
        shares = torch.zeros(n_tokens)
        shares[:2] = 0.5
        return shares


@dataclass(frozen=True)
class FoldedLayout(TokenLayout):
    """CLAP: the spectrogram is cut in time into parts, which lie above one another in a square image.

    Attributes:
        parts: number of parts; ``hop_s`` and ``first_s`` belong to the columns of the unfolded spectrogram.
        columns: of the unfolded spectrogram.
        band_hz: centre of each of its rows in Hz.
    """

    parts: int
    columns: int
    band_hz: Tensor

    def maps(self, tokens: Tensor) -> TokenMaps:
        """Unfold the image."""
        side = math.isqrt(tokens.shape[1])
        image = tokens.transpose(1, 2).reshape(len(tokens), -1, self.parts, side // self.parts, side)
        grid = image.transpose(2, 3).flatten(3)
        rows = _centres(side // self.parts, len(self.band_hz))
        columns = _centres(grid.shape[3], self.columns)
        row_hz = np.interp(rows.numpy(), np.arange(len(self.band_hz)), self.band_hz.numpy())
        return TokenMaps(grid, torch.from_numpy(row_hz), self.first_s + self.hop_s * columns)

    def attention_modules(self) -> list[nn.Module]:
        """Refuse: tokens only see their window."""
        raise ParameterError("attention rollout does not fit CLAP, whose tokens see only windows of the image; "
                             "use gradcam")


def layout_of(model: Any, extractor: Extractor) -> TokenLayout:
    """Return the layout of a transformers model.

    Raises:
        ParameterError: model and extractor do not belong together, or an architecture that is not known here.
    """
    base, kind = model.base_model, str(model.config.model_type)
    rate = extractor.sample_rate_hz
    if kind == "audio-spectrogram-transformer" and isinstance(extractor, AstFilterBank):
        return _patches(base, extractor)
    if kind == "whisper" and isinstance(extractor, WhisperLogMel):
        encoder = base if hasattr(base, "conv2") else base.encoder
        return TokenLayout(encoder, _listed(encoder), 2 * extractor.stft.hop_samples / rate, 0.0)
    if kind in ("clap", "clap_audio_model") and isinstance(extractor, ClapLogMel):
        return _folded(model, extractor)
    if hasattr(model.config, "conv_stride") and isinstance(extractor, RawWaveform):
        if getattr(base, "adapter", None) is not None or getattr(model.config, "squeeze_factor", 1) != 1:
            raise ParameterError(f"model is a {type(model).__name__} that shortens its tokens; expected one without "
                                 "adapter or squeezing")
        hop, first = _strides(model.config)
        return TokenLayout(base.encoder, _listed(base.encoder), hop / rate, first / rate)
    raise ParameterError(f"model is a {type(model).__name__} ({kind}) with the inputs of {type(extractor).__name__}; "
                         "expected AST, wav2vec 2.0, HuBERT, WavLM, Whisper or CLAP with its own feature extractor")


def shortest_samples(config: Any) -> int:
    """Return the samples under one token of a convolutional feature encoder."""
    length = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        length = (length - 1) * stride + kernel
    return length


def _patches(base: Any, extractor: AstFilterBank) -> PatchLayout:
    config = base.config
    rows = base.embeddings.get_shape(config)[0]
    middle = (config.patch_size - 1) / 2
    bands = np.arange(rows) * config.frequency_stride + middle
    row_hz = np.interp(bands, np.arange(len(extractor.row_hz)), extractor.row_hz.numpy())
    rate = extractor.sample_rate_hz
    layers = {"embeddings": base.embeddings} | dict(list(_listed(base).items())[:-1])
    return PatchLayout(base, layers, config.time_stride * AST_HOP / rate, (middle * AST_HOP + AST_FRAME / 2) / rate,
                       torch.from_numpy(row_hz))


def _folded(model: Any, extractor: ClapLogMel) -> FoldedLayout:
    audio = getattr(model, "audio_model", model)
    encoder = audio.audio_encoder
    if encoder.enable_fusion != extractor.fusion:
        raise ParameterError(f"model has enable_fusion={encoder.enable_fusion} but feature_extractor "
                             f"{'fuses' if extractor.fusion else 'does not fuse'}; expected the extractor the model "
                             "was published with (truncation='fusion' or 'rand_trunc')")
    blocks = {f"layers.{i}.blocks.{j}": block for i, stage in enumerate(encoder.layers)
              for j, block in enumerate(stage.blocks)}
    columns = encoder.spec_size * encoder.freq_ratio
    frames = extractor.window_samples // extractor.stft.hop_samples + 1
    stretched_hop_s = (frames - 1) / (columns - 1) * extractor.stft.hop_samples / extractor.sample_rate_hz
    return FoldedLayout(encoder, blocks | {"norm": encoder.norm}, stretched_hop_s, 0.0, encoder.freq_ratio, columns,
                        extractor.row_hz)


def _listed(encoder: Any) -> dict[str, nn.Module]:
    return {f"layers.{i}": layer for i, layer in enumerate(encoder.layers)}


def _strides(config: Any) -> tuple[int, float]:
    """Samples from token to token, and the centre of the first."""
    hop, first = 1, 0.0
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        first += (kernel - 1) / 2 * hop
        hop *= stride
    return hop, first


def _centres(cells: int, length: int) -> Tensor:
    """Centres of cells that share ``length`` places evenly, counted in places from 0."""
    return (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells - 0.5
