"""Numbers to pixels: spectrogram, explanation and mask as pictures. Colours are decided here and nowhere else."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float64]
Pixels = NDArray[np.uint8]

LEVEL_COLOURS = ("#0c0d10", "#33363d", "#6d717a", "#a9acb2", "#ecebe6")
FOR_COLOUR = "#ff7a1a"
AGAINST_COLOUR = "#2b9dff"
KEPT_COLOUR = "#22c58b"
UNCERTAIN_COLOUR = "#d46cf0"
TRUE_COLOUR = "#ffd91f"
SHOWN_RANGE_DB = 80.0


@dataclass(frozen=True)
class EvidenceScale:
    """What the colours of an explanation mean.

    Attributes:
        signed: there is evidence against the target too; zero is transparent.
        low: value that is transparent (unsigned) or fully coloured against the target (signed).
        high: value that is fully coloured for the target.
    """

    signed: bool
    low: float
    high: float


def to_array(values: Tensor, *, instead: float = 0.0) -> Values:
    """Return a tensor (freq, time) as float64, ``instead`` where it is not finite."""
    array: Values = values.detach().cpu().double().numpy()
    return np.where(np.isfinite(array), array, instead)


def level_range(levels: Values, *, floor: float, unit: str) -> tuple[float, float]:
    """Return the levels drawn darkest and brightest: nearly all of the sound, at most 80 dB.

    Args:
        levels: spectrogram, (freq, time).
        floor: level of silence.
        unit: unit of the levels.

    >>> level_range(np.array([[-100.0, -40.0, 20.0]]), floor=-100.0, unit="dB")
    (-60.0, 20.0)
    """
    high = float(levels.max())
    low = max(floor, float(np.quantile(levels, 0.02)))
    if unit == "dB":
        low = max(low, high - SHOWN_RANGE_DB)
    return (low, high) if high - low > 1e-6 else (high - 1.0, high)


def paint_levels(levels: Values, low: float, high: float) -> Pixels:
    """Colour a spectrogram, quiet dark and loud bright.

    Args:
        levels: (freq, time).
        low: drawn darkest, and everything below.
        high: drawn brightest, and everything above.

    Returns:
        RGBA, (freq, time, 4), rows as in ``levels``.
    """
    level_share = np.clip((levels - low) / (high - low), 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(LEVEL_COLOURS))
    anchors = np.array([_rgb(colour) for colour in LEVEL_COLOURS])
    channels = [np.interp(level_share, stops, anchors[:, c]) for c in range(3)]
    return np.stack([*channels, np.full_like(level_share, 255.0)], axis=-1).round().astype(np.uint8)


def evidence_scale(evidence: Values) -> EvidenceScale:
    """Return the scale of an explanation: the few largest values share the full colour.

    >>> evidence_scale(np.array([[-1.0, 0.0], [0.0, 4.0]]))
    EvidenceScale(signed=True, low=-4.0, high=4.0)
    """
    signed = bool((evidence < 0).any())
    low = 0.0 if signed else float(evidence.min())
    sizes = np.abs(evidence - low)
    sizes = sizes[sizes > 0]
    size = float(np.quantile(sizes, 0.995, method="higher")) if sizes.size else 0.0
    return EvidenceScale(signed, -size if signed else low, size if signed else low + size)


def paint_evidence(evidence: Values, scale: EvidenceScale) -> Pixels:
    """Colour an explanation: one colour for the target, another against it, the fainter the weaker.

    Args:
        evidence: (freq, time).
        scale: of the same explanation.

    Returns:
        RGBA, (freq, time, 4).
    """
    zero = 0.0 if scale.signed else scale.low
    size = scale.high - zero
    strength = np.clip((evidence - zero) / size, -1.0, 1.0) if size > 0 else np.zeros_like(evidence)
    pixels = paint_share(np.abs(strength), FOR_COLOUR)
    pixels[strength < 0, :3] = _rgb(AGAINST_COLOUR)
    return pixels


def paint_share(share: Values, colour: str) -> Pixels:
    """Colour a share, transparent at 0 and opaque at 1.

    Args:
        share: (freq, time) in [0, 1].
        colour: "#rrggbb".

    Returns:
        RGBA, (freq, time, 4).
    """
    pixels = np.empty((*share.shape, 4), dtype=np.uint8)
    pixels[..., :3] = _rgb(colour)
    pixels[..., 3] = (255 * np.clip(share, 0.0, 1.0)).round().astype(np.uint8)
    return pixels


def png_bytes(pixels: Pixels) -> bytes:
    """Encode a picture as PNG with the first row at the bottom, where low frequencies belong.

    Args:
        pixels: RGBA, (freq, time, 4), lowest frequency first.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 4 * width), dtype=np.uint8)
    rows[:, 1:] = pixels[::-1].reshape(height, 4 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def data_uri(data: bytes, media_type: str) -> str:
    """Return bytes as a URI that needs no network.

    >>> data_uri(b"ab", "text/plain")
    'data:text/plain;base64,YWI='
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
