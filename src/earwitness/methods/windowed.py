"""Ask a method about one window after the other, and join what it finds along time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence, Progress
from earwitness.methods.method_spec import spec_of
from earwitness.models.audio_model import AudioModel
from earwitness.models.overlap_add import OverlapAdd
from earwitness.models.windows import WindowLayout, Windows
from earwitness.targets.objective import Question
from earwitness.targets.scores import CountedScore, Precision, SharedForward

MethodFunction = Callable[..., Evidence]


@dataclass(frozen=True, eq=False)
class Query:
    """What the network is asked, and how.

    Attributes:
        model: with the network that is asked.
        questions: one or more about the same inputs.
        batch: items at once.
        precision: of the scores.
    """

    model: AudioModel
    questions: Sequence[Question]
    batch: int
    precision: Precision


@dataclass(eq=False)
class WindowedEvidence:
    """What a method found for one question, window after window.

    Attributes:
        layout: how the windows lie along time.
        components: of all windows so far.
        facts: of the method, name -> one entry per window.
        passes: spent so far.
        deviation: largest that bf16 made, None in fp32.
    """

    layout: WindowLayout
    components: list[Any] = field(default_factory=list)
    facts: dict[str, list[Any]] = field(default_factory=dict)
    passes: dict[str, int] = field(default_factory=lambda: {"forward": 0, "backward": 0})
    deviation: float | None = None

    def __post_init__(self) -> None:
        self._overlap_adds = {name: OverlapAdd(crossfade=self.layout.overlaps) for name in ("values", "uncertainty")}
        self._planes: dict[str, list[Tensor]] = {name: [] for name in self._overlap_adds}

    def add(self, k: int, evidence: Evidence, asked: CountedScore) -> None:
        """Add what was found in window k."""
        for name, plane in (("values", evidence.values), ("uncertainty", evidence.uncertainty)):
            if plane is not None:
                done = self._overlap_adds[name].add(plane[0].detach(), self.layout.first_column(k))
                self._planes[name].append(done)
        self.components += evidence.components or ()
        for name, fact in (evidence.facts or {}).items():
            self.facts.setdefault(name, []).extend(fact)
        self.passes = {name: count + asked.passes[name] for name, count in self.passes.items()}
        if asked.deviation is not None:
            self.deviation = max(asked.deviation, self.deviation or 0.0)

    def joined(self, name: str) -> Tensor | None:
        """Return "values" or "uncertainty" of all windows, (freq, time); None where the method has none.

        Where windows overlap, the uncertainty is the mean of theirs, an upper limit for that of the mean.
        """
        planes = self._planes[name]
        return torch.cat([*planes, self._overlap_adds[name].flush()], 1) if planes else None


def explain_windows(
    method: MethodFunction, asking: Query, windows: Windows, seed: int, settings: Mapping[str, Any],
    progress: Progress | None,
) -> list[WindowedEvidence]:
    """Explain one window at a time, each from the same seed; several questions share the passes of a window.

    A window without any answer that is asked about has no evidence and costs no pass.

    Returns:
        One entry per question.
    """
    layout = windows.layout
    found = [WindowedEvidence(layout) for _ in asking.questions]
    window_s = layout.window_samples / layout.sample_rate_hz
    takes, done = spec_of(method).parameters, 0
    for k, item in enumerate(windows):
        start_s = layout.start_s(k)
        scores = [question.about(asking.model, item, start_s=start_s) for question in asking.questions]
        shared = SharedForward(scores) if len(scores) > 1 else None
        for place, score in enumerate(scores):
            asked = CountedScore(score, batch=asking.batch, precision=asking.precision, shared=shared, place=place)
            extra: dict[str, Any] = {}
            if "generator" in takes:
                extra["generator"] = torch.Generator().manual_seed(seed)
            if "progress" in takes and progress is not None:
                extra["progress"] = shifted(progress, done, len(windows) * len(scores))
            if asking.questions[place].touches(start_s, window_s):
                evidence = _checked(method(asked, item, **settings, **extra), item)
            else:
                evidence = Evidence(torch.zeros_like(item.values))
            found[place].add(k, evidence, asked)
            done += 1
    return found


def _checked(evidence: object, item: Features) -> Evidence:
    """Refuse what a method of one's own may have returned by mistake."""
    if not isinstance(evidence, Evidence):
        raise ParameterError(f"the method returned a {type(evidence).__name__}; expected "
                             "earwitness.methods.Evidence(values)")
    if not isinstance(evidence.values, Tensor) or evidence.values.shape != item.values.shape:
        got = getattr(evidence.values, "shape", type(evidence.values).__name__)
        raise ParameterError(f"the method returned values {got}; expected the shape of the features, "
                             f"{tuple(item.values.shape)}")
    return evidence


def shifted(progress: Progress, k: int, n: int) -> Progress:
    """Return the progress of part k of n."""
    return lambda done: progress((k + done) / n)
