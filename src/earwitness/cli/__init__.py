"""The command line, one file per command."""

from earwitness.cli.main import cli, main

__all__ = ["cli", "main"]
