"""Excerpts of annotated songs, changed at random: pitch, speed, tone, level, and another song's music underneath.

Songs are kept as linear spectra, on which all of it is cheap: a pitch shift is a filter bank that listens at other
frequencies, a change of speed is interpolation between frames, and mixing is a sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import DataError
from earwitness.datasets.intervals import inside
from earwitness.datasets.jamendo import Song
from earwitness.frontends.singing_log_mel import MIN_MAGNITUDE, SingingVoiceLogMel, sum_normalised_filters
from earwitness.models.networks.singing_voice import N_FRAMES, STRIDE_FRAMES
from earwitness.training.augment import draw

MARGIN_FRAMES = N_FRAMES // 2
PITCHES = 61
FILTER_LOW_HZ = 150.0
FILTER_SEMITONES = (5.0, 7.0)


@dataclass(frozen=True, eq=False)
class SongSpectrum:
    """One song as magnitudes on Fourier bins.

    Attributes:
        name: of the song.
        magnitude: (frames + 2·57, bins), half precision; 57 silent frames at either end.
        vocal: whether each frame's middle is sung, (frames,).
    """

    name: str
    magnitude: Tensor
    vocal: Tensor


@dataclass(frozen=True)
class ExcerptChanges:
    """How excerpts are changed; zero switches one off.

    Attributes:
        pitch: largest relative change of pitch.
        stretch: largest relative change of speed.
        filter_db: largest gain of a random band, dB.
        gain_db: largest change of level, dB.
        under_share: probability that unsung music of another place lies underneath.
        under_db: lowest and highest level of that music, relative to its own, dB.

    Source: Schlüter & Grill 2015 (pitch and stretch ±30 %, a Gaussian filter of ±10 dB, 5 to 7 semitones wide).
    Differs: level and music underneath are ours.
    """

    pitch: float = 0.3
    stretch: float = 0.3
    filter_db: float = 10.0
    gain_db: float = 0.0
    under_share: float = 0.0
    under_db: tuple[float, float] = (-12.0, 0.0)


def song_spectrum(song: Song, front_end: SingingVoiceLogMel) -> SongSpectrum:
    """Read a song and return its spectrum.

    Raises:
        DataError: the song is shorter than an excerpt.
    """
    clip = audio.resample(audio.load(song.path), front_end.sample_rate_hz)
    shortest = front_end.n_fft + (N_FRAMES - 1) * front_end.hop_samples
    if clip.waveform.numel() < shortest:
        raise DataError(f"{song.path}: {clip.duration_s:.2f} s of sound; expected at least an excerpt of "
                        f"{shortest / front_end.sample_rate_hz:.2f} s")
    frames = front_end.stft.transform(clip.waveform[None])[0].abs().T.half()
    silent = frames.new_zeros(MARGIN_FRAMES, frames.shape[1])
    return SongSpectrum(song.name, torch.cat([silent, frames, silent]),
                        inside(song.vocal, front_end.times_s(len(frames))))


def band_statistics(songs: Sequence[SongSpectrum], front_end: SingingVoiceLogMel) -> SingingVoiceLogMel:
    """Return the front end with mean, deviation and minimum of the songs, margins left out."""
    logs = [_log_mel(s.magnitude[MARGIN_FRAMES:-MARGIN_FRAMES].float().T[None], front_end)[0] for s in songs]
    together = torch.cat(logs, 1).double()
    mean, std = together.mean(1), together.std(1, correction=0).clamp(min=1e-3)
    lowest = float(((together - mean[:, None]) / std[:, None]).min())
    settings = {"mean": tuple(round(float(m), 5) for m in mean), "std": tuple(round(float(s), 5) for s in std),
                "minimum": round(lowest, 5)}
    return SingingVoiceLogMel(**settings)  # type: ignore[arg-type]


def song_features(song: SongSpectrum, front_end: SingingVoiceLogMel) -> Tensor:
    """Return the unchanged features of a song with its silent margins, (80, frames + 2·57)."""
    return front_end.standardise(_log_mel(song.magnitude.float().T[None], front_end))[0]


class ExcerptDeck:
    """Draws batches of changed excerpts, every frame of every song equally often.

    An excerpt is ``outputs`` steps of nine frames longer than the network's window, so that one pass of the
    convolutions gives several decisions.
    """

    def __init__(
        self, songs: Sequence[SongSpectrum], front_end: SingingVoiceLogMel, changes: ExcerptChanges, *, outputs: int = 1
    ) -> None:
        self.songs, self.front_end, self.changes, self.outputs = songs, front_end, changes, outputs
        self.places = torch.cat([torch.stack([torch.full((len(s.vocal),), k), torch.arange(len(s.vocal))], 1)
                                 for k, s in enumerate(songs)])
        self.length = N_FRAMES + (outputs - 1) * STRIDE_FRAMES
        calm = [self._is_calm(s) for s in songs]
        self.calm_places = torch.cat([torch.stack([torch.full((len(c),), k), c], 1) for k, c in enumerate(calm)])
        span = 1 + changes.pitch * torch.linspace(-1, 1, PITCHES)
        self.filters = torch.stack([torch.from_numpy(sum_normalised_filters(
            front_end.sample_rate_hz, front_end.n_fft, front_end.n_mels, front_end.f_min_hz, front_end.f_max_hz,
            float(pitch))).float() for pitch in span])

    def batch(self, size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return features (size, 80, 115 + 9·(outputs - 1)) and whether each decision is vocal, (size, outputs)."""
        changes, like = self.changes, self.filters
        chosen = self.places[torch.randint(len(self.places), (size,), generator=generator)]
        speed = 1 + draw((size,), -changes.stretch, changes.stretch, like, generator)
        mel, vocal = self._excerpts(chosen, speed, generator)
        if changes.under_share and len(self.calm_places):
            under = self.calm_places[torch.randint(len(self.calm_places), (size,), generator=generator)]
            below, _ = self._excerpts(under, torch.ones(size), generator)
            gain = 10 ** (draw((size, 1, 1), *changes.under_db, like, generator) / 20)
            mixed = draw((size, 1, 1), 0.0, 1.0, like, generator) < changes.under_share
            mel = mel + torch.where(mixed, gain * below, torch.zeros_like(below))
        mel = mel * 10 ** (self._tone_db(size, generator) / 20)
        return self.front_end.standardise(torch.log(mel.clamp(min=MIN_MAGNITUDE))), vocal

    def _excerpts(self, chosen: Tensor, speed: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mel magnitudes (size, 80, length) around chosen places, and labels (size, outputs)."""
        steps = torch.arange(self.length) - (self.length - 1) / 2
        decided = steps[N_FRAMES // 2 :: STRIDE_FRAMES][: self.outputs]
        parts, labels = [], []
        for (k, frame), rate in zip(chosen.tolist(), speed.tolist(), strict=True):
            song = self.songs[k]
            last = len(song.magnitude) - 1
            at = (frame + MARGIN_FRAMES + steps * rate).clamp(0, last)
            low = at.floor().long().clamp(max=last - 1)
            share = (at - low)[:, None]
            window = song.magnitude[int(low[0]) : int(low[-1]) + 2].float()
            low = low - int(low[0])
            parts.append(window[low] * (1 - share) + window[low + 1] * share)
            labels.append(_labels_at(song.vocal, frame + decided * rate))
        pitch = torch.randint(PITCHES, (len(chosen),), generator=generator)
        return self.filters[pitch] @ torch.stack(parts).transpose(1, 2), torch.stack(labels)

    def _tone_db(self, size: int, generator: torch.Generator) -> Tensor:
        """Gain of every band (size, 80, 1): one Gaussian over pitch, and one level."""
        changes, like = self.changes, self.filters
        pitch = 12 * torch.log2(self.front_end.frequencies_hz.float())
        low, high = 12 * math.log2(FILTER_LOW_HZ), 12 * math.log2(self.front_end.f_max_hz)
        centre = draw((size, 1), low, high, like, generator)
        width = draw((size, 1), *FILTER_SEMITONES, like, generator)
        strength = draw((size, 1), -changes.filter_db, changes.filter_db, like, generator)
        level = draw((size, 1), -changes.gain_db, changes.gain_db, like, generator)
        return (strength * torch.exp(-0.5 * ((pitch - centre) / width) ** 2) + level)[:, :, None]

    def _is_calm(self, song: SongSpectrum) -> Tensor:
        """Frames around which nobody sings for a whole excerpt, (n,)."""
        sung = torch.nn.functional.max_pool1d(song.vocal.float()[None, None], self.length // 2 * 2 + 1, 1,
                                              padding=self.length // 2)[0, 0]
        return torch.nonzero(sung == 0)[:, 0]


def _labels_at(vocal: Tensor, frames: Tensor) -> Tensor:
    """Labels of the nearest frames; beyond the ends nobody sings."""
    at = frames.round().long()
    there = (at >= 0) & (at < len(vocal))
    return vocal[at.clamp(0, len(vocal) - 1)] & there


def _log_mel(magnitude: Tensor, front_end: SingingVoiceLogMel) -> Tensor:
    return torch.log((front_end.filters(magnitude) @ magnitude).clamp(min=MIN_MAGNITUDE))
