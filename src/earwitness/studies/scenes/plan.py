"""Which models, scenes and seeds."""

from __future__ import annotations

from dataclasses import dataclass

from earwitness import synthetic
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.methods import METHODS


@dataclass(frozen=True)
class ScenesPlan:
    """Models × scenes × seeds × methods.

    Attributes:
        models: names or folders for ``earwitness.load_model``.
        scenes: names of synthetic scenes.
        seeds: what each scene is drawn from.
        methods: how it is explained; by default all that work on any network.
    """

    models: tuple[str, ...] = ("esc10-mel", "esc10-stft")
    scenes: tuple[str, ...] = tuple(synthetic.SCENES)
    seeds: tuple[int, ...] = (0, 1, 2)
    methods: tuple[str, ...] = tuple(name for name in METHODS if name != "attention_rollout")

    def __post_init__(self) -> None:
        for kind, names, registry in (("scene", self.scenes, synthetic.SCENES), ("method", self.methods, METHODS)):
            for name in names:
                if name not in registry:
                    raise unknown_name(kind, name, registry)
        for what in ("models", "scenes", "seeds", "methods"):
            values = getattr(self, what)
            if not values or len(set(values)) < len(values):
                raise ParameterError(f"{what} are {list(values)}; expected at least one, each once")
