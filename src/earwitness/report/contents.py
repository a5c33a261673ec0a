"""What a report says: plain values, made by the workflow, drawn by the figures and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from earwitness.core.types import Attribution, notebook_html
from earwitness.listening import SplitSound
from earwitness.metrics import Domain, Measures

PARTS = ("original", "kept", "removed")


@dataclass(frozen=True)
class Prediction:
    """Probability of one class before and after masking.

    Attributes:
        label: class name.
        original: probability for the whole sound, 0..1.
        kept: probability for what the mask keeps.
        removed: probability for what the mask removes.
    """

    label: str
    original: float
    kept: float
    removed: float


@dataclass(frozen=True)
class Answer:
    """What the model says of one part of a sound.

    Attributes:
        part: a name of ``PARTS``.
        domain: "features": of what the network is given, with silence for the rest; "audio": of the sound that plays.
        label: most probable class; of a model with one class, whether it is there.
        probability: of that, 0..1.
        target: class that the numbers are about.
        p: its probability, 0..1.
    """

    part: str
    domain: Domain
    label: str
    probability: float
    target: str
    p: float


@dataclass(frozen=True)
class Section:
    """One explained stretch of a recording.

    Attributes:
        start_s: where it begins in the recording, seconds.
        duration_s: its length without padding, seconds.
        spectrogram: what the network heard, (freq, time), in ``unit``.
        unit: unit of the spectrogram, e.g. "dB".
        floor: value of silence in that unit.
        attribution: the explanation, (freq, time), with axes in Hz and seconds.
        mask: what is kept, (freq, time) in [0, 1].
        sounds: original, kept and removed sound.
        measures: the metrics of this explanation, in ``domain``.
        predictions: top classes, most probable first.
        evidence: the true evidence where it is known, (freq, time) in [0, 1].
        seconds: how long the method took; None where nobody measured.
        measured: class that measures and predictions are about, where the attribution's target is no class of its own.
        domain: what the metrics were measured on.
        by_domain: the metrics in every domain; empty where only one was measured.
        answers: what the model says of each part in every domain; empty where nobody asked.
    """

    start_s: float
    duration_s: float
    spectrogram: Tensor
    unit: str
    floor: float
    attribution: Attribution
    mask: Tensor
    sounds: SplitSound
    measures: Measures
    predictions: Sequence[Prediction]
    evidence: Tensor | None = None
    seconds: float | None = None
    measured: str | None = None
    domain: Domain = "features"
    by_domain: Mapping[Domain, Measures] = field(default_factory=dict)
    answers: Sequence[Answer] = ()


@dataclass(frozen=True)
class Refusal:
    """A method that could not explain a stretch.

    Attributes:
        method: its name.
        start_s: where the stretch begins in the recording, seconds.
        reason: one line.
    """

    method: str
    start_s: float
    reason: str


@dataclass(frozen=True)
class WindowPrediction:
    """What the model says of one window of a long recording.

    Attributes:
        start_s: where the window begins, seconds.
        label: most probable class.
        probability: of that class, 0..1.
    """

    start_s: float
    label: str
    probability: float


@dataclass(frozen=True, eq=False)
class FullLengthMap:
    """Every window of a long recording explained, joined over all of it.

    Attributes:
        spectrogram: loudest value in each column of the picture, (freq, columns), in ``unit``.
        evidence: mean explanation in each column, (freq, columns).
        frequencies_hz: centre of each row in Hz, (freq,).
        unit: unit of the spectrogram.
        floor: value of silence in that unit.
        duration_s: what the columns span, seconds.
        n_windows: how many windows were explained.
        sounds: original, kept and removed -> compressed file.
        tables: file name -> file.
    """

    spectrogram: Tensor
    evidence: Tensor
    frequencies_hz: Tensor
    unit: str
    floor: float
    duration_s: float
    n_windows: int
    sounds: Mapping[str, Path]
    tables: Mapping[str, Path]


@dataclass(frozen=True)
class Report:
    """One recording explained.

    Attributes:
        clip_name: name of the recording, unescaped.
        facts: recording and model in words, name -> value, for the page's header.
        sections: the explained stretches, in order of time; where methods stand side by side, one for each method
            of a stretch.
        timeline: one entry per window of a long recording; empty for a short one.
        settings: everything needed to compute it again.
        command: the command line that repeats it.
        notes: what the reader must know: padding, silence, degenerate masks.
        extra: further tables, title -> rows of (name, value), e.g. known evidence of the demo.
        methods: the methods that stand side by side; empty for a report of one method.
        refusals: which of them could not explain which stretch, and why.
        overview: every window of a long recording explained; None where nobody asked.
    """

    clip_name: str
    facts: Mapping[str, str]
    sections: Sequence[Section]
    timeline: Sequence[WindowPrediction]
    settings: Mapping[str, Any]
    command: str
    notes: Sequence[str] = ()
    extra: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    methods: Sequence[str] = ()
    refusals: Sequence[Refusal] = ()
    overview: FullLengthMap | None = None

    def _repr_html_(self) -> str:
        return notebook_html(self, "report_html")
