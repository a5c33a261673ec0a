"""earwitness detect."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.output import one_line, progress_bar


class Threshold(click.ParamType[float | str]):
    """A probability, or the word "song"."""

    name = "0..1|song"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the number or the word."""
        return "song" if value == "song" else click.FloatRange(0, 1).convert(value, param, ctx)


@click.command(epilog="Example: earwitness detect song.mp3 --out song-detected")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", "model_name", default="svd-jamendo", show_default=True,
              help="A singing voice detector, or a folder that 'earwitness train-voice' wrote.")
@click.option("--weights", type=click.Path(), help="Local weights file to use instead of the model's own.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps.")
@click.option("--threshold", type=Threshold(), help="Probability from which on it is singing, or 'song': where this "
              "recording's own curve parts in two, for recordings that are sung in part. The card's if not given.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("earwitness-detected"), show_default=True,
              help="Folder to write.")
@click.option("--json", "as_json", is_flag=True, help="Print the stretches as JSON, nothing else.")
def detect(file: Path, out: Path, threshold: float | str | None, as_json: bool, **options: Any) -> None:
    """Say when there is singing in FILE: a page with player, a figure, and tables."""
    from earwitness.report.tables import percent
    from earwitness.singing.detect import detect_file
    from earwitness.singing.report import write_detection

    with progress_bar(file.name, quiet=as_json) as progress:
        detection = detect_file(file, given.load_with_options(options), threshold=threshold, progress=progress)
    page = write_detection(detection, out)
    if as_json:
        click.echo(json.dumps({"recording": detection.name, "duration_s": detection.duration_s,
                               "vocal_share": detection.vocal_share, "page": str(page),
                               "stretches": [asdict(stretch) for stretch in detection.stretches]}, indent=1))
        return
    sung = [stretch for stretch in detection.stretches if stretch.vocal]
    click.echo(f"{one_line(detection.name)}: vocal in {percent(detection.vocal_share)} of "
               f"{detection.duration_s:.1f} s, {len(sung)} stretches")
    click.echo(f"page: {one_line(page)}")
