"""How far fewer masks or coalitions go when they are balanced rather than drawn independently."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, cast

from scipy import stats
from torch import Tensor

from earwitness.bench.floor import forward_floor
from earwitness.bench.row import BenchRow, Condition, Peer
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import recordings
from earwitness.bench.timing import timed
from earwitness.core.types import Attribution, Clip
from earwitness.methods import explain
from earwitness.models import AudioModel, load_model

MODEL = "esc10-mel"
PLAIN, BALANCED = "independent", "balanced"
REFERENCE_SEED = 1_000_000
FEWER_MASKS, FEWER_SAMPLES = 3, 2


@dataclass(frozen=True)
class Trial:
    """What is compared.

    Attributes:
        method: name of the method.
        size: its setting that says how much is drawn.
        plain: that setting for plain sampling.
        balanced: that setting for balanced sampling.
        reference: that setting for the reference, drawn with another seed, balanced: both samplings have the same
            limit, and this is nearer to it.
        judge: (result, reference) -> how far or how close they are.
    """

    method: str
    size: str
    plain: int
    balanced: int
    reference: int
    judge: Callable[[Attribution, Attribution], float]


@dataclass(frozen=True)
class Verdict:
    """What came out.

    Attributes:
        judged: sampling -> mean over the seeds, one number per clip.
        seconds: sampling -> seconds of every run.
    """

    judged: dict[str, list[float]]
    seconds: dict[str, list[float]]


def relax_at_equal_error(setup: Setup) -> BenchRow:
    """Compare samplings of RELAX on the bundled model."""
    return relax_samples_row(load_model(MODEL), recordings(setup), setup)


def lime_at_equal_error(setup: Setup) -> BenchRow:
    """Compare samplings of LIME on the bundled model."""
    return lime_samples_row(load_model(MODEL), recordings(setup), setup)


def relax_samples_row(model: AudioModel, clips: Sequence[Clip], setup: Setup) -> BenchRow:
    """Compare the error of RELAX with n plain and n / 3 balanced masks to many balanced masks.

    Args:
        model: an encoder.
        clips: recordings; every one is explained with as many seeds as the setup has repeats.
        setup: has the counts.
    """
    trial = Trial("relax", "n_masks", setup.plain_masks, setup.plain_masks // FEWER_MASKS, setup.reference_masks,
                  squared_error)
    verdict = compare(model, clips, trial, setup)
    balanced, plain = (math.sqrt(mean(verdict.judged[sampling])) for sampling in (BALANCED, PLAIN))
    clips_reached = sum(b <= p for b, p in zip(verdict.judged[BALANCED], verdict.judged[PLAIN], strict=True))
    return _row(
        f"RELAX at equal error, {model.name}, {trial.balanced:,} balanced masks", model, clips, trial, verdict,
        Condition("error/plain error", "<=", 1.0), balanced / plain,
        (f"RMSE {balanced:.2e}, plain {plain:.2e}, to {trial.reference:,} balanced masks, whose own error is in both",
         f"{len(clips)} clips, {setup.repeats} seeds; no worse on {clips_reached} of {len(clips)} clips",
         f"for the same error plain sampling needs {trial.plain / trial.balanced * (plain / balanced) ** 2:.1f} times "
         "as many masks"), setup)


def lime_samples_row(model: AudioModel, clips: Sequence[Clip], setup: Setup) -> BenchRow:
    """Compare the ranks of LIME's weights with n plain and n / 2 balanced coalitions to those of many more.

    Args:
        model: a classifier.
        clips: recordings; every one is explained with as many seeds as the setup has repeats.
        setup: has the counts.
    """
    trial = Trial("lime", "n_samples", setup.plain_samples, setup.plain_samples // FEWER_SAMPLES,
                  setup.reference_samples, map_rank_correlation)
    verdict = compare(model, clips, trial, setup)
    balanced, plain = (mean(verdict.judged[sampling]) for sampling in (BALANCED, PLAIN))
    clips_reached = sum(b >= p for b, p in zip(verdict.judged[BALANCED], verdict.judged[PLAIN], strict=True))
    return _row(
        f"LIME at equal error, {model.name}, {trial.balanced:,} balanced samples", model, clips, trial, verdict,
        Condition("rank correlation - plain", ">=", 0.0), balanced - plain,
        (f"rank correlation {balanced:.4f}, plain {plain:.4f}, with {trial.reference:,} balanced samples",
         f"{len(clips)} clips, {setup.repeats} seeds; no worse on {clips_reached} of {len(clips)} clips"), setup)


def compare(model: AudioModel, clips: Sequence[Clip], trial: Trial, setup: Setup) -> Verdict:
    """Explain every clip with both samplings and several seeds, in turn, and judge each result by the reference."""
    judged: dict[str, list[float]] = {BALANCED: [], PLAIN: []}
    seconds: dict[str, list[float]] = {BALANCED: [], PLAIN: []}
    model.network.to(setup.device)
    for clip in clips:
        reference = _explain(model, clip, trial, BALANCED, trial.reference, REFERENCE_SEED)
        judged_of_clip: dict[str, list[float]] = {BALANCED: [], PLAIN: []}
        for seed in range(setup.repeats):
            for sampling, count in ((BALANCED, trial.balanced), (PLAIN, trial.plain)):
                taken_s, result = timed(
                    lambda s=sampling, n=count, r=seed, c=clip: _explain(model, c, trial, s, n, r),  # type: ignore[misc]
                    device=setup.device)
                seconds[sampling].append(taken_s)
                judged_of_clip[sampling].append(trial.judge(cast(Attribution, result), reference))
        for sampling, numbers in judged_of_clip.items():
            judged[sampling].append(mean(numbers))
    return Verdict(judged, seconds)


def squared_error(result: Attribution, reference: Attribution) -> float:
    """Mean squared difference of two planes."""
    return float((result.values - reference.values).double().square().mean())


def map_rank_correlation(result: Attribution, reference: Attribution) -> float:
    """Spearman's rank correlation of two sets of component weights."""
    weights = [cast(Tensor, a.components.weights).numpy() for a in (result, reference)]  # type: ignore[union-attr]
    return float(stats.spearmanr(*weights).statistic)


def _explain(model: AudioModel, clip: Clip, trial: Trial, sampling: str, count: int, seed: int) -> Attribution:
    settings: dict[str, Any] = {"sampling": sampling, trial.size: count}
    attribution: Attribution = explain(model, clip, trial.method, seed=seed, **settings)
    return attribution


def _row(
    work: str, model: AudioModel, clips: Sequence[Clip], trial: Trial, verdict: Verdict, condition: Condition,
    figure: float, notes: tuple[str, ...], setup: Setup,
) -> BenchRow:
    floor, floor_note = forward_floor(model.network, model.features(clips[0]).values, trial.balanced, setup)
    floor_s = median(timed(floor, device=setup.device)[0] for _ in range(setup.repeats))
    return BenchRow(work, median(verdict.seconds[BALANCED]), floor_s,
               (Peer(f"plain sampling, {trial.plain:,}", seconds=median(verdict.seconds[PLAIN])),),
               (condition,), {condition.figure: figure}, (*notes, floor_note))
