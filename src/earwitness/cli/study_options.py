"""Options that all studies share, and what they stand for."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import DEVICES
from earwitness.cli.output import one_line, progress_bar
from earwitness.core.errors import ParameterError, unknown_name

ENGINES = ("local", "ray")


class NamesOption(click.Option):
    """Names with commas between them, or the option again and again; all names after the first are old ones."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"multiple": True, "callback": _split, **settings})

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's line of help, without the old names."""
        shown = copy.copy(self)
        shown.opts = self.opts[:1]
        return click.Option.get_help_record(shown, ctx)


def engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --engine, --workers, --address and --dry-run."""
    for option in (
        click.option("--dry-run", is_flag=True,
                     help="Say what would be done and how long it takes; nothing is written."),
        click.option("--address", help="Ray cluster to join; without one Ray starts here."),
        click.option("--workers", type=click.IntRange(1, 10_000), help="One per core if not given."),
        click.option("--engine", default="local", show_default=True, help="local or ray."),
    ):
        command = option(command)
    return command


def out_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --out."""
    return click.option("--out", required=True, type=click.Path(path_type=Path),
                        help="Folder; a stopped run goes on there.")(command)


def engine_of(options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the engine of --engine, --workers and --address."""
    from earwitness.experiments.local import do_locally
    from earwitness.experiments.ray import do_on_ray

    name, workers, address = options["engine"], options["workers"], options["address"]
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    if name == "ray":
        return partial(do_on_ray, workers=workers, address=address)
    if address is not None:
        raise ParameterError("address is for --engine ray; expected none for the local engine")
    return partial(do_locally, workers=workers_of(options))


def workers_of(options: Mapping[str, Any]) -> int:
    """Return how many workers there are on this machine: --workers, or one per core."""
    if options["workers"]:
        return int(options["workers"])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_changes(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those of some options that were given; a plan has its own defaults for the others."""
    return {name: options[name] for name in names if options[name] is not None}


def source_of(options: Mapping[str, Any]) -> Any:
    """Return the source of the model of --model, --weights and --device."""
    from earwitness.experiments.facts import ModelSource

    if options["device"].partition(":")[0] not in DEVICES:
        raise unknown_name("device", options["device"], DEVICES)
    return ModelSource(options["model_name"], options["weights"], options["device"])


@contextmanager
def pace_bar(name: str, items: str) -> Iterator[Callable[[Any], None]]:
    """Show a bar on a terminal; yields what a run calls with its pace."""
    with progress_bar(name, quiet=False) as bar:
        yield lambda pace: bar(_in_words(pace, items), pace.done / max(1, pace.total))


def show_dry_run(experiment: Any, out: Path, options: Mapping[str, Any], *, work_s: float | None = None) -> None:
    """Say how many tasks there are, how many are done, and how long the others take; nothing is written.

    Args:
        experiment: the study.
        out: the folder that a run would write to.
        options: of the command.
        work_s: time of one worker for all tasks, seconds; None measures the first task that is missing.
    """
    from earwitness.experiments.run import estimate_s
    from earwitness.experiments.store import count_done

    tasks, done = experiment.tasks(), count_done(out, experiment)
    if work_s is None:
        work_s = estimate_s(experiment, tasks)
    workers, there = workers_of(options), f", {done} of them done" if done else ""
    left_s = work_s * (len(tasks) - done) / max(1, len(tasks)) / workers
    click.echo(f"{len(tasks)} tasks{there}; about {duration(left_s)} with {workers} workers, measured on the first "
               "one; nothing was written")


def show_run(finished: Any, items: str) -> None:
    """Say how much was done now and before, and what failed."""
    now = finished.total - finished.kept
    click.echo(f"{finished.total} {items}: {now} explained now ({60 * now / max(finished.wall_s, 1e-9):.1f} a minute), "
               f"{finished.kept} were there")
    if len(finished.failures):
        first = finished.failures.iloc[0]
        what = first.get("clip") or first["task"]
        click.echo(f"warning: {len(finished.failures)} explanations failed, see failures.csv; the first: "
                   f"{one_line(what)}: {one_line(first['error'])}", err=True)


def duration(seconds: float) -> str:
    """Return a duration in hours, minutes or seconds, whatever is largest."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _split(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(name.strip() for text in values for name in text.split(",") if name.strip()) if values else None


def _in_words(pace: Any, items: str) -> str:
    text = f"{pace.done} of {pace.total} {items}"
    if pace.left_s is None:
        return text
    return f"{text}, {pace.per_minute:.1f} a minute, {duration(pace.left_s)} left"
