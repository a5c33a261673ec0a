"""Excerpts whose evidence is known: a few parts with the sound to be found, spliced into an excerpt without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from earwitness import audio, synthetic
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip, Features
from earwitness.datasets.intervals import inside
from earwitness.datasets.jamendo import Song
from earwitness.datasets.stems import StemPair
from earwitness.models import AudioModel
from earwitness.perturb.components import Segments, temporal
from earwitness.studies.mishra2020.excerpts import SongRecording, number_of, seeded
from earwitness.studies.mishra2020.stability import parts_of

SWITCHED = 3
AUDIBLE_SHARE = 1e-3
Inside = Literal["stem", "mixture"]


@dataclass(frozen=True)
class SplicePlan:
    """What is spliced.

    Attributes:
        kind: parts, "temporal", "spectral" or "grid".
        places: places per song (or seeds per scene); more places add to fewer.
        first_place: number of the first one, for work in pieces.
        mixes: choices of parts per place.
        switched: parts with the sound to be found.
        inside: of stems, what these parts hold: "stem" alone as published, or the "mixture".
        seed: of every draw.
    """

    kind: str = "temporal"
    places: int = 10
    first_place: int = 0
    mixes: int = 4
    switched: int = SWITCHED
    inside: Inside = "stem"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.places, self.mixes, self.switched) < 1:
            raise ParameterError(f"places={self.places}, mixes={self.mixes}, switched={self.switched}; "
                                 "expected at least 1")


@dataclass(frozen=True, eq=False)
class Splice:
    """One excerpt whose evidence is known.

    Attributes:
        song: the recording it was made of.
        place: number of the place in the recording.
        mix: number of the choice of parts.
        features: one item.
        parts: its parts.
        truth: numbers of the parts that hold the sound to be found.
        model: hears it.
        target: class that is to be found.
    """

    song: str
    place: int
    mix: int
    features: Features
    parts: Segments
    truth: frozenset[int]
    model: AudioModel
    target: int


def splice_songs(
    recordings: Iterable[SongRecording], plan: SplicePlan, *, target: str | None = None
) -> Iterator[Splice]:
    """Splice parts of fully sung windows into windows of the same song in which nobody sings.

    Songs without room for both kinds of window yield nothing.

    Source: Mishra et al. 2020, sec. V. Differs: there are no stems, so the two windows are of different moments and
    the sung parts hold the music, too, as in training.
    """
    for recording in recordings:
        song, number = recording.song, number_of(recording.song.name)
        index = _target(recording.model, target)
        for place in range(plan.first_place, plan.places):
            generator = seeded(plan.seed, number, place)
            with_s, without_s = (recording.start_within(sung=sung, generator=generator) for sung in (True, False))
            if with_s is None or without_s is None:
                break
            pair = recording.excerpt(with_s).features, recording.excerpt(without_s).features
            yield from _splices(song.name, place, *pair, recording.model, index, plan, generator)


def splice_stems(
    pairs: Sequence[StemPair], model: AudioModel, plan: SplicePlan, *, target: str | None = None
) -> Iterator[Splice]:
    """Splice parts of the voice into the same moment of the other stem; silent parts of the voice are not chosen.

    Source: Mishra et al. 2020, sec. V. Differs: parts in which the voice is below a thousandth of its loudest part
    are not chosen; the publication takes any.
    """
    for pair in pairs:
        number = number_of(pair.name)
        voice, other = (audio.resample(audio.load(path), model.sample_rate_hz) for path in (pair.voice, pair.other))
        length = min(voice.waveform.numel(), other.waveform.numel())
        song = Song(pair.voice, pair.name, length / model.sample_rate_hz, ())
        voice_recording = SongRecording(song, voice.waveform[:length], model)
        for place in range(plan.first_place, plan.places):
            generator = seeded(plan.seed, number, place)
            first = round(voice_recording.random_start(generator=generator) * model.sample_rate_hz)
            stems = [sound.waveform[first : first + voice_recording.window_samples] for sound in (voice, other)]
            yield from _from_pair(pair.name, place, stems[0], stems[1], model, _target(model, target), plan,
                                  generator)


def splice_scenes(model: AudioModel, plan: SplicePlan) -> Iterator[Splice]:
    """Splice parts of synthetic events into their backgrounds; needs no data, and a model that knows the events."""
    known_scenes = [name for name, (event, _, _) in synthetic.SCENES.items() if event in model.labels]
    if not known_scenes:
        raise ParameterError(f"model {model.name!r} knows none of the synthetic events {sorted(synthetic.EVENTS)}; "
                             "give annotated songs or stems")
    for name in known_scenes:
        for place in range(plan.first_place, plan.places):
            scene = synthetic.make_scene(name, seed=plan.seed + place)
            stems = [audio.resample(Clip(stem, scene.sample_rate_hz), model.sample_rate_hz).waveform
                     for stem in (scene.event, scene.background)]
            yield from _from_pair(name, place, stems[0], stems[1], model, model.class_index(scene.label), plan,
                                  seeded(plan.seed, number_of(name), place))


def splice_at_boundaries(
    recordings: Iterable[SongRecording], plan: SplicePlan, *, target: str | None = None
) -> Iterator[Splice]:
    """Take windows as they are in which the singing starts or stops; their parts end where the annotation says.

    Nothing is spliced: the parts that are sung are the truth, between one and all but one.

    Source: Mishra et al. 2020, sec. V, footnote 6 (super-samples). Differs: the publication only describes it.
    """
    for recording in recordings:
        song, model, number = recording.song, recording.model, number_of(recording.song.name)
        edges = torch.tensor([edge for stretch in song.vocal for edge in stretch], dtype=torch.float64)
        last_s = song.duration_s - recording.window_s
        for place in range(plan.first_place, plan.places if len(edges) else 0):
            generator = seeded(plan.seed, number, place, 1)
            edge = float(edges[torch.randint(len(edges), (), generator=generator)])
            share = 0.25 + 0.5 * float(torch.rand((), generator=generator, dtype=torch.float64))
            start = min(max(0.0, edge - share * recording.window_s), last_s)
            features = recording.excerpt(start).features
            times_s = model.front_end.times_s(features.values.shape[2])
            within = (edges - start)[(edges - start > times_s[0]) & (edges - start < times_s[-1])]
            parts = temporal(features, model.front_end, boundaries_s=within.tolist())
            sung = inside(song.vocal, times_s + start)
            truth = frozenset(parts.labels[0][sung].tolist())
            if 0 < len(truth) < len(parts.names):
                yield Splice(song.name, place, 0, features, parts, truth, model, _target(model, target))


def _from_pair(
    song: str, place: int, voice: Tensor, other: Tensor, model: AudioModel, target: int, plan: SplicePlan,
    generator: torch.Generator,
) -> Iterator[Splice]:
    alone = _heard(voice, model)
    within = alone if plan.inside == "stem" else _heard(voice + other, model)
    yield from _splices(song, place, within, _heard(other, model), model, target, plan, generator, audible=alone)


def _splices(
    song: str, place: int, within: Features, outside: Features, model: AudioModel, target: int, plan: SplicePlan,
    generator: torch.Generator, audible: Features | None = None,
) -> Iterator[Splice]:
    parts = parts_of(plan.kind, outside, model)
    free = torch.arange(len(parts.names)) if audible is None else _audible(audible, parts, model)
    if len(free) < plan.switched:
        return
    for mix in range(plan.mixes):
        chosen = free[torch.randperm(len(free), generator=generator)[: plan.switched]]
        here = torch.isin(parts.labels, chosen)
        features = outside.with_values(torch.where(here, within.values, outside.values))
        yield Splice(song, place, mix, features, parts, frozenset(chosen.tolist()), model, target)


def _audible(features: Features, parts: Segments, model: AudioModel) -> Tensor:
    """Parts in which a sound is more than a thousandth of its loudest part and a thousand times silence, (m,)."""
    front_end, labels = model.front_end, parts.labels.flatten()
    silence = front_end.to_linear(front_end.silent(features.values)).expand_as(features.values[0])
    level, least = (torch.zeros(len(parts.names), dtype=torch.float64).index_add(0, labels, plane.double().flatten())
                    for plane in (front_end.to_linear(features.values[0]), silence))
    return torch.nonzero((level > AUDIBLE_SHARE * level.max()) & (AUDIBLE_SHARE * level > least))[:, 0]


def _heard(sound: Tensor, model: AudioModel) -> Features:
    with torch.no_grad():
        return model.features(Clip(sound, model.sample_rate_hz))[:1]


def _target(model: AudioModel, target: str | None) -> int:
    return 0 if target is None else model.class_index(target)
