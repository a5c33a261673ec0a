"""Model cards, and loading a model by name, folder or card."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import nn

from earwitness import frontends
from earwitness.core.errors import ParameterError, WeightsError, unknown_name
from earwitness.core.validation import fits, in_words
from earwitness.models.audio_model import AudioModel
from earwitness.models.networks.cnn14 import Cnn14
from earwitness.models.networks.singing_voice import SingingVoiceNet
from earwitness.models.networks.small_cnn import SmallCnn
from earwitness.models.networks.vggish import VGGish
from earwitness.models.weights import check, fetch, is_file, load_into, read_state_dict

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {"small": SmallCnn, "cnn14": Cnn14, "svdnet": SingingVoiceNet,
                                                     "vggish": VGGish}


@dataclass(frozen=True)
class Card:
    """What there is to know of a model.

    Attributes:
        name: name for ``load_model``.
        summary: one line.
        origin: who made it, and the publication.
        licence: of the weights.
        arch: key of ``ARCHITECTURES``.
        front_end: as ``frontends.describe`` gives it.
        weights: file name beside the card, or URL.
        checksum: ``sha256:HEX`` or ``md5:HEX``, as published; fewer digits mean the start.
        arch_settings: arguments of the architecture.
        labels: class names in the order of the logits.
        activation: "softmax" or "sigmoid".
        window_s: what the network hears at once, seconds.
        hop_s: step between windows, seconds.
        keep_partial: pad the last window with silence, or drop it.
        normalise: level of a window before the front end.
        credits: whose recordings it was trained on.
        data: what it was trained and tested on.
        training: settings of the training.
        measured: figures, as measured.
    """

    name: str
    summary: str
    origin: str
    licence: str
    arch: str
    front_end: Mapping[str, Any]
    weights: str
    checksum: str
    arch_settings: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    activation: str = "softmax"
    window_s: float | None = None
    hop_s: float | None = None
    keep_partial: bool = True
    normalise: str | None = None
    credits: str = ""
    data: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)


def cards() -> dict[str, Card]:
    """Return the cards of all models that can be loaded by name, bundled and published."""
    folder = resources.files("earwitness.models") / "bundled"
    paths = [Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".json")]
    read = (read_card(path) for path in sorted(paths))
    return {card.name: card for card in read}


def read_card(path: Path) -> Card:
    """Read a card from JSON.

    Raises:
        WeightsError: not a card.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        hints = get_type_hints(Card)
        if not isinstance(content, dict):
            raise WeightsError(f"{path}: not a model card; expected an object with entries {', '.join(sorted(hints))}")
        entry_names = set(hints)
        unknown = sorted(set(content) - entry_names)
        if unknown:
            raise WeightsError(f"{path}: unknown entries {', '.join(unknown[:5])}; "
                               f"known: {', '.join(sorted(entry_names))}")
        for name, value in content.items():
            if not fits(value, hints[name]):
                expected_type = in_words(hints[name], none="null")
                raise WeightsError(f"{path}: {name} is {json.dumps(value)[:40]}; expected {expected_type}")
        missing = [entry.name for entry in fields(Card) if entry.default is entry.default_factory is MISSING
                   and entry.name not in content]
        if missing:
            raise WeightsError(f"{path}: has no {', '.join(missing)}; expected every model card to have them")
        content["labels"] = tuple(str(label) for label in content.get("labels", ()))
        return Card(**content)
    except (ValueError, TypeError, OSError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: not a model card ({error})") from error


def load_model(name: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None) -> AudioModel:
    """Load a model.

    Args:
        name: a name of ``cards()``, or a folder or card (.json) that ``earwitness train`` wrote.
        weights: a local file to read instead of the bundled or published one.

    Returns:
        AudioModel on the CPU, in evaluation mode.

    Raises:
        ParameterError: unknown name.
        WeightsError: the weights cannot be fetched, read or fitted.

    >>> load_model("esc10-mel").labels[0]
    'dog'
    """
    bundled_cards = cards()
    bundled = str(name) in bundled_cards
    if bundled:
        card = bundled_cards[str(name)]
        folder = Path(str(resources.files("earwitness.models") / "bundled"))
    else:
        path = Path(name) if str(name).endswith(".json") else Path(name) / "card.json"
        if not is_file(path):
            raise unknown_name("model", str(name), bundled_cards)
        card, folder = read_card(path), path.parent
    if "://" in card.weights and weights is None and not bundled:
        raise WeightsError(f"{path}: a card of your own may not download; fetch {card.weights} and pass it as weights")
    model = assemble(card, _weights_file(card, folder, weights))
    given = {} if weights is None else {"weights_file": str(weights)}
    return replace(model, name=str(name), card={**model.card, **given})


def assemble(card: Card, weights: Path) -> AudioModel:
    """Build the network and front end of a card and load weights into it.

    Args:
        card: the card.
        weights: a checked file.
    """
    if card.arch not in ARCHITECTURES:
        raise unknown_name("architecture", card.arch, ARCHITECTURES)
    try:
        with torch.device("meta"):  # no random initialisation: the weights come from the file
            network = ARCHITECTURES[card.arch](**card.arch_settings)
        front_end = frontends.build_front_end(dict(card.front_end))
    except (TypeError, ValueError, RuntimeError, OverflowError, ArithmeticError) as error:
        raise ParameterError(f"card {card.name!r} does not fit its architecture or front end: {error}") from error
    load_into(network, read_state_dict(weights), source=str(weights))
    return AudioModel(
        network.eval(), front_end, labels=card.labels, activation=card.activation,  # type: ignore[arg-type]
        window_s=card.window_s, hop_s=card.hop_s, keep_partial=card.keep_partial,
        normalise=card.normalise, name=card.name, card=vars(card),  # type: ignore[arg-type]
    )


def _weights_file(card: Card, folder: Path, given: str | os.PathLike[str] | None) -> Path:
    if given is not None:
        return Path(given)
    if "://" in card.weights:
        return fetch(card.weights, card.checksum)
    path = folder / Path(card.weights).name
    if not is_file(path):
        raise WeightsError(f"{path}: no such file; the card {card.name!r} expects it beside itself")
    check(path, card.checksum)
    return path
