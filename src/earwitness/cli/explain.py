"""earwitness explain."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.output import one_line, progress_bar, show
from earwitness.core.errors import EarwitnessError, ParameterError


@click.command(epilog="Example: earwitness explain dog.wav --method gradcam --mask topK_50_pos --out dog")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@given.model_options
@given.choice_options
@click.option("--target", help="Class to explain, or 'not CLASS' for a sigmoid output; the predicted one if not given.")
@click.option("--against", help="Explain why the target and not this class.")
@click.option("--like", type=click.Path(), help="Sound file: explain what the recording has in common with it.")
@click.option("--channel", default="mean", show_default=True,
              help="Of a stereo or multichannel recording: mean, left, right, or a number from 1.")
@click.option("--sections", type=click.IntRange(1, 100), default=3, show_default=True,
              help="Windows of a long recording to explain.")
@click.option("--whole", is_flag=True, help="Explain every window of a long recording too, joined over all of it.")
@click.option("--inversion", default="projection", show_default=True, help="projection or least_squares.")
@click.option("--check", is_flag=True, help="Put the explanation to the test; the report gets a verdict.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("earwitness-out"), show_default=True,
              help="Folder to write; several recordings get a folder each inside.")
@click.option("--json", "as_json", is_flag=True,
              help="Print the numbers as JSON, nothing else; the report is written all the same.")
def explain_command(files: tuple[str, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Explain what the model hears in FILE... (sound files, folders or glob patterns)."""
    from earwitness.audio import find_files
    from earwitness.pipeline.explain_file import explain_file
    from earwitness.report.folder import write_folder

    paths, model = find_files(list(files)), given.load_with_options(options)
    request = given.request_from_options(options)
    results, failures = [], 0
    for path, folder in zip(paths, _folders(paths, out), strict=True):
        try:
            with progress_bar(path.name, quiet=as_json) as progress:
                report = explain_file(path, model, request, progress=progress)
                results.append(write_folder(report, folder) | {"folder": str(folder)})
        except EarwitnessError as error:
            if len(paths) == 1 or isinstance(error, ParameterError):
                raise
            failures += 1
            click.echo(f"error: {one_line(error)}", err=True)
            continue
        if not as_json:
            show(results[-1])
    if as_json:
        click.echo(json.dumps(results, indent=1))
    if failures:
        raise EarwitnessError(f"{failures} of {len(paths)} recordings could not be explained")


def _folders(paths: list[Path], out: Path) -> list[Path]:
    """One folder per recording: ``out`` itself for a single one."""
    from earwitness.report.folder import folder_name

    if len(paths) == 1:
        return [out]
    used: dict[str, None] = {}
    for path in paths:
        name = folder_name(path.name)
        free = (name if k == 1 else f"{name}-{k}" for k in itertools.count(1))
        used[next(each for each in free if each not in used)] = None
    return [out / name for name in used]
