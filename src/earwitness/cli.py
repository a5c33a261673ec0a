"""The command line: parse, call one function, show."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from earwitness.errors import EarwitnessError, ParameterError, unknown_name

SEED = click.IntRange(0, 2**32 - 1)
DEVICES = ("cpu", "cuda", "mps", "xpu")
EPILOG = "Errors print one line; --debug shows where they come from."


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(package_name="earwitness")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; works anywhere on the line.")
def cli(debug: bool) -> None:
    """Show and play what a sound model listens to, and say how far the explanation can be trusted."""


def _model_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps."),
        click.option("--weights", type=click.Path(), help="Local weights file to use instead of the model's own."),
        click.option("--model", "model_name", default="esc10-mel", show_default=True,
                     help="A name of 'earwitness models', or a folder that 'earwitness train' wrote."),
    ):
        command = option(command)
    return command


def _choice_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the method."),
        click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of everything random."),
        click.option("--mask", default="topK_30_pos", show_default=True, help="How the explanation becomes a mask."),
        click.option("--method", default="saliency", show_default=True, help="How to explain."),
    ):
        command = option(command)
    return command


@cli.command(epilog="Example: earwitness explain dog.wav --method gradcam --mask topK_50_pos --out dog")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_model_options
@_choice_options
@click.option("--target", help="Class to explain; the predicted one if not given.")
@click.option("--sections", type=click.IntRange(1, 100), default=3, show_default=True,
              help="Windows of a long recording to explain.")
@click.option("--inversion", default="projection", show_default=True, help="projection or least_squares.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("earwitness-out"), show_default=True,
              help="Folder to write; several recordings get a folder each inside.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON, nothing else.")
def explain(files: tuple[str, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Explain what the model hears in FILE... (sound files, folders or glob patterns)."""
    from earwitness.report.folder import write_folder
    from earwitness.workflow import explain_file, find_files

    paths, model, choices = find_files(list(files)), _model(options), _choices(options)
    results, failures = [], 0
    for path, folder in zip(paths, _folders(paths, out), strict=True):
        try:
            with _progress(path.name, quiet=as_json) as progress:
                report = explain_file(path, model, choices, progress=progress)
                results.append(write_folder(report, folder) | {"folder": str(folder)})
        except EarwitnessError as error:
            if len(paths) == 1 or isinstance(error, ParameterError):
                raise
            failures += 1
            click.echo(f"error: {_one_line(error)}", err=True)
            continue
        if not as_json:
            _show(results[-1])
    if as_json:
        click.echo(json.dumps(results, indent=1))
    if failures:
        raise EarwitnessError(f"{failures} of {len(paths)} recordings could not be explained")


@cli.command(epilog="Example: earwitness demo --method gradcam")
@_model_options
@_choice_options
@click.option("--scene", default="clock_tick over hum", show_default=True, help="What to synthesise.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("earwitness-demo"), show_default=True,
              help="Folder to write.")
def demo(scene: str, out: Path, **options: Any) -> None:
    """Explain a synthetic scene whose evidence is known exactly; needs no file and no network."""
    from earwitness.demo import explain_scene
    from earwitness.report.folder import write_folder

    report = explain_scene(_model(options), _choices(options), scene=scene)
    content = write_folder(report, out) | {"folder": str(out)}
    _show(content)
    for title, rows in report.extra.items():
        click.echo(f"{title}:")
        for name, value in rows:
            click.echo(f"  {name}: {value}")


@cli.command(epilog="Example: earwitness models esc10-mel")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the cards as JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List the models that can be loaded by name, or show one card."""
    from earwitness.models import cards

    known = cards()
    if name is not None and name not in known:
        raise unknown_name("model", name, known)
    chosen = [known[name]] if name is not None else list(known.values())
    if as_json or name is not None:
        click.echo(json.dumps([vars(card) for card in chosen], indent=1))
        return
    for card in chosen:
        where = "download" if "://" in card.weights else "bundled"
        click.echo(f"{card.name:14} {where:9} {len(card.labels):4} classes  {card.summary}  [{card.licence}]")


@cli.command(epilog="Example: earwitness train --data ESC-50-master --arch cnn14 --init Cnn14_mAP=0.431.pth --out mine")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder in ESC-50's layout.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for weights, card and curve.")
@click.option("--arch", default="small", show_default=True, help="small, or cnn14 with the recipe of pak2025.")
@click.option("--front-end", default="mel", show_default=True, help="mel or stft.")
@click.option("--init", type=click.Path(path_type=Path), help="Weights to start from, such as the PANNs checkpoint.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the clips; the recipe's if not given.")
@click.option("--batch", type=click.IntRange(2, 4096), help="Clips per step; the recipe's if not given.")
@click.option("--learning-rate", type=click.FloatRange(1e-12, 10.0), help="The recipe's if not given.")
@click.option("--mix", type=click.FloatRange(0, 1), help="Share of training clips that are mixed with another.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every draw.")
@click.option("--resume", is_flag=True, help="Continue a training that was stopped.")
def train(data: Path, out: Path, arch: str, front_end: str, init: Path | None, resume: bool, **changes: Any) -> None:
    """Train a classifier on folds 1-3, keep the best epoch on fold 4, and measure it on fold 5."""
    from rich.console import Console
    from rich.progress import Progress

    from earwitness.training import recipe, train_classifier
    from earwitness.training.start import front_end_named

    hears = front_end_named(front_end)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        card = train_classifier(data, out, arch=arch, front_end=hears, init=init, resume=resume,
                                settings=recipe(arch, n_bins=hears.n_bins, **changes), progress=progress)
    measured = card["measured"]
    click.echo(f"{_one_line(out)}: test accuracy {measured['test_accuracy']:.1%} on {measured['n_test']} clips, "
               f"validation {measured['valid_accuracy']:.1%} at epoch {measured['best_epoch']}")
    for label, recall in measured["per_class_recall"].items():
        click.echo(f"  {label}: recall {recall:.1%}")
    click.echo(f"use it: earwitness explain FILE --model {_one_line(out)}")


def _model(options: dict[str, Any]) -> Any:
    import torch

    from earwitness.models import load_model

    model = load_model(options["model_name"], weights=options["weights"])
    if options["device"].partition(":")[0] not in DEVICES:
        raise unknown_name("device", options["device"], DEVICES)
    try:
        model.network.to(torch.device(options["device"]))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"device {options['device']!r} cannot be used ({reason}); try --device cpu") from error
    return model


def _choices(options: dict[str, Any]) -> Any:
    from earwitness.workflow import Choices

    own = {name: options[name] for name in ("method", "mask", "seed", "target", "sections", "inversion")
           if name in options}
    return Choices(**own, settings=dict(_setting(text) for text in options["settings"]))


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ParameterError(f"--set got {text!r}; expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, {"True": True, "False": False, "None": None}.get(value, value)


def _folders(paths: list[Path], out: Path) -> list[Path]:
    """One folder per recording: ``out`` itself for a single one."""
    from earwitness.report.folder import folder_name

    if len(paths) == 1:
        return [out]
    used: dict[str, None] = {}
    for path in paths:
        name = folder_name(path.name)
        free = (name if k == 1 else f"{name}-{k}" for k in itertools.count(1))
        used[next(each for each in free if each not in used)] = None
    return [out / name for name in used]


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[str, float], None]]:
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


def _show(content: dict[str, Any]) -> None:
    for section in content["sections"]:
        metrics, target = section["metrics"], section["target"]
        where = f" at {section['start_s']:.0f} s" if content["timeline"] else ""
        click.echo(f"{_one_line(content['recording'])}{where}: {target or 'embedding'}, p = {metrics['p']:.3f} "
                   f"(kept sound {metrics['p_kept']:.3f}, removed {metrics['p_removed']:.3f}; "
                   f"kept area {metrics['kept_area']:.1%})")
        if metrics["degenerate"]:
            click.echo("warning: the mask is constant: it selects nothing, so the metrics say nothing; try another")
    for note in content["notes"]:
        click.echo(f"note: {_one_line(note)}")
    click.echo(f"report: {_one_line(Path(content['folder']) / 'report.html')}")


def _one_line(message: object) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 (interrupted or a bug) or 2 (bad input)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug, words = "--debug" in given, [word for word in given if word != "--debug"]
    try:
        cli.main(args=words, prog_name="earwitness", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 1
    except click.ClickException as error:
        click.echo(f"error: {_one_line(error.format_message())}", err=True)
        return 2
    except EarwitnessError as error:
        if debug:
            raise
        click.echo(f"error: {_one_line(error)}", err=True)
        return 2
    except OSError as error:
        if debug:
            raise
        click.echo(f"error: {_one_line(error)}; check the disk and the rights", err=True)
        return 2
    except Exception as error:
        if debug:
            raise
        click.echo(f"error: unexpected {type(error).__name__}: {_one_line(error)}; run 'earwitness --debug ...' "
                   "and report what it prints", err=True)
        return 1
    return 0
