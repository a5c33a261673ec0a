"""Front ends: waveform -> what the network hears -> waveform."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import librosa
import numpy as np
import torch
from torch import Tensor

from earwitness.errors import ParameterError, unknown_name
from earwitness.frontends.mel import MelScale, mel_filters, project_to_bins, unmel_least_squares
from earwitness.frontends.stft import Stft
from earwitness.types import Features

Inversion = Literal["projection", "least_squares"]
MIN_POWER = 1e-10


class FrontEnd(ABC):
    """What every front end shares: an STFT below, values above, and a way back.

    Attributes:
        sample_rate_hz: rate of the waveforms it takes.
        silence: the value that digital silence has, in the front end's unit.
        unit: unit of the values, for axes and colour bars.
    """

    sample_rate_hz: int
    silence: ClassVar[float]
    unit: ClassVar[str]

    @property
    @abstractmethod
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""

    @property
    @abstractmethod
    def frequencies_hz(self) -> Tensor:
        """Centre frequency of each row in Hz, (freq,)."""

    @abstractmethod
    def from_stft(self, stft: Tensor) -> Tensor:
        """Values (batch, freq, time) of a complex spectrum (batch, bins, time)."""

    @abstractmethod
    def to_power(self, values: Tensor) -> Tensor:
        """Fourier power (batch, bins, time) of values (batch, freq, time): exact, or least squares for mel."""

    @abstractmethod
    def project(self, mask: Tensor) -> Tensor:
        """Carry a mask (..., freq, time) to Fourier bins (..., bins, time)."""

    @property
    def n_bins(self) -> int:
        """Number of rows of the features."""
        return int(self.frequencies_hz.numel())

    def times_s(self, n_frames: int) -> Tensor:
        """Centre of each column in seconds, (n_frames,)."""
        offset = 0.0 if self.stft.centred else self.stft.win_samples / 2
        return (torch.arange(n_frames, dtype=torch.float64) * self.stft.hop_samples + offset) / self.sample_rate_hz

    def __call__(self, waveform: Tensor) -> Features:
        """Return the features of a waveform; differentiable.

        Args:
            waveform: (batch, time), full scale ±1, at ``sample_rate_hz``.
        """
        stft = self.stft.transform(waveform)
        return Features(self.from_stft(stft), stft, waveform.shape[-1])

    def inverse(
        self, features: Features, mask: Tensor | None = None, *, inversion: Inversion = "projection"
    ) -> Tensor:
        """Return the sound of features, all of it or what a mask keeps; differentiable.

        Args:
            features: of this front end.
            mask: (freq, time) or (batch, freq, time) in [0, 1]; None keeps everything.
            inversion: "projection" carries the mask to Fourier bins and scales the complex spectrum there
                (exact for a mask of ones); "least_squares" is the published route: blend the values towards
                silence, undo the decibels and the mel bands, and borrow the phase.

        Returns:
            (batch, time).

        Raises:
            ParameterError: the mask's last two axes are not those of the features, or an unknown inversion.

        Source: Pak & Teryokhina 2025, fig. 1. Differs: projection is ours.
        """
        if mask is not None and mask.shape[-2:] != features.values.shape[-2:]:
            raise ParameterError(
                f"mask has shape {tuple(mask.shape)} but features {tuple(features.values.shape)}; "
                "last two axes must match"
            )
        if inversion == "projection":
            spectrum = features.stft if mask is None else features.stft * self.project(mask.to(features.values))
        elif inversion == "least_squares":
            values = features.values if mask is None else blend(features.values, mask, fill=self.silence)
            spectrum = torch.polar(self.to_power(values).sqrt(), features.stft.angle())
        else:
            raise unknown_name("inversion", inversion, ("projection", "least_squares"))
        return self.stft.inverse(spectrum, features.length_samples)


def blend(values: Tensor, mask: Tensor, *, fill: Tensor | float) -> Tensor:
    """Keep ``values`` where the mask is 1 and put ``fill`` where it is 0: (x - s)·m + s.

    >>> blend(torch.tensor([-20.0, -20.0]), torch.tensor([1.0, 0.5]), fill=-100.0)
    tensor([-20., -60.])
    """
    return (values - fill) * mask + fill


def _power(stft: Tensor) -> Tensor:
    return torch.view_as_real(stft).square().sum(-1)


def _decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=MIN_POWER))


@dataclass(frozen=True)
class StftDb(FrontEnd):
    """Power spectrogram in decibels: 10·log10(max(|STFT|², 1e-10)), floor -100 dB, no top_db.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples.

    Source: Pak & Teryokhina 2025, sec. III-A.

    >>> front_end = StftDb(16000, 512, 256)
    >>> front_end(torch.zeros(1, 80000)).values.shape
    torch.Size([1, 257, 313])
    """

    sample_rate_hz: int = 16000
    n_fft: int = 512
    hop_samples: int = 256
    silence: ClassVar[float] = -100.0
    unit: ClassVar[str] = "dB"

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.n_fft)

    @property
    def frequencies_hz(self) -> Tensor:
        """Frequency of each Fourier bin in Hz, (freq,)."""
        return torch.arange(self.n_fft // 2 + 1, dtype=torch.float64) * (self.sample_rate_hz / self.n_fft)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Power in dB, (batch, bins, time)."""
        return _decibels(_power(stft))

    def to_power(self, values: Tensor) -> Tensor:
        """Undo the decibels."""
        return 10 ** (values / 10)

    def project(self, mask: Tensor) -> Tensor:
        """Return the mask itself: rows are Fourier bins."""
        return mask


class _Mel(FrontEnd):
    """What the two mel front ends share: the filter bank."""

    n_fft: int
    hop_samples: int
    n_mels: int
    f_min_hz: float
    f_max_hz: float

    def filters(self, like: Tensor) -> Tensor:
        """Mel filters, (n_mels, bins), in the dtype and on the device of ``like``."""
        return mel_filters(sample_rate_hz=self.sample_rate_hz, n_fft=self.n_fft, n_mels=self.n_mels,
                           f_min_hz=self.f_min_hz, f_max_hz=self.f_max_hz, mel_scale=self._scale, like=like)

    @property
    def _scale(self) -> MelScale:
        return "htk"

    @property
    def frequencies_hz(self) -> Tensor:
        """Centre of each mel band in Hz, (freq,)."""
        centres = librosa.mel_frequencies(
            self.n_mels + 2, fmin=self.f_min_hz, fmax=self.f_max_hz, htk=self._scale != "slaney"
        )
        return torch.from_numpy(np.asarray(centres[1:-1], dtype=np.float64))

    def project(self, mask: Tensor) -> Tensor:
        """Spread a mask over mel bands (..., freq, time) to Fourier bins; see ``project_to_bins``."""
        return project_to_bins(mask, self.filters(mask))


@dataclass(frozen=True)
class MelDb(_Mel):
    """Mel power spectrogram in decibels: 10·log10(max(mel·|STFT|², 1e-10)), floor -100 dB, no top_db.

    Attributes:
        sample_rate_hz: samples per second.
        n_fft: Fourier length and window length, samples.
        hop_samples: step between frames, samples.
        n_mels: number of bands.
        f_min_hz: lower edge of the first band, Hz.
        f_max_hz: upper edge of the last band, Hz.
        mel_scale: "htk" (no norm, pak2025) or "slaney" (Slaney norm, PANNs).

    Source: Pak & Teryokhina 2025, sec. III-A; Kong et al. 2020 for "slaney".

    >>> front_end = MelDb(32000, 1024, 320, 64, 50, 14000)
    >>> front_end(torch.zeros(1, 160000)).values.shape
    torch.Size([1, 64, 501])
    """

    sample_rate_hz: int = 32000
    n_fft: int = 1024
    hop_samples: int = 320
    n_mels: int = 64
    f_min_hz: float = 50.0
    f_max_hz: float = 14000.0
    mel_scale: MelScale = "htk"
    silence: ClassVar[float] = -100.0
    unit: ClassVar[str] = "dB"

    @property
    def _scale(self) -> MelScale:
        return self.mel_scale

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.n_fft)

    def from_stft(self, stft: Tensor) -> Tensor:
        """Mel power in dB, (batch, n_mels, time)."""
        power = _power(stft)
        return _decibels(self.filters(power) @ power)

    def to_power(self, values: Tensor) -> Tensor:
        """Undo the decibels, then the mel bands by least squares."""
        return unmel_least_squares(10 ** (values / 10), self.filters(values))


@dataclass(frozen=True)
class VggishLogMel(_Mel):
    """VGGish's input: ln(mel·|STFT| + 0.01), 25 ms windows every 10 ms, FFT 512, no padding, 64 HTK mels.

    Silence is ln 0.01 = -4.605, not 0.

    Source: Hershey et al. 2017; mel_features of the published code.

    >>> VggishLogMel()(torch.zeros(1, 15600)).values.shape
    torch.Size([1, 64, 96])
    """

    sample_rate_hz: int = 16000
    win_samples: int = 400
    n_fft: int = 512
    hop_samples: int = 160
    n_mels: int = 64
    f_min_hz: float = 125.0
    f_max_hz: float = 7500.0
    silence: ClassVar[float] = float(np.log(0.01))
    unit: ClassVar[str] = "log mel"

    @property
    def _scale(self) -> MelScale:
        return "vggish"

    @property
    def stft(self) -> Stft:
        """The short-time Fourier transform underneath."""
        return Stft(self.n_fft, self.hop_samples, self.win_samples, centred=False)

    def from_stft(self, stft: Tensor) -> Tensor:
        """ln(mel magnitude + 0.01), (batch, n_mels, time)."""
        magnitude = (_power(stft) + torch.finfo(stft.real.dtype).tiny).sqrt()
        return torch.log(self.filters(magnitude) @ magnitude + 0.01)

    def to_power(self, values: Tensor) -> Tensor:
        """Undo the logarithm, then the mel bands by least squares on magnitudes."""
        return unmel_least_squares(torch.exp(values) - 0.01, self.filters(values)).square()


FRONT_ENDS: dict[str, type[FrontEnd]] = {"StftDb": StftDb, "MelDb": MelDb, "VggishLogMel": VggishLogMel}


def describe(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as plain values, for model cards and reports.

    >>> describe(StftDb())
    {'type': 'StftDb', 'sample_rate_hz': 16000, 'n_fft': 512, 'hop_samples': 256}
    """
    return {"type": type(front_end).__name__, **asdict(front_end)}  # type: ignore[call-overload]


def build(description: dict[str, Any]) -> FrontEnd:
    """Make the front end that ``describe`` described.

    >>> build({"type": "StftDb", "sample_rate_hz": 8000, "n_fft": 256, "hop_samples": 128})
    StftDb(sample_rate_hz=8000, n_fft=256, hop_samples=128)
    """
    settings = dict(description)
    name = settings.pop("type", None)
    if name not in FRONT_ENDS:
        raise unknown_name("front end", name, FRONT_ENDS)
    return FRONT_ENDS[name](**settings)
