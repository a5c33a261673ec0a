"""Plain series: what is switched off is a gain on a plane that the user chooses.

A series (channels, time) has no spectrogram. Its plane holds gains instead, all of them 1; a mask makes them smaller,
and the network hears the series with those gains applied: on the samples, on the Fourier transform, or on the
short-time Fourier transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.frontends import FrontEnd
from earwitness.frontends.stft import Stft

MAX_N_FFT = 256


@dataclass(frozen=True)
class GainPlane(FrontEnd):
    """A plane of gains over a series; stands where a front end stands.

    Attributes:
        kind: "time": rows are channels, columns samples. "frequency": rows are Fourier bins, columns channels.
            "time_frequency": rows are Fourier bins, columns frames, shared by all channels.
        n_channels: of the series.
        length_samples: of the series.
        sample_rate_hz: samples per second; any unit of time will do.
        n_fft: Fourier length of "time_frequency"; its frames are a quarter apart.
    """

    kind: str
    n_channels: int
    length_samples: int
    sample_rate_hz: float = 1.0  # type: ignore[assignment]
    n_fft: int = MAX_N_FFT
    silence: ClassVar[float] = 0.0
    unit: ClassVar[str] = "gain"

    def __post_init__(self) -> None:
        if self.kind not in PLANES:
            raise unknown_name("plane", self.kind, PLANES)

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform of "time_frequency"."""
        return Stft(self.n_fft, max(1, self.n_fft // 4), self.n_fft)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the plane."""
        length = self.length_samples
        return {"time": (self.n_channels, length), "frequency": (length // 2 + 1, self.n_channels),
                "time_frequency": (self.n_fft // 2 + 1, 1 + length // self.stft.hop_samples)}[self.kind]

    @property
    def frequencies_hz(self) -> Tensor:
        """Frequency of each row; on the plane "time" the number of the channel."""
        n_rows = self.shape[0]
        if self.kind == "time":
            return torch.arange(n_rows, dtype=torch.float64)
        length = self.length_samples if self.kind == "frequency" else self.n_fft
        return torch.arange(n_rows, dtype=torch.float64) * (self.sample_rate_hz / length)

    def times_s(self, n_frames: int) -> Tensor:
        """Time of each column; on the plane "frequency" the number of the channel."""
        step = {"time": 1 / self.sample_rate_hz, "frequency": 1.0,
                "time_frequency": self.stft.hop_samples / self.sample_rate_hz}[self.kind]
        return torch.arange(n_frames, dtype=torch.float64) * step

    def from_stft(self, stft: Tensor) -> Tensor:
        """Gains of 1 for every bin of a spectrum."""
        return torch.ones_like(stft.real)

    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Gains as they act on power."""
        return values.square() * mask

    def to_linear(self, values: Tensor) -> Tensor:
        """Gains are linear."""
        return values

    def project(self, mask: Tensor) -> Tensor:
        """A mask acts on its own rows."""
        return mask


class GainedNetwork(nn.Module):
    """A network that hears one series with gains applied.

    Attributes:
        network: (batch, channels, time) -> logits or embeddings (batch, n).
    """

    def __init__(self, network: nn.Module, series: Tensor, plane: GainPlane, baseline: Tensor) -> None:
        """Keep the series, (channels, time), and what stands for nothing, (channels, 1)."""
        super().__init__()
        self.network, self.plane = network, plane
        self.register_buffer("series", series - baseline, persistent=False)
        self.register_buffer("baseline", baseline, persistent=False)

    def hear(self, gains: Tensor) -> Tensor:
        """Return the series with gains (batch, rows, columns) applied, (batch, channels, time)."""
        series: Tensor = self.series  # type: ignore[assignment]
        return PLANES[self.plane.kind](series, gains, self.plane) + self.baseline  # type: ignore[operator]

    def forward(self, gains: Tensor) -> Tensor:
        """Return what the network says of the series with gains applied."""
        answer: Tensor = self.network(self.hear(gains))
        return answer

    def embed(self, gains: Tensor) -> Tensor:
        """Return embeddings; the network's own output where it has no ``embed``."""
        embed: Callable[[Tensor], Tensor] = getattr(self.network, "embed", self.network)
        return embed(self.hear(gains))


def _on_samples(series: Tensor, gains: Tensor, plane: GainPlane) -> Tensor:
    return series[None] * gains


def _on_fourier(series: Tensor, gains: Tensor, plane: GainPlane) -> Tensor:
    changed: Tensor = torch.fft.irfft(torch.fft.rfft(series)[None] * gains.transpose(1, 2), n=plane.length_samples)
    return changed


def _on_stft(series: Tensor, gains: Tensor, plane: GainPlane) -> Tensor:
    spectra = plane.stft.transform(series)[None] * gains[:, None]
    changed = plane.stft.inverse(spectra.flatten(0, 1), plane.length_samples)
    return changed.view(len(gains), plane.n_channels, -1)


PLANES: dict[str, Callable[[Tensor, Tensor, GainPlane], Tensor]] = {
    "time": _on_samples, "frequency": _on_fourier, "time_frequency": _on_stft,
}


def plane_of(series: Tensor, kind: str, *, sample_rate_hz: float = 1.0, n_fft: int | None = None) -> GainPlane:
    """Return the plane of a series.

    Args:
        series: (channels, time).
        kind: a name of ``PLANES``.
        sample_rate_hz: samples per second.
        n_fft: Fourier length of "time_frequency"; None takes an eighth of the series, a power of 2, at most 256.

    Raises:
        ParameterError: not (channels, time), or too short for the plane.
    """
    if not isinstance(series, Tensor) or series.ndim != 2 or not series.is_floating_point() or series.shape[1] < 2:
        got = f"{series.dtype} of shape {tuple(series.shape)}" if isinstance(series, Tensor) else type(series).__name__
        raise ParameterError(f"series is {got}; expected a floating tensor (channels, time) with at least 2 samples")
    if not bool(torch.isfinite(series).all()):
        raise ParameterError("series has NaN or infinite values; expected finite ones")
    length = series.shape[1]
    chosen = n_fft or min(MAX_N_FFT, max(4, 2 ** (max(4, length // 8).bit_length() - 1)))
    plane = GainPlane(kind, series.shape[0], length, sample_rate_hz, chosen)
    if kind == "time_frequency" and length < plane.stft.min_samples:
        raise ParameterError(f"series has {length} samples; expected at least {plane.stft.min_samples} for "
                             f"n_fft {chosen}")
    return plane
