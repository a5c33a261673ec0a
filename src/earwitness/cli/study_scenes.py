"""earwitness study scenes."""

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
from earwitness.core.errors import ParameterError


@click.command(epilog="Example: earwitness study scenes --models esc10-mel --seeds 0,1 --out scenes")
@out_option
@click.option("--models", cls=NamesOption,
              help="Names or folders, with commas between; the two bundled models if not given.")
@click.option("--scenes", cls=NamesOption, help="Only these scenes, with commas between; all if not given.")
@click.option("--seeds", cls=NamesOption,
              help="What each scene is drawn from, with commas between; 0,1,2 if not given.")
@click.option("--methods", cls=NamesOption,
              help="Only these methods, with commas between; all that work on any network if not given.")
@click.option("--page", type=click.Path(path_type=Path), help="A page of results whose parts are renewed, too.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps.")
@engine_options
def scenes(out: Path, page: Path | None, device: str, dry_run: bool, **options: Any) -> None:
    """Which method finds evidence that is known, on synthetic scenes?"""
    from earwitness.studies.scenes import ScenesPlan, read_scene_models, run_scenes

    plan = ScenesPlan(**plan_changes(options, "models", "scenes", "methods"), **_seeds(options["seeds"]))
    engine = engine_of(options)
    inputs = read_scene_models(plan, device=device)
    if dry_run:
        show_dry_run(inputs, out, options)
        return
    with pace_bar("explaining", "scenes") as on_pace:
        outcome = run_scenes(inputs, out, page=page, engine=engine, on_pace=on_pace)
    show_run(outcome.finished, "scenes")
    click.echo(f"tables: {one_line(outcome.files['page'])}")


def _seeds(texts: tuple[str, ...] | None) -> dict[str, tuple[int, ...]]:
    if texts is None:
        return {}
    if not all(text.isascii() and text.isdigit() and int(text) < 2**32 for text in texts):
        raise ParameterError(f"seeds are {','.join(texts)[:80]!r}; expected whole numbers from 0 to {2**32 - 1}, with "
                             "commas between")
    return {"seeds": tuple(map(int, texts))}
