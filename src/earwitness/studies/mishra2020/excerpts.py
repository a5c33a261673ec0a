"""The excerpts a study explains: places in annotated songs, of the length that the model hears."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import DataError, ParameterError
from earwitness.core.types import Clip, Features
from earwitness.datasets.intervals import gaps, inside
from earwitness.datasets.jamendo import Song
from earwitness.experiments.facts import ModelSource, load_source
from earwitness.models import AudioModel

MARGIN_S = 0.02
SEED_STEP = 1_000_003
Models = AudioModel | ModelSource | Mapping[str, AudioModel | ModelSource]  # one, or each song's own


@dataclass(frozen=True, eq=False)
class Excerpt:
    """One window of a recording.

    Attributes:
        song: name of the recording.
        start_s: where the window begins, seconds.
        features: what the model hears, one item.
        sung: whether the middle of the window is marked as vocal.
    """

    song: str
    start_s: float
    features: Features
    sung: bool


@dataclass(frozen=True, eq=False)
class SongRecording:
    """A song in memory, at the model's rate.

    Attributes:
        song: with its annotation.
        waveform: (time,).
        model: hears it.
    """

    song: Song
    waveform: Tensor
    model: AudioModel

    @classmethod
    def load(cls, song: Song, model: AudioModel) -> SongRecording:
        """Read a song.

        Raises:
            DataError: it is shorter than what the model hears.
        """
        clip = audio.resample(audio.load(song.path), model.sample_rate_hz)
        recording = cls(song, clip.waveform, model)
        if clip.waveform.numel() < recording.window_samples:
            raise DataError(f"{song.path}: {clip.duration_s:.2f} s of sound, but model {model.name!r} hears "
                            f"{recording.window_s:.2f} s at once; expected longer songs")
        return recording

    @property
    def window_samples(self) -> int:
        """Length of what the model hears at once, in samples."""
        check_window(self.model)
        return self.model.window_and_hop_samples(self.waveform.numel())[0]

    @property
    def window_s(self) -> float:
        """Length of what the model hears at once, in seconds."""
        return self.window_samples / self.model.sample_rate_hz

    def excerpt(self, start_s: float) -> Excerpt:
        """Return what the model hears from a moment on."""
        first = min(round(start_s * self.model.sample_rate_hz), self.waveform.numel() - self.window_samples)
        sound = self.waveform[first : first + self.window_samples]
        middle_s = torch.tensor([start_s + self.window_s / 2])
        with torch.no_grad():
            features = self.model.features(Clip(sound, self.model.sample_rate_hz, self.song.name))
        return Excerpt(self.song.name, start_s, features, bool(inside(self.song.vocal, middle_s)[0]))

    def random_start(self, *, generator: torch.Generator) -> float:
        """Return a random place of the whole song, in seconds."""
        last_s = (self.waveform.numel() - self.window_samples) / self.model.sample_rate_hz
        return last_s * float(torch.rand((), generator=generator, dtype=torch.float64))

    def start_within(self, *, sung: bool, generator: torch.Generator) -> float | None:
        """Return a random place whose whole window is sung, or not at all; None where there is no room."""
        duration_s = self.waveform.numel() / self.model.sample_rate_hz
        stretches = self.song.vocal if sung else tuple(gaps(self.song.vocal, duration_s))
        room = [(a + MARGIN_S, b - MARGIN_S - self.window_s) for a, b in stretches
                if b - a >= self.window_s + 2 * MARGIN_S]
        if not room:
            return None
        sizes = torch.tensor([b - a for a, b in room], dtype=torch.float64) + 1e-9
        first_s, last_s = room[int(torch.multinomial(sizes, 1, generator=generator))]
        return first_s + float(torch.rand((), generator=generator, dtype=torch.float64)) * (last_s - first_s)


def load_recordings(songs: Iterable[Song], models: Models) -> Iterator[SongRecording]:
    """Read songs one after the other, each with the model that explains it."""
    for song in songs:
        yield SongRecording.load(song, load_source(model_for(models, song.name)))


def check_window(model: AudioModel) -> None:
    """Refuse a model without a window.

    Raises:
        ParameterError: it hears clips of any length.
    """
    if model.window_s is None:
        raise ParameterError(f"model {model.name!r} hears clips of any length; the study needs one with a window: give "
                             "AudioModel a window_s")


def model_for(models: Models, song: str) -> AudioModel | ModelSource:
    """Return the model that explains a song, or its source: the one that has not heard it, where there are several."""
    if not isinstance(models, Mapping):
        return models
    if song not in models:
        raise ParameterError(f"no model holds out {song!r}; known: {', '.join(sorted(models))}")
    return models[song]


def seeded(seed: int, *numbers: int) -> torch.Generator:
    """Return a generator for one place of a study: the same whatever ran before.

    Differs: other studies take ``experiments.task.seed_of``; the results of this one were written down with these.

    >>> bool((torch.rand(3, generator=seeded(0, 1, 2)) == torch.rand(3, generator=seeded(0, 1, 2))).all())
    True
    """
    mixed = seed
    for number in numbers:
        mixed = (mixed * SEED_STEP + number + 1) % 2**62
    return torch.Generator().manual_seed(mixed)


def number_of(name: str) -> int:
    """Return a number for a recording's name, the same in every run and whatever else there is."""
    return zlib.crc32(name.encode("utf-8", errors="replace"))
