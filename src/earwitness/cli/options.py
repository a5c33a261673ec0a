"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from earwitness.cli.names import bundled_masks, bundled_methods, complete_mask, complete_method, complete_model
from earwitness.cli.output import one_line
from earwitness.core import plugins
from earwitness.core.errors import ParameterError, unknown_name

SEED = click.IntRange(0, 2**32 - 1)
DEVICES = ("cpu", "cuda", "mps", "xpu")


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --model, --weights and --device."""
    for option in (
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps, xpu."),
        click.option("--weights", type=click.Path(), help="Local weights file to use instead of the model's own."),
        click.option("--model", "model_name", default="esc10-mel", show_default=True,
                     shell_complete=complete_model,
                     help="A name of 'earwitness models', or a folder that 'earwitness train' wrote."),
    ):
        command = option(command)
    return command


def choice_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --method, --mask, --seed, --domain and --set."""
    for option in (
        click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
                     help="A setting of the method; of several methods, each gets those that it has."),
        click.option("--precision", default="fp32", show_default=True, help="fp32, or bf16: faster, and less exact."),
        click.option("--prepare/--no-prepare", "fast", default=True, hidden=True, help="What --fast was called."),
        click.option("--fast/--no-fast", "fast", default=True, show_default=True,
                     help="Ask a faster copy of the network that gives the same outputs."),
        click.option("--domain", default="features", show_default=True,
                     help="What the metrics are measured on: features, or audio, the sound put through the model."),
        click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of everything random."),
        click.option("--mask", default="topK_30_pos", show_default=True, shell_complete=complete_mask,
                     help="How the explanation becomes a mask: " + ", ".join(bundled_masks()) + "."),
        click.option("--method", default="saliency", show_default=True, shell_complete=complete_method,
                     help="How to explain: " + ", ".join(bundled_methods()) +
                     "; side by side several with commas between them, or all."),
    ):
        command = option(command)
    return command


def add_plugin_option(command: click.Command) -> None:
    """Add --plugin to a command, or to all of a group; plug-ins are imported when it runs, so that help is quick."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_plugin_option(each)
        return
    command.params.append(click.Option(
        ["--plugin"], multiple=True, metavar="MODULE", expose_value=False, callback=_load_plugins,
        help="Module that adds methods, components, fills, masks or metrics, also of the working folder; may be "
             "repeated."))


def _load_plugins(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    if not context.resilient_parsing:  # a shell that completes runs nothing
        plugins.load(names, complain=lambda sentence: click.echo(f"warning: {one_line(sentence)}", err=True))


def load_with_options(options: dict[str, Any]) -> Any:
    """Return the model of --model, --weights and --device."""
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


def request_from_options(options: dict[str, Any]) -> Any:
    """Return the request of --method, --mask, --seed, --target and --set."""
    from earwitness.pipeline.request import ExplainRequest

    names = ("method", "mask", "seed", "target", "against", "like", "channel", "whole", "sections", "inversion",
             "domain", "fast", "precision", "check")
    own = {name: options[name] for name in names if name in options}
    return ExplainRequest(**own, settings=dict(_setting(text) for text in options["settings"]))


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ParameterError(f"--set got {text!r}; expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, {"True": True, "False": False, "None": None}.get(value, value)
