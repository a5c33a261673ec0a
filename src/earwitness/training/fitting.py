"""One training loop, resumable and repeatable.

Every epoch draws from a generator of its own, seeded by (seed, epoch): an epoch can be run again, or
a killed run resumed, with the same result. Dropout and weight initialisation have no generator
argument in torch; they run inside ``borrowed_rng``, which puts the global generator back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from earwitness.core.atomic_files import replacing
from earwitness.core.errors import ParameterError, WeightsError, unknown_name
from earwitness.models.eval_mode import eval_mode
from earwitness.training.settings import Epoch, FitResult, FitSettings, LabelledFeatures

CHECKPOINT = "checkpoint.pt"
SEED_STEP = 1_000_003


@contextmanager
def borrowed_rng(seed: int) -> Iterator[None]:
    """Seed torch's global generator inside the block and restore it after.

    >>> before = torch.random.get_rng_state()
    >>> with borrowed_rng(1):
    ...     _ = torch.rand(3)
    >>> bool((torch.random.get_rng_state() == before).all())
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def predict(network: nn.Module, values: Tensor, *, batch: int = 64) -> Tensor:
    """Return logits (n, classes) of features (n, freq, time), in evaluation mode and float32."""
    with eval_mode(network), torch.no_grad():
        return torch.cat([network(part).float() for part in torch.split(values, batch)])


def fit(
    network: nn.Module,
    train: LabelledFeatures,
    valid: LabelledFeatures,
    *,
    settings: FitSettings,
    backgrounds: Tensor | None = None,
    out_dir: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FitResult:
    """Train a classifier and return a copy of its best weights.

    Args:
        network: takes (batch, freq, time), returns logits (batch, classes); left with the best weights,
            in evaluation mode.
        train: training clips.
        valid: clips that choose the best epoch; never trained on.
        settings: the recipe.
        backgrounds: unlabelled sounds for the augmentation, (n, freq, time).
        out_dir: folder of the checkpoint; a checkpoint found there is continued. None keeps nothing.
        on_epoch: called after every epoch; what it raises stops the run, which can be continued later.

    Raises:
        ParameterError: unknown optimiser or schedule, or a number out of range.
        WeightsError: the checkpoint is damaged or belongs to other settings.
    """
    n_classes = predict(network, valid.values[:1]).shape[1]
    steps = math.ceil(len(train) / settings.batch)
    run = _Run(network, settings, n_classes=n_classes, steps_per_epoch=steps)
    run.made_with = f"{settings} for {len(train)} + {len(valid)} clips"
    path = None if out_dir is None else out_dir / CHECKPOINT
    if path is not None and path.exists():
        run.load(path)
    while len(run.history) < settings.epochs:
        epoch = run.epoch(train, valid, backgrounds)
        if path is not None:
            with replacing(path) as temporary:
                torch.save(run.state(), temporary)
        if on_epoch is not None:
            on_epoch(epoch)
    network.load_state_dict(run.best)
    network.eval()
    return FitResult(tuple(run.history), run.best_epoch, run.best)


class _Run:
    """A training run between two epochs: all that a checkpoint holds."""

    def __init__(self, network: nn.Module, settings: FitSettings, *, n_classes: int, steps_per_epoch: int) -> None:
        if min(settings.epochs, settings.batch) < 1 or settings.learning_rate <= 0:
            raise ParameterError(f"epochs={settings.epochs}, batch={settings.batch}, "
                                 f"learning_rate={settings.learning_rate}; expected positive numbers")
        self.network, self.settings = network, settings
        self.total_steps = steps_per_epoch * settings.epochs
        self.optimiser = _optimiser(network, settings)
        self.n_classes = n_classes
        self.made_with = ""
        self.step = 0
        self.history: list[Epoch] = []
        self.average = copy_of(network.state_dict()) if settings.average else {}
        self.best = copy_of(network.state_dict())
        self.best_epoch = 0

    def epoch(self, train: LabelledFeatures, valid: LabelledFeatures, backgrounds: Tensor | None) -> Epoch:
        # the seed follows from the epoch's number, not from where a generator has got to: a resumed run draws the same
        seed = self.settings.seed * SEED_STEP + len(self.history)
        generator = torch.Generator().manual_seed(seed)
        with borrowed_rng(seed):
            train_loss = self._train(train, backgrounds, generator)
        # What is judged and kept is the moving average, if there is one; the optimiser goes on from the weights that it
        # left, so they are put back below. Both are copies: ``state_dict()`` would follow the network.
        weights = copy_of(self.network.state_dict())
        if self.settings.average:
            self.network.load_state_dict(self.average)
        logits = predict(self.network, valid.values)
        epoch = Epoch(
            number=len(self.history) + 1,
            train_loss=train_loss,
            valid_loss=float(functional.cross_entropy(logits, valid.targets)),
            valid_accuracy=float((logits.argmax(1) == valid.targets).float().mean()),
        )
        if self.best_epoch == 0 or _rank(epoch) > _rank(self.history[self.best_epoch - 1]):
            self.best, self.best_epoch = copy_of(self.network.state_dict()), epoch.number
        self.network.load_state_dict(weights)
        self.history.append(epoch)
        return epoch

    def _train(self, train: LabelledFeatures, backgrounds: Tensor | None, generator: torch.Generator) -> float:
        settings, total = self.settings, 0.0
        self.network.train()
        order = torch.randperm(len(train), generator=generator)
        for items in torch.split(order, settings.batch):
            if len(items) == 1 and len(order) > 1:  # batch normalisation cannot learn from one clip
                continue
            for group in self.optimiser.param_groups:
                group["lr"] = _learning_rate(settings, self.step, self.total_steps)
            loss = self._loss(train, items, backgrounds, generator)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.step += 1
            if settings.average:
                self._update_average()
            total += float(loss.detach()) * len(items)
        return total / len(order)

    def _loss(
        self, train: LabelledFeatures, items: Tensor, backgrounds: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        values, labels = train.values[items], train.targets[items]
        targets = functional.one_hot(labels, self.n_classes).to(values)
        augment = self.settings.augmentation
        if self.step >= self.settings.mix_until * self.total_steps:
            augment = replace(augment, mix_share=0.0)
        values, targets = augment(values, targets, backgrounds=backgrounds, generator=generator)
        with torch.autocast(values.device.type, torch.bfloat16, enabled=self.settings.autocast):
            logits = self.network(values).float()
        return functional.cross_entropy(logits, targets, label_smoothing=self.settings.label_smoothing)

    def _update_average(self) -> None:
        decay = min(self.settings.average, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values."""
        return {
            "made_with": self.made_with,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "step": self.step,
            "history": [asdict(epoch) for epoch in self.history],
        }

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same settings."""
        try:
            if not path.is_file():
                raise ValueError("it is not a regular file")
            state = torch.load(path, map_location="cpu", weights_only=True)
            made_with = state["made_with"]
            if made_with == self.made_with:
                self._restore(state)
        except Exception as error:  # a damaged file raises a dozen kinds
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(f"{path}: not a checkpoint ({reason}); delete it to start again") from error
        if made_with != self.made_with:
            raise WeightsError(f"{path}: made with {made_with}, now {self.made_with}; delete it to start again")

    def _restore(self, state: dict[str, Any]) -> None:
        self.history = [Epoch(**entry) for entry in state["history"]]
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average, self.best, self.best_epoch = state["average"], state["best"], state["best_epoch"]
        self.step = state["step"]


def copy_of(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict whose tensors are copies; ``state_dict()`` itself follows the network."""
    return {name: value.detach().clone() for name, value in state.items()}


def _rank(epoch: Epoch) -> tuple[float, float]:
    return (round(epoch.valid_accuracy, 6), -epoch.valid_loss)


def _optimiser(network: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    kinds: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if settings.optimiser not in kinds:
        raise unknown_name("optimiser", settings.optimiser, kinds)
    if settings.schedule not in ("constant", "cosine"):
        raise unknown_name("schedule", settings.schedule, ("constant", "cosine"))
    make: Any = kinds[settings.optimiser]
    optimiser: torch.optim.Optimizer = make(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return optimiser


def _learning_rate(settings: FitSettings, step: int, total_steps: int) -> float:
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = min(1.0, step / max(1, total_steps - 1))
    warm_up = min(1.0, (step + 1) / max(1.0, total_steps / 20))
    return settings.learning_rate * warm_up * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
