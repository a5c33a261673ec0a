"""A long clip, explained window by window: the evidence is joined along time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features, Progress
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import spec_of
from earwitness.models.audio_model import AudioModel
from earwitness.models.overlap_add import OverlapAdd
from earwitness.models.windows import WindowLayout, Windows
from earwitness.targets.counted_score import CountedScore, Precision, SharedForward
from earwitness.targets.resolved import ResolvedTarget

MethodFunction = Callable[..., Evidence]


@dataclass(eq=False)
class WindowedEvidence:
    """The evidence of one target, window after window.

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

    def add(self, k: int, evidence: Evidence, score: CountedScore) -> None:
        """Add the evidence of window k, and what it cost the score."""
        for name, plane in (("values", evidence.values), ("uncertainty", evidence.uncertainty)):
            if plane is not None:
                done = self._overlap_adds[name].add(plane[0].detach(), self.layout.first_column(k))
                self._planes[name].append(done)
        self.components += evidence.components or ()
        for name, fact in (evidence.facts or {}).items():
            self.facts.setdefault(name, []).extend(fact)
        self.passes = {name: count + score.passes[name] for name, count in self.passes.items()}
        if score.deviation is not None:
            self.deviation = max(score.deviation, self.deviation or 0.0)

    def joined(self, name: str) -> Tensor | None:
        """Return "values" or "uncertainty" of all windows, (freq, time); None where the method has none.

        Where windows overlap, the uncertainty is the mean of theirs, an upper limit for that of the mean.
        """
        planes = self._planes[name]
        return torch.cat([*planes, self._overlap_adds[name].flush()], 1) if planes else None


def explain_windows(
    method: MethodFunction, model: AudioModel, windows: Windows, targets: Sequence[ResolvedTarget], *,
    batch: int, precision: Precision, seed: int, settings: Mapping[str, Any], progress: Progress | None,
) -> list[WindowedEvidence]:
    """Explain one window at a time, each from the same seed; several targets share the passes of a window.

    A window without any answer that is explained has no evidence and costs no pass.

    Args:
        method: a function of ``METHODS``.
        model: with the network that is asked.
        windows: of the recording.
        targets: what is explained, one or more.
        batch: items that the network takes at once.
        precision: of the scores.
        seed: of the method's draws.
        settings: of the method.
        progress: called with the share done.

    Returns:
        One entry per target.
    """
    layout = windows.layout
    by_target = [WindowedEvidence(layout) for _ in targets]
    window_s = layout.window_samples / layout.sample_rate_hz
    takes, n_done, n_all = spec_of(method).parameters, 0, len(windows) * len(targets)
    for k, item in enumerate(windows):
        start_s = layout.start_s(k)
        scores = [target.score_for(model, item, start_s=start_s) for target in targets]
        shared = SharedForward(scores) if len(scores) > 1 else None
        for target, score, windowed in zip(targets, scores, by_target, strict=True):
            counted = CountedScore(score, batch=batch, precision=precision, shared=shared)
            extra: dict[str, Any] = {}
            if "generator" in takes:
                extra["generator"] = torch.Generator().manual_seed(seed)
            if "progress" in takes and progress is not None:
                extra["progress"] = shifted(progress, n_done, n_all)
            if target.overlaps(start_s, window_s):
                evidence = _checked(method(counted, item, **settings, **extra), item)
            else:
                evidence = Evidence(torch.zeros_like(item.values))
            windowed.add(k, evidence, counted)
            n_done += 1
    return by_target


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
