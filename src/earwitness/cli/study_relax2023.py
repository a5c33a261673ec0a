"""earwitness study relax2023."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.output import one_line, progress_bar


@click.command(epilog="Example: earwitness study relax2023 --data animals --model animals --out relax-animals")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="The animal-sound set, or a folder in ESC-50's layout.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write; a stopped run goes on.")
@given.model_options
@click.option("--clips", "n_clips", type=click.IntRange(0, 100_000), default=20, show_default=True,
              help="Recordings of the test fold to explain.")
@click.option("--scenes", "n_scenes", type=click.IntRange(0, 100_000), default=0, show_default=True,
              help="Scenes with known evidence to build and explain.")
@click.option("--backgrounds", help="Classes that lie under the scenes' events, with commas between.")
@click.option("--masks", "n_masks", type=click.IntRange(2, 10**6), default=3000, show_default=True,
              help="Masks of each explanation.")
@click.option("--check-masks", type=click.IntRange(2, 10**6), default=500, show_default=True,
              help="Masks where a check makes an explanation again.")
@click.option("--blocks", type=click.IntRange(2, 10**5), default=100, show_default=True,
              help="Steps of pixel flipping.")
@click.option("--seed", type=given.SEED, default=0, show_default=True, help="Seed of every draw.")
def relax2023(
    data: Path, out: Path, n_clips: int, n_scenes: int, backgrounds: str | None, n_masks: int, check_masks: int,
    blocks: int, seed: int, **options: Any,
) -> None:
    """What an embedding listens to, how sure we are, and whether it is true."""
    from earwitness.studies.relax2023 import Budget, Relax2023Plan, run_relax2023

    names = Relax2023Plan.backgrounds if backgrounds is None else tuple(name.strip() for name in backgrounds.split(","))
    effort = Budget(n_masks=n_masks, n_masks_checks=check_masks, n_blocks=blocks)
    plan = Relax2023Plan(n_clips, n_scenes, names, effort=effort, seed=seed)
    with progress_bar("relax2023", quiet=False) as progress:
        found = run_relax2023(data, given.load_with_options(options), out, plan, progress=progress)
    for split, (share, low, high) in found["accuracy"].items():
        click.echo(f"{split} split: accuracy {share:.1%} (95 % interval {low:.1%} to {high:.1%})")
    click.echo(f"{found['explained']} sounds explained and checked: {one_line(out / 'summary.md')}")
