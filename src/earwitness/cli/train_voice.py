"""earwitness train-voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earwitness.cli.options import SEED
from earwitness.cli.output import one_line


@click.command(name="train-voice",
               epilog="Example: earwitness train-voice --data jamendo --out mine --epochs 5 --batches 200 --outputs 9")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="Annotated songs, in the layout of JamendoLyrics or of Jamendo's detection set.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for weights, card and folds.")
@click.option("--epochs", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Number of epochs.")
@click.option("--batches", type=click.IntRange(1, 10**6), default=2000, show_default=True, help="Batches per epoch.")
@click.option("--batch", type=click.IntRange(1, 4096), default=32, show_default=True, help="Excerpts per batch.")
@click.option("--outputs", type=click.IntRange(1, 100), default=1, show_default=True,
              help="Decisions per excerpt; convolutions are shared.")
@click.option("--learning-rate", type=click.FloatRange(1e-9, 10), default=0.01, show_default=True,
              help="Of the first epoch.")
@click.option("--decay", type=click.FloatRange(0.01, 1), default=0.85, show_default=True,
              help="Factor of the learning rate from epoch to epoch.")
@click.option("--autocast", is_flag=True, help="Compute in bfloat16 where that is safe.")
@click.option("--folds", type=click.IntRange(2, 1000), default=5, show_default=True,
              help="Groups of songs that are held out together, where the data set has no parts.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every draw.")
def train_voice(data: Path, out: Path, folds: int, **recipe: Any) -> None:
    """Train a singing voice detector and measure it on songs it has not heard; a stopped run is continued."""
    from earwitness.singing.cross_validation import train_detector
    from earwitness.singing.network_training import VoiceSettings

    card = train_detector(data, out, VoiceSettings(**recipe), folds=folds,
                          announce=lambda text: click.echo(text, err=True))
    measured = card["measured"]
    click.echo(f"{one_line(out)}: error {measured['error']:.1%}, precision {measured['precision']:.3f}, "
               f"recall {measured['recall']:.3f}, specificity {measured['specificity']:.3f}, "
               f"F {measured['f_score']:.3f}")
    click.echo(f"use it: earwitness detect SONG --model {one_line(out)}")
