"""Components: the parts of a sound that can be switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.frontends import FrontEnd


class Components(Protocol):
    """Parts of one item of features.

    Attributes:
        names: what people call each part.
    """

    @property
    def names(self) -> Sequence[str]:
        """One name per part."""
        ...

    def compose(self, features: Features, coalitions: Tensor, fill: Tensor) -> Features:
        """Return one item per coalition: what is on, and the fill in place of what is off.

        Args:
            features: one item.
            coalitions: (k, n), 1 is on; values between blend.
            fill: (1, freq, time) or (k, freq, time).
        """
        ...

    def paint(self, weights: Tensor) -> Tensor:
        """Spread one number per part (n,) over the plane, (freq, time)."""
        ...


@dataclass(frozen=True, eq=False)
class Segments:
    """Parts that divide the plane: every bin belongs to one.

    Attributes:
        labels: number of the part of each bin, (freq, time), int64, 0..n-1.
        names: one name per part.
    """

    labels: Tensor
    names: Sequence[str]

    def compose(self, features: Features, coalitions: Tensor, fill: Tensor) -> Features:
        """Blend features and fill bin by bin; see ``Components``."""
        values = features.values
        if self.labels.shape != values.shape[1:]:
            raise ParameterError(f"segments have shape {tuple(self.labels.shape)} but features "
                                 f"{tuple(values.shape[1:])}; make them for these features")
        on = coalitions.to(values)[:, self.labels.to(values.device)]
        return features.with_values(fill + (values - fill) * on)

    def paint(self, weights: Tensor) -> Tensor:
        """Give every bin the number of its part."""
        return weights[self.labels.to(weights.device)]


@dataclass(frozen=True, eq=False)
class Stems:
    """Parts that add up to the sound: sources, or harmonic and percussive layers.

    What is off is absent; no fill is needed.

    Attributes:
        stfts: complex spectrum of each part, (n, bins, time); their sum is that of the sound.
        front_end: makes values of a sum of spectra.
        names: one name per part.
    """

    stfts: Tensor
    front_end: FrontEnd
    names: Sequence[str]

    def compose(self, features: Features, coalitions: Tensor, fill: Tensor) -> Features:
        """Add up the spectra that are on; see ``Components``."""
        del fill
        spectra = torch.einsum("kn,nbt->kbt", coalitions.to(self.stfts), self.stfts)
        return Features(self.front_end.from_stft(spectra), spectra, features.length_samples)

    def paint(self, weights: Tensor) -> Tensor:
        """Give every bin the mean number of the parts, weighted by the parts' shares of its power."""
        powers = torch.stack([self.front_end.to_linear(self.front_end.from_stft(s[None]))[0] for s in self.stfts])
        shares = powers / powers.sum(0).clamp(min=torch.finfo(powers.dtype).tiny)
        return (weights.to(shares)[:, None, None] * shares).sum(0)


@dataclass(frozen=True, eq=False)
class WeightedComponents:
    """Parts of a sound and their evidence.

    Attributes:
        parts: the components.
        weights: one number per part, (n,); positive speaks for the target.
        intercept: score that no part explains, or None.
        r2: share of the scores' weighted variance that the linear surrogate explains, or None.
    """

    parts: Components
    weights: Tensor
    intercept: float | None = None
    r2: float | None = None

    @property
    def names(self) -> Sequence[str]:
        """One name per part."""
        return self.parts.names

    def top(self, n: int = 3) -> list[int]:
        """Return the numbers of the ``n`` parts with the largest weights, largest first."""
        order: list[int] = self.weights.argsort(descending=True, stable=True)[:n].tolist()
        return order


def temporal(
    features: Features, front_end: FrontEnd, *, n: int = 10, width_s: float | None = None,
    boundaries_s: Sequence[float] | None = None,
) -> Segments:
    """Divide the plane along time.

    Args:
        features: gives the number of frames.
        front_end: gives the frames' times.
        n: number of parts of equal width (the last takes the rest).
        width_s: width of a part in seconds, instead of ``n``.
        boundaries_s: inner boundaries in seconds, instead of ``n``, such as onsets or annotated times.

    Source: Mishra et al. 2017 (SoundLIME), temporal segments.
    """
    n_bins, n_frames = features.values.shape[1:]
    times = front_end.times_s(n_frames)
    along = _along(times, n=n, width=width_s, boundaries=boundaries_s, axis="time")
    names = [f"{times[along == k][0]:.2f}-{times[along == k][-1]:.2f} s" for k in range(int(along.max()) + 1)]
    return Segments(along.expand(n_bins, -1), names)


def spectral(
    features: Features, front_end: FrontEnd, *, n: int = 10, width_hz: float | None = None,
    boundaries_hz: Sequence[float] | None = None,
) -> Segments:
    """Divide the plane along frequency.

    Args:
        features: gives the number of frames.
        front_end: gives the rows' frequencies.
        n: number of parts with equally many rows (the last takes the rest).
        width_hz: width of a part in Hz, instead of ``n``.
        boundaries_hz: inner boundaries in Hz, instead of ``n``.

    Source: Mishra et al. 2017 (SoundLIME), spectral segments.
    """
    hz = front_end.frequencies_hz
    along = _along(hz, n=n, width=width_hz, boundaries=boundaries_hz, axis="frequency")
    names = [f"{hz[along == k][0]:.0f}-{hz[along == k][-1]:.0f} Hz" for k in range(int(along.max()) + 1)]
    return Segments(along[:, None].expand(-1, features.values.shape[2]), names)


def grid(features: Features, front_end: FrontEnd, *, n_times: int = 6, n_frequencies: int = 4) -> Segments:
    """Divide the plane along both axes: ``n_times`` × ``n_frequencies`` parts.

    Source: Mishra et al. 2017 (SoundLIME), time-frequency segments (6 × 4).
    """
    across = temporal(features, front_end, n=n_times)
    down = spectral(features, front_end, n=n_frequencies)
    names = [f"{t}, {f}" for f in down.names for t in across.names]
    return Segments(down.labels * len(across.names) + across.labels, names)


def _along(centres: Tensor, *, n: int, width: float | None, boundaries: Sequence[float] | None, axis: str) -> Tensor:
    """Number the parts along one axis: (length,), 0..n-1 without gaps."""
    length = len(centres)
    if boundaries is not None:
        inner = torch.tensor(sorted(boundaries), dtype=centres.dtype)
        numbers = torch.searchsorted(inner, centres, right=True)
    elif width is not None:
        if width <= 0:
            raise ParameterError(f"width along {axis} is {width}; expected a positive number")
        numbers = ((centres - centres[0]) / width).long()
    else:
        if not 1 <= n <= length:
            raise ParameterError(f"{n} parts along {axis}; expected 1 to {length}")
        numbers = torch.arange(length).div(length // n, rounding_mode="floor").clamp(max=n - 1)
    without_gaps: Tensor = torch.unique(numbers, return_inverse=True)[1]
    return without_gaps
