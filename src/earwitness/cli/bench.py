"""earwitness bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import load_with_options
from earwitness.cli.output import one_line
from earwitness.core.errors import EarwitnessError


@click.command(epilog="Example: earwitness bench --quick --only relax --only gradcam --out bench.md")
@click.option("--quick", "size", flag_value="quick", help="Small counts: a minute or two.")
@click.option("--full", "size", flag_value="full", help="The published counts: hours.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="A row of the table; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the table (.md) or all figures (.json).")
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder in ESC-50's layout: clips for the rows at equal error; synthetic scenes if not given.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1.")
@click.option("--repeats", type=click.IntRange(1, 1000), help="Runs of each contender; medians are shown.")
@click.option("--clips", type=click.IntRange(1, 1000), help="Recordings at equal error.")
@click.option("--reference-masks", type=click.IntRange(10, 10**7), help="Masks of RELAX's reference at equal error.")
@click.option("--reference-samples", type=click.IntRange(10, 10**7), help="Samples of LIME's reference.")
def bench(size: str | None, names: tuple[str, ...], out: Path | None, device: str, **changes: Any) -> None:
    """Time the methods beside other packages and beside the bare passes of the network."""
    from earwitness.bench import SIZES, measure_rows, table

    if out is not None:
        table.check_place(out)
    given = {name: value for name, value in changes.items() if value is not None}
    # says at once if the device cannot be used
    load_with_options({"model_name": "esc10-mel", "weights": None, "device": device})
    setup = replace(SIZES[size or "default"], device=device, **given)
    rows, measuring = [], measure_rows(names, setup)
    click.echo(table.HEADER)
    for row in measuring:
        rows.append(row)
        click.echo(table.line(row))
    click.echo(f"\n{table.notes(rows, setup)}")
    if out is not None:
        table.write_bench(out, rows, setup)
    failed = [row.work for row in rows if row.failed]
    if failed:
        raise EarwitnessError(f"{len(failed)} of {len(rows)} rows could not be measured: {one_line(', '.join(failed))}")
