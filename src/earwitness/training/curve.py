"""The learning curve as a picture."""

from __future__ import annotations

from pathlib import Path

from earwitness.training.settings import FitResult


def draw_learning_curve(result: FitResult, path: Path) -> None:
    """Draw loss and validation accuracy of every epoch into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    losses = figure.add_subplot()
    accuracy = losses.twinx()
    numbers = [epoch.number for epoch in result.history]
    losses.plot(numbers, [epoch.train_loss for epoch in result.history], color="#9a5b00", label="training loss")
    losses.plot(numbers, [epoch.valid_loss for epoch in result.history], color="#9a5b00", linestyle=":",
                label="validation loss")
    accuracy.plot(numbers, [100 * epoch.valid_accuracy for epoch in result.history], color="#00579a",
                  label="validation accuracy")
    accuracy.axvline(result.best_epoch, color="#666666", linewidth=0.8, label=f"best epoch, {result.best_epoch}")
    losses.set(xlabel="epoch", ylabel="cross-entropy, nats")
    accuracy.set(ylabel="accuracy, %", ylim=(0, 101))
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=130, format="png")
