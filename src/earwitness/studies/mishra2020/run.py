"""The whole study on a folder of annotated songs: song by song, so that a run that was stopped continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import DataError, unknown_name
from earwitness.datasets import jamendo
from earwitness.datasets.jamendo import Song
from earwitness.models import AudioModel, load_model
from earwitness.perturb.fills import FILLS
from earwitness.report.folder import folder_name
from earwitness.studies.mishra2020.excerpts import SongRecording, model_for, number_of, seeded
from earwitness.studies.mishra2020.fills import games_of, usable_fills
from earwitness.studies.mishra2020.ground_truth import truth_rows
from earwitness.studies.mishra2020.plan import Mishra2020Plan
from earwitness.studies.mishra2020.sensitivity import sensitivity_rows
from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan, splice_at_boundaries, splice_songs
from earwitness.studies.mishra2020.stability import StabilityPlan, parts_of, stability_rows

PIECE = 2
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


def run_mishra2020(
    data_dir: Path, models: AudioModel | dict[str, AudioModel], out_dir: Path, plan: Mishra2020Plan,
    *, only: Sequence[str] = (), progress: Progress = lambda step, done: None,
) -> dict[str, pd.DataFrame]:
    """Compute all rows of the study.

    Args:
        data_dir: annotated songs, see ``datasets.jamendo.read``.
        models: one detector, or by song the one that has not heard it.
        out_dir: gets ``parts/``, one file for a few excerpts of a song; what is there is not computed again.
        plan: how much.
        only: names of songs to compute now, for runs in pieces or side by side; empty does all.
        progress: called with the song and the share done.

    Returns:
        The tables "stability", "sensitivity", "truth", "boundaries" and "tried", all songs together.
    """
    songs = [song for song in jamendo.read_songs(data_dir) if song.part in ("", "test")]
    for name in only:
        if name not in (song.name for song in songs):
            raise unknown_name("song", name, [song.name for song in songs])
    songs = [song for song in songs if not only or song.name in only]
    make_folder(out_dir / "parts")
    for k, song in enumerate(songs):
        missing = [piece for piece in _pieces(plan) if not _path(out_dir, song, piece).is_file()]
        recording = SongRecording.load(song, model_for(models, song.name)) if missing else None
        for j, piece in enumerate(missing):
            progress(song.name, (k + j / len(missing)) / len(songs))
            assert recording is not None
            with replacing(_path(out_dir, song, piece)) as temporary:
                pd.DataFrame(_compute(recording, plan, piece)).to_csv(temporary, index=False)
    return _joined(out_dir, songs, plan)


@dataclass(frozen=True)
class _Piece:
    """Part of one song's work, computed and written at once: the excerpts or places from first to last - 1."""

    kind: str
    first: int
    last: int


def _pieces(plan: Mishra2020Plan) -> list[_Piece]:
    numbers = {"truth": plan.places, "excerpts": plan.excerpts, "boundaries": plan.boundary_places,
               "grid": min(plan.grid_excerpts, plan.stable_excerpts)}
    return [_Piece(kind, first, min(first + PIECE, number))
            for kind, number in numbers.items() for first in range(0, number, PIECE)]


def _path(out_dir: Path, song: Song, piece: _Piece) -> Path:
    return out_dir / "parts" / f"{folder_name(song.name)}-{piece.kind}-{piece.first}-{piece.last}.csv"


def _compute(recording: SongRecording, plan: Mishra2020Plan, piece: _Piece) -> list[dict[str, Any]]:
    model, song = recording.model, recording.song
    first = recording.excerpt(0.0).features
    fills, _ = usable_fills(plan.fills or FILLS, first, model, parts_of("temporal", first, model))
    if piece.kind in ("excerpts", "grid"):
        kinds = ("grid",) if piece.kind == "grid" else ("temporal", "spectral")
        return _explain_excerpts(recording, plan, fills, kinds, range(piece.first, piece.last))
    spliced = piece.kind == "truth"
    splices = (splice_songs if spliced else splice_at_boundaries)([song], model, SplicePlan(
        places=piece.last, first_place=piece.first, mixes=plan.mixes, seed=plan.seed))
    rows, tried = truth_rows(splices, fills=fills, seed=plan.seed)
    return [{"table": piece.kind, **row} for row in rows] + [{"table": "tried", "song": song.name, "of": tried,
                                                              "top": piece.kind}]


def _explain_excerpts(
    recording: SongRecording, plan: Mishra2020Plan, fills: Sequence[str], kinds: Sequence[str], numbers: range
) -> list[dict[str, Any]]:
    """Sensitivity and stability of some of a song's random excerpts, from the same answers."""
    model, number = recording.model, number_of(recording.song.name)
    rows: list[dict[str, Any]] = []
    for k in numbers:
        excerpt = recording.excerpt(recording.random_start(generator=seeded(plan.seed, number, k)))
        probability = float(model.probabilities(excerpt.features)[0, 0])
        for kind in kinds:
            games = games_of(excerpt.features, model, parts_of(kind, excerpt.features, model), fills, seed=plan.seed)
            if kind != "grid":
                rows += [{"table": "sensitivity", **row} for row in sensitivity_rows(
                    excerpt, number + k, games, kind=kind, probability=probability, seed=plan.seed)]
            if k < plan.stable_excerpts:
                stable = StabilityPlan(plan.grid_samples if kind == "grid" else plan.samples, seed=plan.seed)
                rows += [{"table": "stability", **row} for row in
                         stability_rows(excerpt, number + k, games, kind=kind, plan=stable)]
    return rows


def _joined(out_dir: Path, songs: Sequence[Song], plan: Mishra2020Plan) -> dict[str, pd.DataFrame]:
    paths = [_path(out_dir, song, piece) for song in songs for piece in _pieces(plan)]
    rows = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    found = {name: rows[rows["table"] == name].drop(columns="table").dropna(axis=1, how="all").reset_index(drop=True)
             for name in TABLES}
    found["tried"] = found["tried"].rename(columns={"of": "tried", "top": "table"})
    whole = ("samples", "U_n", "asked", "place", "mix", "of", "tried")
    return {name: table.astype({column: int for column in whole if column in table}) for name, table in found.items()}
