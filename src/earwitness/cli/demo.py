"""earwitness demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.output import progress_bar, show


@click.command(epilog="Example: earwitness demo --method all")
@given.model_options
@given.choice_options
@click.option("--scene", default="clock_tick over hum", show_default=True, help="What to synthesise.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("earwitness-demo"), show_default=True,
              help="Folder to write.")
def demo(scene: str, out: Path, **options: Any) -> None:
    """Explain a synthetic scene whose evidence is known exactly; needs no file and no network."""
    from earwitness.pipeline.demo import explain_scene
    from earwitness.report.folder import write_folder

    with progress_bar("demo", quiet=False) as progress:
        model, request = given.load_with_options(options), given.request_from_options(options)
        report = explain_scene(model, request, scene=scene, progress=progress)
    content = write_folder(report, out) | {"folder": str(out)}
    show(content)
    for title, rows in report.extra.items():
        click.echo(f"{title}:")
        for name, value in rows:
            click.echo(f"  {name}: {value}")
