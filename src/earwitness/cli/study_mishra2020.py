"""earwitness study mishra2020."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import SEED
from earwitness.cli.output import one_line
from earwitness.cli.study_options import (
    NamesOption,
    engine_of,
    engine_options,
    out_option,
    pace_bar,
    show_dry_run,
    show_run,
    source_of,
)


@click.command(epilog="Example: earwitness study mishra2020 --data jamendo-lyrics --held-out trained --out study")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="Annotated songs, in the layout of JamendoLyrics or of Jamendo's detection set.")
@out_option
@click.option("--model", "model_name", default="svd-jamendo", show_default=True, help="The singing voice detector.")
@click.option("--weights", type=click.Path(), help="Local weights file to use instead of the model's own.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps.")
@click.option("--held-out", type=click.Path(path_type=Path),
              help="Folder of 'earwitness train-voice': each song is explained by the network that has not heard it.")
@click.option("--songs", "--song", "only", cls=NamesOption,
              help="Compute these songs only, with commas between; a later run without it joins all.")
@click.option("--excerpts", type=click.IntRange(1, 1000), default=50, show_default=True, help="Per song.")
@click.option("--stable-excerpts", type=click.IntRange(1, 1000), default=25, show_default=True, help="Per song.")
@click.option("--grid-excerpts", type=click.IntRange(0, 1000), default=1, show_default=True, help="Per song.")
@click.option("--places", type=click.IntRange(1, 1000), default=10, show_default=True, help="Of splices, per song.")
@click.option("--mixes", type=click.IntRange(1, 1000), default=4, show_default=True, help="Splices per place.")
@click.option("--boundary-places", type=click.IntRange(0, 1000), default=20, show_default=True, help="Per song.")
@click.option("--fills", "--fill", "fills", cls=NamesOption,
              help="Fills to compare, with commas between; all if not given.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every draw.")
@engine_options
def mishra2020(
    data: Path, out: Path, held_out: Path | None, only: tuple[str, ...] | None, dry_run: bool, **options: Any
) -> None:
    """Are SoundLIME's explanations stable, does the fill change them, and which fill finds the truth?"""
    from earwitness.studies.mishra2020.plan import Mishra2020Plan
    from earwitness.studies.mishra2020.run import held_out_models, read_songs_and_models, run_mishra2020

    numbers = ("excerpts", "stable_excerpts", "grid_excerpts", "places", "mixes", "boundary_places", "seed")
    plan = Mishra2020Plan(**{name: options[name] for name in numbers}, fills=options["fills"] or ())
    engine, source = engine_of(options), source_of(options)
    models = source if held_out is None else held_out_models(held_out, device=source.device)
    inputs = read_songs_and_models(data, models, plan)
    if dry_run:
        show_dry_run(inputs, out, options)
        return
    with pace_bar("study", "pieces of songs") as on_pace:
        outcome = run_mishra2020(inputs, out, only=only or (), engine=engine, on_pace=on_pace)
    show_run(outcome.finished, "pieces of songs")
    if only:
        click.echo(f"computed: {one_line(', '.join(only))}; run it without --songs for tables and figures")
        return
    click.echo(outcome.findings["sentence"])
    click.echo(f"tables and figures: {one_line(out / 'summary.md')}")
