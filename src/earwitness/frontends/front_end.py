"""What every front end shares: an STFT below, values above, and a way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Features
from earwitness.frontends.stft import Stft

Inversion = Literal["projection", "least_squares"]


class FrontEnd(ABC):
    """What every front end shares: an STFT below, values above, and a way back.

    Attributes:
        sample_rate_hz: rate of the waveforms it takes.
        unit: unit of the values, for axes and colour bars.
        short_name: what tables and plans call it, and ``earwitness train --front-end``; "" where that is its class's.
    """

    sample_rate_hz: int
    unit: ClassVar[str]
    short_name: ClassVar[str] = ""

    @property
    @abstractmethod
    def silence(self) -> float:
        """The value that digital silence has, in the front end's unit."""

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
    def to_power(self, values: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Fourier power (batch, bins, time) of values (batch, freq, time): exact, or least squares for mel.

        A mask (batch, freq, time) scales the values' linear counterpart (power for decibels) on the way.
        """

    @abstractmethod
    def to_linear(self, values: Tensor) -> Tensor:
        """Values on the linear scale that adds up: (mel) power for decibels, mel magnitude for VGGish."""

    @abstractmethod
    def project(self, mask: Tensor) -> Tensor:
        """Carry a mask (..., freq, time) to Fourier bins (..., bins, time)."""

    def silent(self, like: Tensor) -> Tensor:
        """Value of digital silence, (freq, 1) or (1, 1) where all rows agree; dtype and device of ``like``."""
        return like.new_full((1, 1), self.silence)

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

    def network_input(self, features: Features) -> Tensor:
        """What a network behind this front end takes: the values, or waveforms (batch, time)."""
        return features.values

    def to_linear_space(self, features: Features, values: Tensor) -> Tensor:
        """Where values (batch, freq, time) lie on the lines that count as straight; same shape.

        These are the values themselves, or gains of the features' spectrum for waveforms.
        """
        # Soft masks, the path of integrated gradients and DeepSHAP's difference all run along these lines. They must be
        # straight in what the network takes, for its front end is no part of the network: the values here. A network
        # over waveforms overrides this, since a line straight in decibels is an exponential in its input.
        return values

    def from_linear_space(self, features: Features, coordinates: Tensor) -> Features:
        """Features at other coordinates (batch, freq, time); differentiable."""
        return features.with_values(coordinates)

    def blend(self, features: Features, mask: Tensor, *, fill: Tensor) -> Features:
        """Keep the features where the mask is 1 and put a fill where it is 0, along a straight line between.

        Args:
            features: one item.
            mask: (batch, freq, time) in [0, 1].
            fill: values that broadcast to (1, freq, time).
        """
        start = self.to_linear_space(features, fill)
        blended = blend(self.to_linear_space(features, features.values), mask, fill=start)
        return self.from_linear_space(features, blended)

    def inverse(
        self, features: Features, mask: Tensor | None = None, *, inversion: Inversion = "projection"
    ) -> Tensor:
        """Return the sound of features, all of it or what a mask keeps; differentiable.

        Args:
            features: of this front end.
            mask: (freq, time) or (batch, freq, time) in [0, 1]; None keeps everything.
            inversion: "projection" carries the mask to Fourier bins and scales the complex spectrum there
                (exact for a mask of ones); "least_squares" is the published route: undo the decibels, scale
                (mel) power by the mask, undo the mel bands, and borrow the phase.

        Returns:
            (batch, time).

        Raises:
            ParameterError: the mask's last two axes are not those of the features, or an unknown inversion.

        Source: Pak & Teryokhina 2025, fig. 1; that the mask scales power, not decibels, was found on the
        published sounds. Differs: projection is ours.
        """
        if mask is not None and mask.shape[-2:] != features.values.shape[-2:]:
            raise ParameterError(
                f"mask has shape {tuple(mask.shape)} but features {tuple(features.values.shape)}; "
                "last two axes must match"
            )
        if inversion == "projection":
            spectrum = features.stft if mask is None else features.stft * self.project(mask.to(features.values))
        elif inversion == "least_squares":
            power = self.to_power(features.values, 1.0 if mask is None else mask.to(features.values))
            spectrum = torch.polar(power.sqrt(), features.stft.angle())
        else:
            raise unknown_name("inversion", inversion, ("projection", "least_squares"))
        return self.stft.inverse(spectrum, features.length_samples)


def blend(values: Tensor, mask: Tensor, *, fill: Tensor | float) -> Tensor:
    """Keep ``values`` where the mask is 1 and put ``fill`` where it is 0: (x - s)·m + s.

    >>> blend(torch.tensor([-20.0, -20.0]), torch.tensor([1.0, 0.5]), fill=-100.0)
    tensor([-20., -60.])
    """
    return (values - fill) * mask + fill


def power(stft: Tensor) -> Tensor:
    """Power of a complex spectrum, same shape; its gradient is defined at zero."""
    return torch.view_as_real(stft).square().sum(-1)
