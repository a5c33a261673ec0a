"""Components by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from earwitness.errors import ParameterError, unknown_name
from earwitness.models.audio_model import AudioModel
from earwitness.perturb import components, sources, superpixels
from earwitness.perturb.components import Components
from earwitness.types import Clip, Features

KINDS: dict[str, Callable[[Features, AudioModel], Components]] = {
    "temporal": lambda features, model: components.temporal(features, model.front_end),
    "spectral": lambda features, model: components.spectral(features, model.front_end),
    "grid": lambda features, model: components.grid(features, model.front_end),
    "superpixels": lambda features, _: superpixels.quickshift(features),
    "slic": lambda features, _: superpixels.slic(features),
    "hpss": sources.harmonic_percussive,
    "nmf": sources.nmf,
}
Choice = str | Components | Mapping[str, Clip]


def find_components(choice: Choice, features: Features, model: AudioModel) -> Components:
    """Return components for one item.

    Args:
        choice: a name of ``KINDS``, components made for these features, or stems by name.
        features: one item.
        model: the model that hears them.

    Raises:
        ParameterError: unknown name.
    """
    if isinstance(choice, Mapping):
        if not choice or not all(isinstance(stem, Clip) for stem in choice.values()):
            raise ParameterError("components is empty or holds more than clips; expected stems by name")
        return sources.from_stems(features, model, choice)
    if not isinstance(choice, str):
        if not hasattr(choice, "compose"):
            raise ParameterError(f"components is a {type(choice).__name__}; expected one of {', '.join(KINDS)}, "
                                 "components, or stems by name")
        return choice
    if choice not in KINDS:
        raise unknown_name("components", choice, KINDS)
    return KINDS[choice](features, model)
