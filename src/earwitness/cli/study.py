"""earwitness study: the published systems and our own measurements, one subcommand each."""

from __future__ import annotations

import click

from earwitness.cli.study_domains import domains
from earwitness.cli.study_mishra2020 import mishra2020
from earwitness.cli.study_pak2025 import pak2025
from earwitness.cli.study_relax2023 import relax2023
from earwitness.cli.study_scenes import scenes


@click.group()
def study() -> None:
    """Run a published system, or one of our own measurements, on your models and data: tables and figures."""


for _command in (domains, mishra2020, pak2025, relax2023, scenes):
    study.add_command(_command)
