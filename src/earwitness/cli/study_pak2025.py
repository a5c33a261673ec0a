"""earwitness study pak2025."""

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
)

CLIPS = "clips, counted once per model and scenario"


@click.command(epilog="Example: earwitness study pak2025 --data ESC-10 --noises noises --out study --dry-run")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder in ESC-50's layout.")
@out_option
@click.option("--models", "--model", "models", cls=NamesOption,
              help="Names or folders, with commas between; the plan's if not given.")
@click.option("--noises", type=click.Path(path_type=Path), help="Folder with the noises of the scenarios.")
@click.option("--plan", type=click.Path(path_type=Path), help="Plan of your own, YAML; the published one if not given.")
@click.option("--scenarios", cls=NamesOption, help="Only these of the plan, with commas between.")
@click.option("--methods", cls=NamesOption, help="Only these of the plan, with commas between.")
@click.option("--limit", type=click.IntRange(1), help="Only the first clips of the test folds.")
@click.option("--seed", type=SEED, help="Seed of everything random; the plan's if not given.")
@click.option("--attributions", is_flag=True, help="Keep the explanations too, compressed.")
@click.option("--montage", help="Clip of the figure; the first if not given, none if empty.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps.")
@engine_options
def pak2025(data: Path, out: Path, noises: Path | None, device: str, dry_run: bool, **options: Any) -> None:
    """Explain a data set with many methods and masks, clean and noisy: tables, figure, sounds."""
    from earwitness.studies.pak2025 import published_plan, run_pak2025
    from earwitness.studies.pak2025.inputs import read_inputs

    plan = published_plan(
        path=options["plan"], models=options["models"], scenarios=options["scenarios"], methods=options["methods"],
        limit=options["limit"], seed=options["seed"], attributions=options["attributions"] or None)
    engine = engine_of(options)
    prepared = read_inputs(plan, data, noises=noises, device=device)
    if dry_run:
        _show_estimate(prepared, out, options)
        return
    with pace_bar("explaining", "clips") as on_pace:
        outcome = run_pak2025(prepared, out, engine=engine, montage=options["montage"], on_pace=on_pace)
    for (front_end, scenario), share in outcome.findings["accuracy"].items():
        click.echo(f"{one_line(front_end)}, {scenario}: accuracy {share:.1%}")
    show_run(outcome.finished, CLIPS)
    click.echo(f"tables: {one_line(out / 'tables.html')}")
    if "sounds" in outcome.files:
        click.echo(f"sounds: {one_line(outcome.files['sounds'])}")


def _show_estimate(prepared: Any, out: Path, options: dict[str, Any]) -> None:
    import yaml

    from earwitness.experiments.store import count_done
    from earwitness.studies.pak2025.estimate import estimate

    count_done(out, prepared)  # refuses a folder of another plan before anything is measured
    click.echo(yaml.safe_dump(prepared.job.plan.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    costs = estimate(prepared)
    for cost in costs:
        click.echo(f"{one_line(cost.model)}: {cost.clips} clips, counted once per scenario; {cost.forward:,} forward "
                   f"and {cost.backward:,} backward passes")
    show_dry_run(prepared, out, options, work_s=sum(cost.work_s for cost in costs))
