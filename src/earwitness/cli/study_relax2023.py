"""earwitness study relax2023."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
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


@click.command(epilog="Example: earwitness study relax2023 --data animals --model animals --out relax-animals")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="The animal-sound set, or a folder in ESC-50's layout.")
@out_option
@given.model_options
@click.option("--clips", "n_clips", type=click.IntRange(0, 100_000), default=20, show_default=True,
              help="Recordings of the test fold to explain.")
@click.option("--scenes", "n_scenes", type=click.IntRange(0, 100_000), default=0, show_default=True,
              help="Scenes with known evidence to build and explain.")
@click.option("--backgrounds", cls=NamesOption, help="Classes that lie under the scenes' events, with commas between.")
@click.option("--masks", "n_masks", type=click.IntRange(2, 10**6), default=3000, show_default=True,
              help="Masks of each explanation.")
@click.option("--check-masks", "n_masks_checks", type=click.IntRange(2, 10**6), default=500, show_default=True,
              help="Masks where a check makes an explanation again.")
@click.option("--blocks", "n_blocks", type=click.IntRange(2, 10**5), default=100, show_default=True,
              help="Steps of pixel flipping.")
@click.option("--seed", type=given.SEED, default=0, show_default=True, help="Seed of every draw.")
@engine_options
def relax2023(data: Path, out: Path, dry_run: bool, backgrounds: tuple[str, ...] | None, **options: Any) -> None:
    """What an embedding listens to, how sure we are, and whether it is true."""
    from earwitness.studies.relax2023 import Budget, Relax2023Plan, read_sounds_and_model, run_relax2023

    effort = Budget(**{name: options[name] for name in ("n_masks", "n_masks_checks", "n_blocks")})
    plan = Relax2023Plan(options["n_clips"], options["n_scenes"], backgrounds or Relax2023Plan.backgrounds,
                         effort=effort, seed=options["seed"])
    engine, source = engine_of(options), source_of(options)
    inputs = read_sounds_and_model(data, source, plan)
    if dry_run:
        again = 8 * (1 + effort.n_changes + effort.cascade_steps) + 4
        click.echo(f"{plan.n_clips} clips and {plan.n_scenes} scenes, each explained 8 times by {effort.n_masks:,} "
                   f"masks and {again} times by {effort.n_masks_checks:,}; before that {len(inputs.data.paths)} "
                   "embeddings:")
        show_dry_run(inputs.embedding, out / "embeddings", options)
        return
    with pace_bar("relax2023", "sounds") as on_pace:
        outcome = run_relax2023(inputs, out, engine=engine, on_pace=on_pace)
    for split, (share, low, high) in outcome.findings["accuracy"].items():
        click.echo(f"{split} split: accuracy {share:.1%} (95 % interval {low:.1%} to {high:.1%})")
    show_run(outcome.finished, "sounds")
    click.echo(f"explained and checked: {one_line(out / 'summary.md')}")
