"""earwitness completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

RC_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/earwitness.fish"}


@click.command(epilog="Example: earwitness completion bash >> ~/.bashrc")
@click.argument("shell", type=click.Choice(list(RC_FILES)))
def completion(shell: str) -> None:
    """Print what a shell needs to complete commands, options and names: add it to the shell's start-up file."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"shell {shell!r} cannot be completed; expected one of {', '.join(RC_FILES)}")
    click.echo(kind(click.get_current_context().find_root().command, {}, "earwitness", "_EARWITNESS_COMPLETE").source())
