"""earwitness study mishra2020."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.options import SEED
from earwitness.cli.output import one_line, progress_bar


@click.command(epilog="Example: earwitness study mishra2020 --data jamendo-lyrics --held-out trained --out study")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="Annotated songs, in the layout of JamendoLyrics or of Jamendo's detection set.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for tables and figures.")
@click.option("--model", "model_name", default="svd-jamendo", show_default=True, help="The singing voice detector.")
@click.option("--weights", type=click.Path(), help="Local weights file to use instead of the model's own.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps.")
@click.option("--held-out", type=click.Path(path_type=Path),
              help="Folder of 'earwitness train-voice': each song is explained by the network that has not heard it.")
@click.option("--song", "only", multiple=True, help="Compute this song only; a later run without it joins all.")
@click.option("--excerpts", type=click.IntRange(1, 1000), default=50, show_default=True, help="Per song.")
@click.option("--stable-excerpts", type=click.IntRange(1, 1000), default=25, show_default=True, help="Per song.")
@click.option("--grid-excerpts", type=click.IntRange(0, 1000), default=1, show_default=True, help="Per song.")
@click.option("--places", type=click.IntRange(1, 1000), default=10, show_default=True, help="Of splices, per song.")
@click.option("--mixes", type=click.IntRange(1, 1000), default=4, show_default=True, help="Splices per place.")
@click.option("--boundary-places", type=click.IntRange(0, 1000), default=20, show_default=True, help="Per song.")
@click.option("--fill", "fills", multiple=True, help="A fill to compare; all if not given.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every draw.")
def mishra2020(data: Path, out: Path, held_out: Path | None, only: tuple[str, ...], **options: Any) -> None:
    """Are SoundLIME's explanations stable, does the fill change them, and which fill finds the truth?"""
    from earwitness.studies.mishra2020.plan import Mishra2020Plan
    from earwitness.studies.mishra2020.run import held_out_models, run_mishra2020
    from earwitness.studies.mishra2020.tables import write_mishra2020

    names = ("model_name", "weights", "device")
    plan = Mishra2020Plan(**{name: value for name, value in options.items() if name not in names})
    models = given.load_with_options(options) if held_out is None else held_out_models(held_out)
    with progress_bar("study", quiet=False) as progress:
        found = run_mishra2020(data, models, out, plan, only=only, progress=progress)
    if only:
        click.echo(f"computed: {', '.join(only)}; run it without --song for tables and figures")
        return
    click.echo(write_mishra2020(found, out, seed=plan.seed))
    click.echo(f"tables and figures: {one_line(out / 'summary.md')}")
