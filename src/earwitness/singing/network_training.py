"""Training of the singing voice detector, resumable epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from earwitness.core.atomic_files import replacing
from earwitness.core.errors import ParameterError, WeightsError
from earwitness.frontends.singing_log_mel import SingingVoiceLogMel
from earwitness.models.eval_mode import eval_mode
from earwitness.models.networks.singing_voice import STRIDE_FRAMES, SingingVoiceNet
from earwitness.singing.excerpts import ExcerptChanges, ExcerptDeck, SongSpectrum, song_features
from earwitness.training.fitting import SEED_STEP, borrowed_rng, copy_of

SLIDE_FRAMES = 2000


@dataclass(frozen=True)
class VoiceSettings:
    """How to train a singing voice detector; the defaults are the published schedule.

    Attributes:
        epochs: number of epochs.
        batches: batches per epoch.
        batch: excerpts per batch.
        outputs: decisions per excerpt, nine frames apart; 1 as published.
        learning_rate: of the first epoch.
        decay: factor of the learning rate from epoch to epoch.
        momentum: of Nesterov's method.
        targets: what the network is to say without and with singing.
        autocast: compute in bfloat16 where that is safe; weights stay float32.
        seed: of every draw.
        changes: random changes of the excerpts.

    Source: Schlüter & Grill 2015; Mishra et al. 2020. Differs: ``outputs``.
    """

    epochs: int = 20
    batches: int = 2000
    batch: int = 32
    outputs: int = 1
    learning_rate: float = 0.01
    decay: float = 0.85
    momentum: float = 0.95
    targets: tuple[float, float] = (0.02, 0.98)
    autocast: bool = False
    seed: int = 0
    changes: ExcerptChanges = field(default_factory=ExcerptChanges)

    def __post_init__(self) -> None:
        if min(self.epochs, self.batches, self.batch, self.outputs) < 1 or self.learning_rate <= 0:
            raise ParameterError(f"epochs={self.epochs}, batches={self.batches}, batch={self.batch}, outputs="
                                 f"{self.outputs}, learning_rate={self.learning_rate}; expected positive numbers")


def fit_voice(
    songs: Sequence[SongSpectrum], front_end: SingingVoiceLogMel, settings: VoiceSettings, *,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> SingingVoiceNet:
    """Train a network on songs and return it in evaluation mode.

    Args:
        songs: the training songs.
        front_end: with their statistics, see ``band_statistics``.
        settings: the recipe.
        checkpoint: file to continue from and to write after every epoch; None keeps nothing.
        on_epoch: called with (number of the epoch, from 1; mean loss); what it raises stops the run.

    Raises:
        WeightsError: the checkpoint is damaged or belongs to another run.
    """
    with borrowed_rng(settings.seed):
        network = SingingVoiceNet()
    optimiser = torch.optim.SGD(network.parameters(), lr=settings.learning_rate, momentum=settings.momentum,
                                nesterov=settings.momentum > 0)
    deck = ExcerptDeck(songs, front_end, settings.changes, outputs=settings.outputs)
    made_with = f"{settings} on {[song.name for song in songs]}"
    done = _resume(checkpoint, network, optimiser, made_with)
    for epoch in range(done, settings.epochs):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * settings.decay**epoch
        seed = settings.seed * SEED_STEP + epoch
        with borrowed_rng(seed):
            loss = _epoch(network, optimiser, deck, settings, torch.Generator().manual_seed(seed))
        if checkpoint is not None:
            with replacing(checkpoint) as temporary:
                torch.save({"made_with": made_with, "network": copy_of(network.state_dict()),
                            "optimiser": optimiser.state_dict(), "epochs": epoch + 1}, temporary)
        if on_epoch is not None:
            on_epoch(epoch + 1, loss)
    return network.eval()


def voice_curve(network: SingingVoiceNet, features: Tensor) -> Tensor:
    """Return the probability of singing for every window of 115 frames, (time - 114,).

    Args:
        network: the detector.
        features: (80, time); with 57 silent frames at both ends the curve has one value a frame of the song.
    """
    count = features.shape[1] - 114
    with eval_mode(network), torch.no_grad():
        pieces = [network.slide(features[:, first : min(first + SLIDE_FRAMES, count) + 114])
                  for first in range(0, count, SLIDE_FRAMES)]
    return torch.sigmoid(torch.cat(pieces))


def song_curve(network: SingingVoiceNet, song: SongSpectrum, front_end: SingingVoiceLogMel) -> Tensor:
    """Return the probability of singing in every frame of a song, (frames,)."""
    return voice_curve(network, song_features(song, front_end))


def _epoch(
    network: SingingVoiceNet, optimiser: torch.optim.Optimizer, deck: ExcerptDeck, settings: VoiceSettings,
    generator: torch.Generator,
) -> float:
    network.train()
    total = 0.0
    quiet, sung = settings.targets
    for _ in range(settings.batches):
        features, vocal = deck.batch(settings.batch, generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.autocast):
            logits = decisions(network, features).float()
        loss = functional.binary_cross_entropy_with_logits(logits, quiet + (sung - quiet) * vocal.to(logits))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += float(loss.detach())
        if not math.isfinite(total):
            rate = optimiser.param_groups[0]["lr"]
            raise ParameterError(f"the training diverges at learning_rate={rate:g}; lower it")
    return total / settings.batches


def decisions(network: SingingVoiceNet, features: Tensor) -> Tensor:
    """Return the logits (batch, outputs) of windows that lie nine frames apart; convolutions are shared.

    Args:
        network: in training or evaluation mode; nothing is changed.
        features: (batch, 80, 115 + 9·(outputs - 1)).
    """
    count = (features.shape[2] - 115) // STRIDE_FRAMES + 1
    planes = network.maps(features)
    windows = planes.unfold(3, planes.shape[3] - count + 1, 1).permute(0, 3, 1, 2, 4)
    return network.judge(windows.flatten(2).flatten(0, 1)).view(len(features), count)


def _resume(
    checkpoint: Path | None, network: SingingVoiceNet, optimiser: torch.optim.Optimizer, made_with: str
) -> int:
    """Load a checkpoint if there is one; return how many epochs it has behind it."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if state["made_with"] == made_with:
            network.load_state_dict(state["network"])
            optimiser.load_state_dict(state["optimiser"])
            return int(state["epochs"])
    except Exception as error:  # a damaged file raises a dozen kinds
        raise WeightsError(f"{checkpoint}: not a checkpoint ({type(error).__name__}); delete it to start again"
                           ) from error
    raise WeightsError(f"{checkpoint}: belongs to other settings or songs; delete it to start again")
