"""What training takes and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.validation import fits
from earwitness.training.augment import Augmentation


@dataclass(frozen=True)
class LabelledFeatures:
    """Features of a set of clips and their classes.

    Attributes:
        values: (n, freq, time), in the front end's unit.
        targets: class numbers, (n,), int64.
    """

    values: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.targets.shape != self.values.shape[:1] or not len(self.values):
            raise ParameterError(
                f"values has shape {tuple(self.values.shape)} and targets {tuple(self.targets.shape)}; "
                "expected (n, freq, time) and (n,) with n >= 1"
            )

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class FitSettings:
    """How to train; the defaults are the published recipe of ``pak2025``, masks filled with silence.

    Attributes:
        epochs: passes over the training clips.
        batch: clips per step.
        learning_rate: of the first step.
        optimiser: "adam" or "adamw".
        weight_decay: of the optimiser.
        schedule: "constant", or "cosine" down to a hundredth with a warm-up over the first twentieth.
        label_smoothing: share of the target spread over all classes.
        average: decay of the moving average of the weights per step; 0 keeps the last weights.
        autocast: compute in bfloat16 where that is safe; weights stay float32.
        seed: of every draw.
        augmentation: random changes of the training clips.
        mix_until: share of the steps after which clips are no longer mixed; networks end surer of single sounds.
        calibrate: divide the logits by the temperature that suits the validation clips best.

    Source: Pak & Teryokhina 2025, sec. III-A. Differs: the best epoch is a copy; masks are silent.
    """

    epochs: int = 20
    batch: int = 32
    learning_rate: float = 1e-4
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    label_smoothing: float = 0.0
    average: float = 0.0
    autocast: bool = False
    seed: int = 0
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(max_rows=10, max_frames=20))
    mix_until: float = 1.0
    calibrate: bool = False


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; ``number`` counts from 1."""

    number: int
    train_loss: float
    valid_loss: float
    valid_accuracy: float


@dataclass(frozen=True)
class FitResult:
    """What training came to.

    Attributes:
        history: one entry per epoch.
        best_epoch: number of the epoch with the best validation accuracy, then the lowest loss.
        state_dict: a copy of the weights after that epoch.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    state_dict: dict[str, Tensor]


PUBLISHED_RECIPE = FitSettings()
SMALL_RECIPE = FitSettings(
    epochs=80, batch=32, learning_rate=2e-3, optimiser="adamw", weight_decay=0.02, schedule="cosine",
    label_smoothing=0.02, average=0.98, autocast=True, calibrate=True,
    augmentation=Augmentation(
        roll=True, stretch=0.2, shift_rows=3, gain_db=6, eq_db=6, mix_share=0.5, background_share=0.6,
        background_snr_db=(0.0, 25.0), gate_share=0.3, max_rows=10, max_frames=60,
    ),
)
SMALL_STFT_RECIPE = replace(
    SMALL_RECIPE, label_smoothing=0.05,
    augmentation=replace(
        SMALL_RECIPE.augmentation, shift_rows=5, mix_share=0.7, background_share=0.4, background_snr_db=(5.0, 30.0),
        max_rows=40, max_frames=40,
    ),
)
MEL_ROWS = 128


def recipe(arch: str, *, n_bins: int = 64, mix: float | None = None, **changes: float | None) -> FitSettings:
    """Return the recipe of an architecture, with what a person changed.

    Args:
        arch: "small" or "cnn14"; any other gets the published recipe.
        n_bins: rows of the features; the small network's recipe depends on them.
        mix: share of the clips that are mixed with another; None keeps the recipe's.
        changes: fields of ``FitSettings``; None keeps the recipe's.

    >>> recipe("cnn14", epochs=2, batch=None).epochs
    2
    """
    for name, value in {**changes, "mix": mix}.items():
        if not fits(value, float | None):
            raise ParameterError(f"{name} is {value}; expected a number")
    settings = PUBLISHED_RECIPE
    if arch == "small":
        settings = SMALL_RECIPE if n_bins <= MEL_ROWS else SMALL_STFT_RECIPE
    settings = replace(settings, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
    return settings if mix is None else replace(settings, augmentation=replace(settings.augmentation, mix_share=mix))
