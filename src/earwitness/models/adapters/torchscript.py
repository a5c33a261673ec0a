"""TorchScript files as networks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from earwitness.core.errors import WeightsError
from earwitness.models.audio_model import AudioModel
from earwitness.models.weights import is_file


def from_torchscript(
    path: str | os.PathLike[str], sample_rate_hz: int | None = None, labels: Sequence[str] = (), **settings: Any
) -> AudioModel:
    """Bind a network that ``torch.jit`` saved.

    Nothing is unpickled by Python, but a TorchScript file is a program that torch runs: load only files that you
    trust as you would trust a program. Its layers cannot be watched, so ``gradcam`` and ``deep_shap`` refuse;
    all other methods work.

    Args:
        path: the file.
        sample_rate_hz: rate of the waveforms, for a network over waveforms (batch, time).
        labels: class names in the order of the logits.
        settings: further attributes of ``AudioModel``; ``front_end`` for a network over spectrograms.

    Raises:
        WeightsError: no such file, or not TorchScript.
    """
    if not is_file(Path(path)):
        raise WeightsError(f"{path}: no such file; expected a TorchScript file")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
            network = torch.jit.load(os.fspath(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: not a TorchScript file ({reason[:200]}); torch.jit.trace makes one") from error
    settings = {"name": os.path.basename(path)} | settings
    return AudioModel(network.eval(), labels=labels, sample_rate_hz=sample_rate_hz,  # type: ignore[arg-type]
                      **settings)


def keeps_its_layers(network: nn.Module) -> bool:
    """Say whether a network is TorchScript, whose layers cannot be watched."""
    return isinstance(network, torch.jit.ScriptModule)
