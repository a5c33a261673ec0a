"""The command line: parse, call one function, show."""

from __future__ import annotations

import os
import sys

import click

from earwitness.cli.app import app
from earwitness.cli.bench import bench
from earwitness.cli.choose_fill import choose_fill_command
from earwitness.cli.completion import completion
from earwitness.cli.demo import demo
from earwitness.cli.detect import detect
from earwitness.cli.embed import embed
from earwitness.cli.explain import explain_command
from earwitness.cli.models import models
from earwitness.cli.options import add_plugin_option
from earwitness.cli.output import one_line
from earwitness.cli.study import study
from earwitness.cli.train import train
from earwitness.cli.train_voice import train_voice
from earwitness.core.allocator import keep_freed_memory
from earwitness.core.errors import EarwitnessError

EPILOG = """Example: earwitness explain dog.wav --method gradcam --out dog

Errors print one line; --debug shows where they come from. Exit codes: 0 done, 1 interrupted or unexpected, 2 bad input.
"""
COMMANDS = (app, bench, choose_fill_command, completion, demo, detect, embed, explain_command, models, study, train,
            train_voice)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(package_name="earwitness")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; works anywhere on the line.")
def cli(debug: bool) -> None:
    """Show and play what a sound model listens to, and say how far the explanation can be trusted."""


for _command in COMMANDS:
    add_plugin_option(_command)
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 (interrupted or a bug) or 2 (bad input)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug, words = "--debug" in given, [word for word in given if word != "--debug"]
    keep_freed_memory()
    try:
        cli.main(args=words, prog_name="earwitness", standalone_mode=False, obj=debug)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 1
    except click.ClickException as error:
        click.echo(f"error: {one_line(error.format_message())}", err=True)
        return 2
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        return _say(error)
    return 0


def _say(error: Exception) -> int:
    """Print an error as one line; returns the exit code."""
    if isinstance(error, EarwitnessError):
        click.echo(f"error: {one_line(error)}", err=True)
        return 2
    if isinstance(error, OSError):
        click.echo(f"error: {one_line(error)}; check the disk and the rights", err=True)
        return 2
    click.echo(f"error: unexpected {type(error).__name__}: {one_line(error)}; run 'earwitness --debug ...' "
               "and report what it prints", err=True)
    return 1
