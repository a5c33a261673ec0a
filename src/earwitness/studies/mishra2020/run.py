"""The whole study on a folder of annotated songs: song by song, so that a run that was stopped continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from earwitness.datasets import jamendo
from earwitness.datasets.jamendo import Song
from earwitness.errors import DataError, unknown_name
from earwitness.files import make_folder, replacing
from earwitness.models import AudioModel, load_model
from earwitness.perturb.fill import FILLS
from earwitness.report.folder import folder_name
from earwitness.studies.mishra2020.fills import usable_fills
from earwitness.studies.mishra2020.game import games_of
from earwitness.studies.mishra2020.items import Recording, model_for, number_of, seeded
from earwitness.studies.mishra2020.plan import StudyPlan
from earwitness.studies.mishra2020.sensitivity import sensitivity_rows
from earwitness.studies.mishra2020.splices import SplicePlan, at_boundaries, from_songs
from earwitness.studies.mishra2020.stability import KINDS, StabilityPlan, parts_of, stability_rows
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
    *, only: Sequence[str] = (), progress: Progress = lambda step, done: None,
) -> dict[str, pd.DataFrame]:
    """Compute all rows of the study.

    Args:
        data_dir: annotated songs, see ``datasets.jamendo.read``.
        models: one detector, or by song the one that has not heard it.
        out_dir: gets ``parts/SONG-TABLE.csv``; songs whose parts are there are not computed again.
        plan: how much.
        only: names of songs to compute now, for runs in pieces or side by side; empty does all.
        progress: called with the song and the share done.

    Returns:
        The tables "stability", "sensitivity", "truth", "boundaries" and "tried", all songs together.
    """
    songs = [song for song in jamendo.read(data_dir) if song.part in ("", "test")]
    for name in only:
        if name not in (song.name for song in songs):
            raise unknown_name("song", name, [song.name for song in songs])
    songs = [song for song in songs if not only or song.name in only]
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
    starts = recording.random_starts(plan.excerpts, generator=seeded(plan.seed, number))
    order = torch.randperm(len(starts), generator=seeded(plan.seed, number, 1)).tolist()
    first = recording.excerpt(starts[0]).features
    fills, _ = usable_fills(plan.fills or FILLS, first, model, parts_of("temporal", first, model))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for k, place in enumerate(order):
        excerpt = recording.excerpt(starts[place])
        probability = float(model.probabilities(excerpt.features)[0, 0])
        for kind in KINDS:
            if kind == "grid" and k >= plan.grid_excerpts:
                continue
            games = games_of(excerpt.features, model, parts_of(kind, excerpt.features, model), fills, seed=plan.seed)
            if kind != "grid":
                rows["sensitivity"] += sensitivity_rows(excerpt, number + k, games, kind=kind, probability=probability,
                                                        seed=plan.seed)
            if k < plan.stable_excerpts:
                stable = StabilityPlan(plan.grid_samples if kind == "grid" else plan.samples, seed=plan.seed)
                rows["stability"] += stability_rows(excerpt, number + k, games, kind=kind, plan=stable)
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
