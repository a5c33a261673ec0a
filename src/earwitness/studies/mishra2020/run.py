"""The whole study on a folder of annotated songs: rows, tables, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from earwitness.core.errors import DataError, unknown_name
from earwitness.datasets import jamendo
from earwitness.experiments.facts import ModelSource, load_source, model_facts
from earwitness.experiments.local import do_locally
from earwitness.experiments.run import Engine, OnPace, run_experiment
from earwitness.models.catalogue import read_card
from earwitness.studies.mishra2020.excerpts import Models, check_window, model_for
from earwitness.studies.mishra2020.plan import Mishra2020Plan
from earwitness.studies.mishra2020.tables import write_mishra2020
from earwitness.studies.mishra2020.tasks import Mishra2020Inputs, song_facts
from earwitness.studies.outcome import Outcome, write_failures


def held_out_models(folder: Path, *, device: str = "cpu") -> dict[str, ModelSource]:
    """Return, for each song, where the network of a cross-validation is that has not heard it.

    Args:
        folder: where ``train_detector`` left ``fold-1``, ``fold-2`` ...
        device: where the networks will run.

    Raises:
        DataError: there are none.
    """
    model_folders = [path.parent for path in sorted(folder.glob("fold-*/card.json")) if path.is_file()]
    sources = {song: ModelSource(str(model_folder), device=device) for model_folder in model_folders
               for song in read_card(model_folder / "card.json").training["held_out"]}
    if not sources:
        raise DataError(f"{folder}: no folds with a card; expected the folder that 'earwitness train-voice' wrote")
    return sources


def read_songs_and_models(data_dir: Path, models: Models, plan: Mishra2020Plan) -> Mishra2020Inputs:
    """Check songs and models, and return the study as an experiment.

    Args:
        data_dir: annotated songs, see ``datasets.jamendo.read_songs``.
        models: one detector, or by song the one that has not heard it; given themselves or by their sources.
        plan: how much.

    Raises:
        DataError: no known layout.
        ParameterError: no such model, or none for a song, or one that hears clips of any length.
    """
    songs = tuple(song for song in jamendo.read_songs(data_dir) if song.part in ("", "test"))
    sources = {id(source): source for source in (model_for(models, song.name) for song in songs)}
    own = {}
    for key, source in sources.items():
        model = load_source(source)
        check_window(model)
        own[key] = model_facts(model)
    names = {song.name: own[id(model_for(models, song.name))] for song in songs} if isinstance(models, Mapping) else \
        next(iter(own.values()), {})
    return Mishra2020Inputs(plan, songs, models, {**song_facts(songs), "models": names})


def run_mishra2020(
    inputs: Mishra2020Inputs, out: Path, *, only: Sequence[str] = (), engine: Engine = do_locally,
    on_pace: OnPace = lambda pace: None,
) -> Outcome:
    """Compute all rows of the study, or those that are missing, and write tables and figures.

    Args:
        inputs: see ``read_songs_and_models``.
        out: folder; gets ``tasks/``, a file for a few excerpts of a song, and what ``write_mishra2020`` writes.
        only: names of songs to compute now; then no tables are written, as they are of all songs.
        engine: see ``run_experiment``.
        on_pace: see ``run_experiment``; items are pieces of songs.

    Returns:
        Rows in the tables "stability", "sensitivity", "truth", "boundaries" and "tried". Findings: "sentence", the
        fill that is recommended, and why; none with ``only``.

    Raises:
        ParameterError: the folder holds the rows of another plan, or there is no such song.
        EarwitnessError: another run is at work in the folder.
    """
    song_names = [song.name for song in inputs.songs]
    for name in only:
        if name not in song_names:
            raise unknown_name("song", name, song_names)
    tasks = [task for task in inputs.tasks() if not only or task.payload["song"] in only]
    finished = run_experiment(inputs, out, tasks=tasks, engine=engine, on_pace=on_pace)
    write_failures(finished.failures, out)
    if only:
        return Outcome(finished)
    sentence = write_mishra2020(finished.tables, out, seed=inputs.plan.seed)
    return Outcome(finished, {"page": out / "summary.md"}, {"sentence": sentence})
