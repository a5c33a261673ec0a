"""The whole study on a folder of annotated songs: song by song, so that a run that was stopped continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.datasets import jamendo
from earwitness.datasets.jamendo import Song
from earwitness.errors import DataError
from earwitness.files import make_folder, replacing
from earwitness.models import AudioModel, load_model
from earwitness.perturb.fill import FILLS
from earwitness.report.folder import folder_name
from earwitness.studies.mishra2020.fills import usable_fills
from earwitness.studies.mishra2020.items import Recording, model_for, number_of, seeded
from earwitness.studies.mishra2020.plan import StudyPlan
from earwitness.studies.mishra2020.sensitivity import sensitivity_rows
from earwitness.studies.mishra2020.splices import SplicePlan, at_boundaries, from_songs
from earwitness.studies.mishra2020.stability import StabilityPlan, parts_of, stability_rows
from earwitness.studies.mishra2020.truth import truth_rows

TABLES = ("stability", "sensitivity", "truth", "boundaries", "tried")
Progress = Callable[[str, float], None]


def held_out_models(folder: Path) -> dict[str, AudioModel]:
    """Return, for each song, the network of a cross-validation that has not heard it.

    Args:
        folder: where ``train_detector`` left ``fold-1``, ``fold-2`` ...

    Raises:
        DataError: there are none.
    """
    models = [load_model(place) for place in sorted(folder.glob("fold-*")) if (place / "card.json").is_file()]
    found = {song: model for model in models for song in model.card["training"]["held_out"]}
    if not found:
        raise DataError(f"{folder}: no folds with a card; expected the folder that 'earwitness train-voice' wrote")
    return found


def run_study(
    data_dir: Path, models: AudioModel | dict[str, AudioModel], out_dir: Path, plan: StudyPlan,
    *, progress: Progress = lambda step, done: None,
) -> dict[str, pd.DataFrame]:
    """Compute all rows of the study.

    Args:
        data_dir: annotated songs, see ``datasets.jamendo.read``.
        models: one detector, or by song the one that has not heard it.
        out_dir: gets ``parts/SONG-TABLE.csv``; songs whose parts are there are not computed again.
        plan: how much.
        progress: called with the song and the share done.

    Returns:
        The tables "stability", "sensitivity", "truth", "boundaries" and "tried", all songs together.
    """
    songs = [song for song in jamendo.read(data_dir) if song.part in ("", "test")]
    make_folder(out_dir / "parts")
    for k, song in enumerate(songs):
        progress(song.name, k / len(songs))
        paths = {name: out_dir / "parts" / f"{folder_name(song.name)}-{name}.csv" for name in TABLES}
        if not all(path.is_file() for path in paths.values()):
            for name, rows in _one_song(song, models, plan).items():
                with replacing(paths[name]) as temporary:
                    pd.DataFrame(rows).to_csv(temporary, index=False)
    return {name: _together(out_dir, songs, name) for name in TABLES}


def _one_song(song: Song, models: AudioModel | dict[str, AudioModel], plan: StudyPlan) -> dict[str, Any]:
    model = model_for(models, song.name)
    recording = Recording.load(song, model)
    number = number_of(song.name)
    starts = {name: recording.random_starts(count, generator=seeded(plan.seed, number, k)) for k, (name, count) in
              enumerate((("stability", plan.stability_excerpts), ("sensitivity", plan.sensitivity_excerpts)))}
    first = recording.excerpt(starts["stability"][0]).features
    fills, _ = usable_fills(plan.fills or FILLS, first, model, parts_of("temporal", first, model))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    stable = StabilityPlan(samples=plan.samples, seed=plan.seed)
    for k, start_s in enumerate(starts["stability"]):
        excerpt = recording.excerpt(start_s)
        for kind in ("temporal", "spectral"):
            rows["stability"] += stability_rows(excerpt, number + k, model, kind=kind, fills=fills, plan=stable)
        if k < plan.grid_excerpts:
            rows["stability"] += stability_rows(excerpt, number + k, model, kind="grid", fills=fills,
                                                plan=replace(stable, samples=plan.grid_samples))
    for k, start_s in enumerate(starts["sensitivity"]):
        excerpt = recording.excerpt(start_s)
        for kind in ("temporal", "spectral"):
            rows["sensitivity"] += sensitivity_rows(excerpt, number + k, model, kind=kind, fills=fills, seed=plan.seed)
    for name, splices in (
        ("truth", from_songs([song], model, SplicePlan(places=plan.places, mixes=plan.mixes, seed=plan.seed))),
        ("boundaries", at_boundaries([song], model, SplicePlan(places=max(1, plan.boundary_places), seed=plan.seed))),
    ):
        if name == "truth" or plan.boundary_places:
            rows[name], tried = truth_rows(splices, fills=fills, seed=plan.seed)
            rows["tried"].append({"song": song.name, "table": name, "tried": tried})
    return rows


def _together(out_dir: Path, songs: Sequence[Song], name: str) -> pd.DataFrame:
    paths = [out_dir / "parts" / f"{folder_name(song.name)}-{name}.csv" for song in songs]
    tables = [pd.read_csv(path) for path in paths if path.read_text(encoding="utf-8").strip()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
