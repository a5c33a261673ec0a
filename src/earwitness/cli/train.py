"""earwitness train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import SEED
from earwitness.cli.output import one_line


@click.command(epilog="Example: earwitness train --data ESC-50 --arch cnn14 --init Cnn14_mAP=0.431.pth --out mine")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder in ESC-50's layout.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for weights, card and curve.")
@click.option("--arch", default="small", show_default=True, help="small, or cnn14 with the recipe of pak2025.")
@click.option("--front-end", default="mel", show_default=True, help="mel or stft.")
@click.option("--init", type=click.Path(path_type=Path), help="Weights to start from, such as the PANNs checkpoint.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the clips; the recipe's if not given.")
@click.option("--batch", type=click.IntRange(2, 4096), help="Clips per step; the recipe's if not given.")
@click.option("--learning-rate", type=click.FloatRange(1e-12, 10.0), help="The recipe's if not given.")
@click.option("--mix", type=click.FloatRange(0, 1), help="Share of training clips that are mixed with another.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every draw.")
@click.option("--resume", is_flag=True, help="Continue a training that was stopped.")
def train(data: Path, out: Path, arch: str, front_end: str, init: Path | None, resume: bool, **changes: Any) -> None:
    """Train a classifier on folds 1-3, keep the best epoch on fold 4, and measure it on fold 5."""
    from rich.console import Console
    from rich.progress import Progress

    from earwitness.frontends import front_end_named
    from earwitness.training import recipe, train_classifier

    hears = front_end_named(front_end)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        card = train_classifier(data, out, arch=arch, front_end=hears, init=init, resume=resume,
                                settings=recipe(arch, n_bins=hears.n_bins, **changes), progress=progress)
    measured = card["measured"]
    click.echo(f"{one_line(out)}: test accuracy {measured['test_accuracy']:.1%} on {measured['n_test']} clips, "
               f"validation {measured['valid_accuracy']:.1%} at epoch {measured['best_epoch']}")
    for label, recall in measured["per_class_recall"].items():
        click.echo(f"  {label}: recall {recall:.1%}")
    click.echo(f"use it: earwitness explain FILE --model {one_line(out)}")
