"""Which models, clips, methods and masks."""

from __future__ import annotations

from dataclasses import dataclass

from earwitness import masks
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.methods import METHODS


@dataclass(frozen=True)
class DomainsPlan:
    """Models × clips × methods × masks × routes.

    Attributes:
        models: names or folders for ``earwitness.load_model``.
        methods: how each clip is explained.
        masks: presets of ``earwitness.masks``.
        n_clips: clips of the fold, the classes in turn.
        n_optimised: of these, how many ``audible_mask`` explains, too.
        fold: whose clips are taken.
    """

    models: tuple[str, ...] = ("esc10-mel", "esc10-stft")
    methods: tuple[str, ...] = ("saliency", "gradcam")
    masks: tuple[str, ...] = masks.PRESETS
    n_clips: int = 80
    n_optimised: int = 0
    fold: int = 5

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in METHODS:
                raise unknown_name("method", name, METHODS)
        for preset in self.masks:
            masks.describe(preset)
        for what in ("models", "methods", "masks"):
            names = getattr(self, what)
            if not names or len(set(names)) < len(names):
                raise ParameterError(f"{what} are {list(names)}; expected at least one, each once")
        if self.n_clips < 1 or self.n_optimised < 0:
            raise ParameterError(f"n_clips={self.n_clips}, n_optimised={self.n_optimised}; expected at least one clip")
