"""earwitness embed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli import options as given
from earwitness.cli.output import one_line, progress_bar


@click.command(epilog="Example: earwitness embed recordings/ --model vggish --out embeddings.parquet")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@given.model_options
@click.option("--per-window", is_flag=True, help="One row per window instead of one per file.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("embeddings.parquet"), show_default=True,
              help="Parquet file to write.")
def embed(files: tuple[str, ...], out: Path, per_window: bool, **options: Any) -> None:
    """Write what a model's embedding makes of FILE... (sound files, folders or glob patterns) as a table."""
    from earwitness.audio import find_files
    from earwitness.studies.relax2023 import check_parquet, embed_files, write_table

    check_parquet(out)
    paths, model = find_files(list(files)), given.load_with_options(options)
    with progress_bar("embedding", quiet=False) as bar:
        table = embed_files(model, paths, pooled=not per_window,
                            progress=lambda done, n: bar(f"{done} of {n}", done / n))
    write_table(table, out)
    click.echo(f"{one_line(out)}: {len(table)} rows, {table.shape[1] - 4} numbers each")
