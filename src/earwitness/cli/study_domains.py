"""earwitness study domains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli.output import one_line
from earwitness.cli.study_options import (
    NamesOption,
    engine_of,
    engine_options,
    out_option,
    pace_bar,
    plan_changes,
    show_dry_run,
    show_run,
)


@click.command(epilog="Example: earwitness study domains --data ESC-10 --clips 20 --out domains")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder in ESC-50's layout.")
@out_option
@click.option("--models", cls=NamesOption,
              help="Names or folders, with commas between; the two bundled models if not given.")
@click.option("--methods", cls=NamesOption, help="Methods, with commas between; saliency,gradcam if not given.")
@click.option("--masks", cls=NamesOption, help="Masks, with commas between; all if not given.")
@click.option("--clips", "n_clips", type=click.IntRange(1, 100_000), default=80, show_default=True,
              help="Clips of fold 5, the classes in turn.")
@click.option("--optimised", "n_optimised", type=click.IntRange(0, 100_000), default=0, show_default=True,
              help="Of these, how many audible_mask explains, too.")
@click.option("--page", type=click.Path(path_type=Path), help="A page of results whose parts are renewed, too.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps.")
@engine_options
def domains(data: Path, out: Path, page: Path | None, device: str, dry_run: bool, **options: Any) -> None:
    """How much do the metrics on features say about the sound?"""
    from earwitness.studies.domains import DomainsPlan, read_domain_clips, run_domains

    plan = DomainsPlan(**plan_changes(options, "models", "methods", "masks", "n_clips", "n_optimised"))
    engine = engine_of(options)
    inputs = read_domain_clips(data, plan, device=device)
    if dry_run:
        show_dry_run(inputs, out, options)
        return
    with pace_bar("measuring", "methods of clips") as on_pace:
        outcome = run_domains(inputs, out, page=page, engine=engine, on_pace=on_pace)
    show_run(outcome.finished, "methods of clips")
    click.echo(f"tables: {one_line(outcome.files['page'])}")
