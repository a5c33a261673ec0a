"""earwitness app."""

from __future__ import annotations

import webbrowser

import click

EXAMPLES = """\b
Example: earwitness app --open
  earwitness app --port 8000 --model esc10-stft
  earwitness app --host 0.0.0.0 --max-seconds 60 --max-upload-mb 20"""


@click.command(epilog=EXAMPLES)
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address to listen on; 0.0.0.0 lets other machines in, without a password.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0 takes a free one.")
@click.option("--max-upload-mb", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Largest file.")
@click.option("--max-seconds", type=click.FloatRange(1, 86_400), default=600, show_default=True, help="Longest sound.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Explanations that are worked on at once; others wait.")
@click.option("--model", default="esc10-mel", show_default=True, help="The model that is chosen at first.")
@click.option("--open/--no-open", "open_it", default=False, show_default=True, help="Open it in the browser.")
@click.pass_obj
def app(
    debug: bool | None, host: str, port: int, max_upload_mb: int, max_seconds: float, jobs: int, model: str,
    open_it: bool,
) -> None:
    """Explain sounds in the browser: upload or record, see, hear, take regions away."""
    from earwitness.app.limits import Limits
    from earwitness.app.server import serve

    def started(address: str) -> None:
        click.echo(f"open {address} in a browser; Ctrl+C stops the app")
        if open_it:
            webbrowser.open(address)

    serve(host=host, port=port, limits=Limits(upload_mb=max_upload_mb, duration_s=max_seconds, jobs=jobs), model=model,
          debug=bool(debug), started=started)
