"""earwitness choose-fill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.options import SEED
from earwitness.cli.output import one_line


@click.command(name="choose-fill", epilog="Example: earwitness choose-fill --model esc10-mel --data scenes --places 2")
@given.model_options
@click.option("--data", default="scenes", show_default=True,
              help="Annotated songs, a folder of stem pairs, or 'scenes', which are synthesised.")
@click.option("--components", "kind", default="temporal", show_default=True,
              help="temporal, spectral, grid, or annotated (parts end where the annotation says).")
@click.option("--target", help="Class to be found; the model's first one if not given.")
@click.option("--places", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Places per recording.")
@click.option("--mixes", type=click.IntRange(1, 1000), default=4, show_default=True, help="Splices per place.")
@click.option("--inside", type=click.Choice(["stem", "mixture"]), default="stem", show_default=True,
              help="What spliced parts of stems hold.")
@click.option("--most", type=click.IntRange(1, 10**6), help="Stop after so many excerpts in which the sound is found.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of everything random.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the tables; nothing is written if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the fills and the recommendation as JSON, nothing else.")
def choose_fill_command(
    data: str, target: str | None, most: int | None, out: Path | None, as_json: bool, **options: Any
) -> None:
    """Find the fill whose explanations agree best with evidence that is known."""
    from earwitness.core.atomic_files import make_folder, replacing
    from earwitness.studies.mishra2020.choose_fill import choose_fill as choose
    from earwitness.studies.mishra2020.spliced_excerpts import SplicePlan

    plan = SplicePlan(**{name: options[name] for name in ("kind", "places", "mixes", "inside", "seed")})
    choice = choose(given.load_with_options(options), data, plan=plan, target=target, most=most)
    if as_json:
        fills = json.loads(choice.recommendation.table.to_json(orient="records"))
        click.echo(json.dumps({"fills": fills, "missing": dict(choice.missing), "tried": choice.tried,
                               "recommendation": choice.recommendation.sentence, "command": choice.command}, indent=1))
    else:
        _show(choice)
    if out is not None:
        make_folder(out)
        for name, table in (("excerpts", choice.rows), ("fills", choice.recommendation.table)):
            with replacing(out / f"{name}.csv") as path:
                table.to_csv(path, index=False)


def _show(choice: Any) -> None:
    for row in choice.recommendation.table.itertuples():
        click.echo(f"{row.fill:13} perfect {row.perfect:6.1%} ({row.low:.1%} to {row.high:.1%})   "
                   f"all but one {row.all_but_one:6.1%}   mean N_ce {row.mean_N_ce:.2f}")
    for name, reason in choice.missing.items():
        click.echo(f"left out: {name} ({one_line(reason)})")
    click.echo(f"{choice.recommendation.sentence} ({choice.tried} tried)")
    click.echo(f"use it: {one_line(choice.command)}")
