"""Components by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip, Features
from earwitness.models.audio_model import AudioModel
from earwitness.perturb import components, stems, superpixels
from earwitness.perturb.components import Components

COMPONENTS: dict[str, Callable[[Features, AudioModel], Components]] = {
    "temporal": lambda features, model: components.temporal(features, model.front_end),
    "spectral": lambda features, model: components.spectral(features, model.front_end),
    "grid": lambda features, model: components.grid(features, model.front_end),
    "superpixels": lambda features, _: superpixels.quickshift(features),
    "slic": lambda features, _: superpixels.slic(features),
    "hpss": stems.harmonic_percussive,
    "nmf": stems.nmf,
}
ComponentsLike = str | Components | Mapping[str, Clip]


def make_components(choice: ComponentsLike, features: Features, model: AudioModel) -> Components:
    """Return components for one item.

    Args:
        choice: a name of ``COMPONENTS``, components made for these features, or stems by name.
        features: one item.
        model: the model that hears them.

    Raises:
        ParameterError: unknown name.
    """
    if isinstance(choice, Mapping):
        if not choice or not all(isinstance(stem, Clip) for stem in choice.values()):
            raise ParameterError("components is empty or holds more than clips; expected stems by name")
        return stems.stems_from_clips(features, model, choice)
    if not isinstance(choice, str):
        if not hasattr(choice, "compose"):
            raise ParameterError(f"components is a {type(choice).__name__}; expected one of {', '.join(COMPONENTS)}, "
                                 "components, or stems by name")
        return choice
    if choice not in COMPONENTS:
        raise unknown_name("components", choice, COMPONENTS)
    return COMPONENTS[choice](features, model)
