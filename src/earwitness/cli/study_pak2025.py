"""earwitness study pak2025."""

from __future__ import annotations

import click


@click.command()
def pak2025() -> None:
    """Methods × masks × noises on data in ESC-50's layout: tables, figures, sounds."""
