"""choose-fill: which fill to explain a model with, judged on data whose evidence is known."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earwitness.core.errors import DataError
from earwitness.datasets import jamendo, stems
from earwitness.models import AudioModel
from earwitness.perturb.fills import FILLS
from earwitness.studies.mishra2020.excerpts import load_recordings
from earwitness.studies.mishra2020.fills import usable_fills
from earwitness.studies.mishra2020.ground_truth import Recommendation, recommend, truth_rows
from earwitness.studies.mishra2020.spliced_excerpts import (
    Splice,
    SplicePlan,
    splice_at_boundaries,
    splice_scenes,
    splice_songs,
    splice_stems,
)

SCENES = "scenes"
ANNOTATED = "annotated"


@dataclass(frozen=True)
class FillChoice:
    """What ``choose_fill`` found.

    Attributes:
        recommendation: the fill, with its intervals and ties.
        rows: one per excerpt and fill.
        tried: excerpts with known evidence; those in which the model does not find the sound are left out.
        missing: fills this model does not allow, and why.
        command: the command line that explains a recording with the fill.
    """

    recommendation: Recommendation
    rows: pd.DataFrame
    tried: int
    missing: dict[str, str]
    command: str


def choose_fill(
    model: AudioModel, data: Path | str, *, plan: SplicePlan, target: str | None = None,
    fills: Sequence[str] = tuple(FILLS), most: int | None = None,
) -> FillChoice:
    """Find the fill whose explanations agree best with evidence that is known.

    Explanations are this library's ``slime``: every coalition once, cosine kernel.

    Args:
        model: any classifier with a window.
        data: annotated songs, a folder of stem pairs, or "scenes", which are synthesised.
        plan: parts and excerpts; the kind "annotated" takes real windows, divided where the annotation says.
        target: class to be found; None takes the first one (and of scenes the event's).
        fills: names of fills to compare.
        most: stop after this many excerpts in which the model finds the sound.

    Raises:
        DataError: no known layout, or no excerpt in which the model finds the sound.

    Source: Mishra et al. 2020, sec. V.
    """
    splices = _splices(model, data, plan, target)
    first = next(splices, None)
    if first is None:
        raise DataError(f"{data}: no place for a splice: the sound, and its absence, must last {model.window_s} s")
    minimum = float(first.features.values.min())
    allowed, missing = usable_fills(fills, first.features, model, first.parts, minimum=_minimum(model, minimum))
    rows, tried = truth_rows(itertools.chain([first], splices), fills=allowed, estimates=("cosine",),
                             seed=plan.seed, minimum=_minimum(model, minimum), most=most)
    table = pd.DataFrame(rows)
    if not rows:
        raise DataError(f"{data}: the model finds the sound in none of {tried} excerpts; nothing can be recommended")
    recommendation = recommend(table, seed=plan.seed)
    return FillChoice(recommendation, table, tried, missing, _command(
        model, plan.kind, recommendation.fill, None if str(data) == SCENES else model.class_name(first.target)))


def _splices(model: AudioModel, data: Path | str, plan: SplicePlan, target: str | None) -> Iterator[Splice]:
    if str(data) == SCENES:
        return splice_scenes(model, plan)
    folder = Path(data)
    if (folder / "annotations").is_dir() or (folder / "labels").is_dir():
        songs = jamendo.read_songs(folder)
        make = splice_at_boundaries if plan.kind == ANNOTATED else splice_songs
        return make(load_recordings(songs, model), plan, target=target)
    return splice_stems(stems.read_stem_pairs(folder), model, plan, target=target)


def _minimum(model: AudioModel, seen: float) -> float | None:
    """The front end's own minimum of its training set, else that of the first excerpt."""
    return None if getattr(model.front_end, "minimum", None) is not None else seen


def _command(model: AudioModel, kind: str, fill: str, target: str | None) -> str:
    words = ["earwitness", "explain", "FILE", "--model", model.name, "--method", "slime", "--set", f"fill={fill}"]
    if target is not None:
        words += ["--target", target]
    return shlex.join([*words, *(["--set", f"components={kind}"] if kind != ANNOTATED else [])])
