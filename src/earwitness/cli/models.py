"""earwitness models."""

from __future__ import annotations

import json

import click

from earwitness.cli.names import complete_model
from earwitness.core.errors import unknown_name


@click.command(epilog="Example: earwitness models esc10-mel")
@click.argument("name", required=False, shell_complete=complete_model)
@click.option("--json", "as_json", is_flag=True, help="Print the cards as JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List the models that can be loaded by name, or show one card."""
    from earwitness.models import cards

    all_cards = cards()
    if name is not None and name not in all_cards:
        raise unknown_name("model", name, all_cards)
    chosen = [all_cards[name]] if name is not None else list(all_cards.values())
    if as_json or name is not None:
        click.echo(json.dumps([vars(card) for card in chosen], indent=1))
        return
    for card in chosen:
        where = "download" if "://" in card.weights else "bundled"
        count = {0: "encoder", 1: "1 class"}.get(len(card.labels), f"{len(card.labels)} classes")
        click.echo(f"{card.name:14} {where:9} {count:>11}  {card.summary}  [{card.licence}]")
