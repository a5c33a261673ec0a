"""earwitness study: the published systems, one subcommand each."""

from __future__ import annotations

import click

from earwitness.cli.study_mishra2020 import mishra2020
from earwitness.cli.study_pak2025 import pak2025
from earwitness.cli.study_relax2023 import relax2023


@click.group()
def study() -> None:
    """Run a published system on your models and data: a sweep, its tables and its figures."""


for _command in (mishra2020, pak2025, relax2023):
    study.add_command(_command)
