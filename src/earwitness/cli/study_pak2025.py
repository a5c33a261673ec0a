"""earwitness study pak2025."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import SEED
from earwitness.cli.output import one_line, progress_bar
from earwitness.core.errors import ParameterError, unknown_name

ENGINES = ("local", "ray")


@click.command(epilog="Example: earwitness study pak2025 --data ESC-10 --noises noises --out study --dry-run")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder in ESC-50's layout.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder; a stopped run goes on there.")
@click.option("--model", "models", help="Names or folders, with commas between; the plan's if not given.")
@click.option("--noises", type=click.Path(path_type=Path), help="Folder with the noises of the scenarios.")
@click.option("--plan", type=click.Path(path_type=Path), help="Plan of your own, YAML; the published one if not given.")
@click.option("--scenarios", help="Only these of the plan, with commas between.")
@click.option("--methods", help="Only these of the plan, with commas between.")
@click.option("--limit", type=click.IntRange(1), help="Only the first clips of the test folds.")
@click.option("--seed", type=SEED, help="Seed of everything random; the plan's if not given.")
@click.option("--attributions", is_flag=True, help="Keep the explanations too, compressed.")
@click.option("--montage", help="Clip of the figure; the first if not given, none if empty.")
@click.option("--engine", default="local", show_default=True, help="local or ray.")
@click.option("--workers", type=click.IntRange(1, 10_000), help="One per core if not given.")
@click.option("--address", help="Ray cluster to join; without one Ray starts here.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and how long it takes; nothing is written.")
def pak2025(data: Path, out: Path, noises: Path | None, device: str, dry_run: bool, **given: Any) -> None:
    """Explain a data set with many methods and masks, clean and noisy: tables, figure, sounds."""
    from earwitness.studies.pak2025 import published_plan, run_pak2025
    from earwitness.sweep import read_inputs

    plan = published_plan(
        path=given["plan"], models=_names(given["models"]), scenarios=_names(given["scenarios"]),
        methods=_names(given["methods"]), limit=given["limit"], seed=given["seed"],
        attributions=given["attributions"] or None)
    engine = _engine(given["engine"], given["workers"], given["address"])
    prepared = read_inputs(plan, data, noises=noises, device=device)
    if dry_run:
        _show_estimate(prepared, given["workers"] or _cores())
        return
    with progress_bar("explaining", quiet=False) as bar:
        outcome = run_pak2025(prepared, out, engine=engine, montage=given["montage"],
                            on_pace=lambda pace: bar(_pace(pace), pace.done / pace.total))
    _show_outcome(outcome, out)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _engine(name: str, workers: int | None, address: str | None) -> Callable[..., Any]:
    from earwitness.sweep import do_locally, do_on_ray

    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    if name == "ray":
        return partial(do_on_ray, workers=workers, address=address)
    if address is not None:
        raise ParameterError("address is for --engine ray; expected none for the local engine")
    return partial(do_locally, workers=workers or _cores())


def _pace(pace: Any) -> str:
    if pace.left_s is None:
        return f"{pace.done} of {pace.total} clips"
    return f"{pace.done} of {pace.total} clips, {pace.clips_per_minute:.1f} a minute, {_duration(pace.left_s)} left"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _show_estimate(prepared: Any, workers: int) -> None:
    import yaml

    from earwitness.studies.pak2025.estimate import estimate

    click.echo(yaml.safe_dump(prepared.job.plan.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    costs = estimate(prepared)
    for cost in costs:
        click.echo(f"{one_line(cost.model)}: {cost.clips} clips, counted once per scenario; {cost.forward:,} forward "
                   f"and {cost.backward:,} backward passes")
    work_s = sum(cost.work_s for cost in costs)
    click.echo(f"{len(prepared.shards)} shards; about {_duration(work_s / workers)} with {workers} workers, measured "
               "on the first clip; nothing was written")


def _show_outcome(outcome: Any, out: Path) -> None:
    finished = outcome.finished
    for (front_end, scenario), share in outcome.accuracy.items():
        click.echo(f"{one_line(front_end)}, {scenario}: accuracy {share:.1%}")
    own = finished.clips - finished.kept
    click.echo(f"{finished.clips} clips, counted once per model and scenario: {own} explained now "
               f"({60 * own / max(finished.wall_s, 1e-9):.1f} a minute), {finished.kept} were there")
    if len(finished.failures):
        first = finished.failures.iloc[0]
        click.echo(f"warning: {len(finished.failures)} explanations failed, see failures.csv; the first: "
                   f"{one_line(first['clip'])}: {one_line(first['error'])}", err=True)
    click.echo(f"tables: {one_line(out / 'tables.html')}")
    if "sounds" in outcome.files:
        click.echo(f"sounds: {one_line(outcome.files['sounds'])}")
