"""What commands print: one line a finding, a bar while they work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


@contextmanager
def progress_bar(name: str, *, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show a bar on a terminal, nothing elsewhere; yields a function of (step, share done)."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda step, done: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(escape(name), total=1.0)
        yield lambda step, done: bar.update(task, description=escape(f"{name}: {step}"), completed=done)


def show(content: dict[str, Any]) -> None:
    """Print what a written report found, a line per section."""
    for section in content["sections"]:
        metrics, target = section["metrics"], section["target"]
        where = f" at {section['start_s']:.0f} s" if content["timeline"] else ""
        method = f" {section['method']}:" if "method" in section else ""
        what = target or f"embedding, of {section['measured']}"
        click.echo(f"{one_line(content['recording'])}{where}:{method} {what}, p = {metrics['p']:.3f} "
                   f"(kept {metrics['p_kept']:.3f}, removed {metrics['p_removed']:.3f}, both as {section['domain']}; "
                   f"kept area {metrics['kept_area']:.1%})")
        if metrics["degenerate"]:
            click.echo("warning: the mask is constant, all or nothing, so the metrics say nothing; try another")
        for sentence in section["disagreements"]:
            click.echo(f"warning:{method} features and sound disagree: {one_line(sentence.replace(chr(0xA0), ' '))}")
    for refusal in content.get("refusals", ()):
        click.echo(f"{refusal['method']} cannot explain this: {one_line(refusal['reason'])}")
    for title, rows in content["extra"].items():
        which = title.partition(", ")[2]  # the stretch and the method, where there are several
        for verdict in (value for name, value in rows if name == "verdict"):
            click.echo(f"verdict{f' ({which})' if which else ''}: {one_line(verdict)}")
    for note in content["notes"]:
        click.echo(f"note: {one_line(note)}")
    click.echo(f"report: {one_line(Path(content['folder']) / 'report.html')}")


def one_line(message: object) -> str:
    """Return a message whose control characters are spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
