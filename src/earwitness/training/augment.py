"""Random changes of decibel features that leave what is heard recognisable.

All functions take features (batch, freq, time) in dB whose silence is -100 dB, draw from the given
generator on the CPU, return new tensors and keep digital silence silent. What is masked is filled
with silence: 0 dB, the published fill, is a full-scale burst in every bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SILENCE_DB = -100.0
EQ_KNOTS = 6
LEVEL_FRAMES = 5


def draw(shape: tuple[int, ...], low: float, high: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return uniform numbers in [low, high), drawn on the CPU, with dtype and device of ``like``."""
    return (torch.rand(shape, generator=generator) * (high - low) + low).to(like)


def roll_in_time(values: Tensor, *, generator: torch.Generator) -> Tensor:
    """Start every clip at a random frame; what falls off the end comes back at the beginning."""
    batch, n_bins, n_frames = values.shape
    start = torch.randint(n_frames, (batch, 1), generator=generator).to(values.device)
    frames = (torch.arange(n_frames, device=values.device) + start) % n_frames
    return values.gather(2, frames[:, None].expand(batch, n_bins, n_frames))


def warp(values: Tensor, *, stretch: float, shift_rows: float, generator: torch.Generator) -> Tensor:
    """Stretch clips in time and shift them in frequency by bilinear interpolation; edges are mirrored.

    Args:
        values: (batch, freq, time), dB.
        stretch: largest relative change of speed, e.g. 0.2 for ±20 %.
        shift_rows: largest shift along frequency, rows.
        generator: source of the draws, one pair per clip.
    """
    batch, n_bins, n_frames = values.shape
    speed = 1 + draw((batch, 1, 1), -stretch, stretch, values, generator)
    rows = draw((batch, 1, 1), -shift_rows, shift_rows, values, generator) * (2 / n_bins)
    x = torch.linspace(-1, 1, n_frames, dtype=values.dtype, device=values.device)[None, None, :] * speed
    y = torch.linspace(-1, 1, n_bins, dtype=values.dtype, device=values.device)[None, :, None] + rows
    grid = torch.stack([x.expand(batch, n_bins, n_frames), y.expand(batch, n_bins, n_frames)], -1)
    return functional.grid_sample(values[:, None], grid, padding_mode="reflection", align_corners=True)[:, 0]


def colour(values: Tensor, *, gain_db: float, eq_db: float, generator: torch.Generator) -> Tensor:
    """Change level and tone: one gain per clip and a smooth curve over frequency; silence stays silent.

    Args:
        values: (batch, freq, time), dB.
        gain_db: largest change of level, dB.
        eq_db: largest change at each of six knots spread over the rows, dB.
        generator: source of the draws.
    """
    batch, n_bins, _ = values.shape
    knots = draw((batch, 1, EQ_KNOTS), -eq_db, eq_db, values, generator)
    curve = functional.interpolate(knots, n_bins, mode="linear", align_corners=True)[:, 0, :, None]
    louder = values + curve + draw((batch, 1, 1), -gain_db, gain_db, values, generator)
    return torch.where(values > SILENCE_DB + 0.5, louder, values).clamp(min=SILENCE_DB)


def loudest_db(values: Tensor) -> Tensor:
    """Return the power of each clip's loudest five frames in dB, (batch, 1, 1)."""
    power = (10 ** (values / 10)).sum(1)
    smooth = functional.avg_pool1d(power[:, None], min(LEVEL_FRAMES, power.shape[-1]), 1)[:, 0]
    return 10 * torch.log10(smooth.amax(1).clamp(min=1e-10))[:, None, None]


def add_power(first: Tensor, second: Tensor) -> Tensor:
    """Return the level of two incoherent sounds together, dB.

    >>> add_power(torch.tensor([0.0, -100.0]), torch.tensor([0.0, -20.0]))
    tensor([  3.0103, -20.0000])
    """
    high, low = torch.maximum(first, second), torch.minimum(first, second)
    sum_db = high + 10 * torch.log10(1 + 10 ** ((low - high) / 10))
    return torch.where(low > SILENCE_DB, sum_db, high)


def mix_pairs(
    values: Tensor, targets: Tensor, *, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mix clips of a batch in pairs at a random ratio; the target is mixed by the same ratio.

    Args:
        values: (batch, freq, time), dB.
        targets: class probabilities, (batch, classes).
        share: probability that a clip is mixed.
        generator: source of the draws.

    Returns:
        (values, targets), same shapes; each mixture is as loud as its first clip was.

    Source: Tokozume, Ushiku & Harada 2018, eq. 2. Differs: levels are those of the loudest frames, and
    powers add.
    """
    batch = len(values)
    partner = torch.randperm(batch, generator=generator).to(values.device)
    ratio = draw((batch, 1, 1), 0.02, 0.98, values, generator)
    mixed = draw((batch, 1, 1), 0.0, 1.0, values, generator) < share
    level = loudest_db(values)
    audible = level > SILENCE_DB + 20
    second_db = level - level[partner] + 20 * torch.log10((1 - ratio) / ratio)
    both = add_power(values, _louder(values[partner], second_db))
    both = _louder(both, level - loudest_db(both))
    mixed = mixed & audible & audible[partner]
    ratio = torch.where(mixed, ratio, torch.ones_like(ratio))[:, :, 0]
    return torch.where(mixed, both, values), ratio * targets + (1 - ratio) * targets[partner]


def add_background(
    values: Tensor, backgrounds: Tensor, *, snr_db: tuple[float, float], share: float, generator: torch.Generator
) -> Tensor:
    """Lay a random background under some clips; the clip's loudest moment stays above it.

    Args:
        values: (batch, freq, time), dB.
        backgrounds: (n, freq, time), dB.
        snr_db: lowest and highest level of the clip's loudest frames over the background's, dB.
        share: probability that a clip gets a background.
        generator: source of the draws.
    """
    batch = len(values)
    chosen = torch.randint(len(backgrounds), (batch,), generator=generator)
    under = roll_in_time(backgrounds[chosen].to(values), generator=generator)
    snr = draw((batch, 1, 1), *snr_db, values, generator)
    with_one = draw((batch, 1, 1), 0.0, 1.0, values, generator) < share
    under = _louder(under, loudest_db(values) - loudest_db(under) - snr)
    return torch.where(with_one, add_power(values, under), values)


def mask_with_silence(values: Tensor, *, max_rows: int, max_frames: int, generator: torch.Generator) -> Tensor:
    """Silence one band and one stretch of time of every clip.

    Args:
        values: (batch, freq, time), dB.
        max_rows: exclusive upper limit of the band's width, rows.
        max_frames: exclusive upper limit of the stretch's length, frames.
        generator: source of the draws.

    Source: Park et al. 2019. Differs: the fill is silence, -100 dB; Pak & Teryokhina 2025 fill 0 dB.
    """
    for axis, limit in ((1, max_rows), (2, max_frames)):
        size = values.shape[axis]
        width = draw((len(values), 1), 0, min(limit, size), values, generator)
        first = (draw((len(values), 1), 0, 1, values, generator) * (size - width)).floor()
        positions = torch.arange(size, device=values.device)
        inside = (positions >= first) & (positions < first + width.floor())
        values = values.masked_fill(inside.unsqueeze(3 - axis), SILENCE_DB)
    return values


def gate(values: Tensor, *, depth_db: tuple[float, float], share: float, generator: torch.Generator) -> Tensor:
    """Silence all cells of some clips that lie more than a random depth below the clip's loudest cell.

    A network that has heard such clips knows a sound without what surrounded it, as masks leave it.

    Args:
        values: (batch, freq, time), dB.
        depth_db: least and greatest depth, dB.
        share: probability that a clip is gated.
        generator: source of the draws.
    """
    depth = draw((len(values), 1, 1), *depth_db, values, generator)
    gated = draw((len(values), 1, 1), 0.0, 1.0, values, generator) < share
    return values.masked_fill(gated & (values < values.amax((1, 2), keepdim=True) - depth), SILENCE_DB)


def _louder(values: Tensor, by_db: Tensor) -> Tensor:
    return torch.where(values > SILENCE_DB + 0.5, values + by_db, values).clamp(min=SILENCE_DB)


@dataclass(frozen=True)
class Augmentation:
    """A chain of random changes, in the order of the attributes; zero switches one off.

    Attributes:
        roll: start at a random frame.
        stretch: largest relative change of speed.
        shift_rows: largest shift along frequency, rows.
        gain_db: largest change of level, dB.
        eq_db: largest change of tone, dB.
        mix_share: probability of mixing two clips and their targets.
        background_share: probability of a background, where there are any.
        background_labels: classes whose training clips may also lie under others: lasting sounds such as rain.
        background_snr_db: range of the level over the background, dB.
        gate_share: probability that quiet cells are silenced.
        gate_depth_db: range of the depth below the loudest cell, dB.
        max_rows: width limit of the silenced band, rows.
        max_frames: length limit of the silenced stretch, frames.
    """

    roll: bool = False
    stretch: float = 0.0
    shift_rows: float = 0.0
    gain_db: float = 0.0
    eq_db: float = 0.0
    mix_share: float = 0.0
    background_share: float = 0.0
    background_labels: tuple[str, ...] = ()
    background_snr_db: tuple[float, float] = (5.0, 30.0)
    gate_share: float = 0.0
    gate_depth_db: tuple[float, float] = (20.0, 60.0)
    max_rows: int = 0
    max_frames: int = 0

    def __call__(
        self, values: Tensor, targets: Tensor, *, backgrounds: Tensor | None = None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return changed features (batch, freq, time) and targets (batch, classes)."""
        if self.roll:
            values = roll_in_time(values, generator=generator)
        if self.stretch or self.shift_rows:
            values = warp(values, stretch=self.stretch, shift_rows=self.shift_rows, generator=generator)
        if self.gain_db or self.eq_db:
            values = colour(values, gain_db=self.gain_db, eq_db=self.eq_db, generator=generator)
        if self.mix_share:
            values, targets = mix_pairs(values, targets, share=self.mix_share, generator=generator)
        if self.background_share and backgrounds is not None and len(backgrounds):
            values = add_background(values, backgrounds, snr_db=self.background_snr_db,
                                    share=self.background_share, generator=generator)
        if self.gate_share:
            values = gate(values, depth_db=self.gate_depth_db, share=self.gate_share, generator=generator)
        if self.max_rows or self.max_frames:
            values = mask_with_silence(values, max_rows=self.max_rows, max_frames=self.max_frames,
                                       generator=generator)
        return values, targets
