"""What determines rows and is not in a plan: the contents of files, the weights of models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from earwitness.core.errors import ParameterError
from earwitness.experiments.task import digest
from earwitness.frontends.registry import describe_front_end
from earwitness.models import AudioModel, load_model

CHUNK = 1 << 20


@dataclass(frozen=True)
class ModelSource:
    """Where a model is; small enough to be sent to every process, which loads it for itself.

    Attributes:
        name: for ``earwitness.load_model``.
        weights: a local file to read instead of the model's own.
        device: where its network runs.
    """

    name: str
    weights: str | None = None
    device: str = "cpu"

    def load(self) -> AudioModel:
        """Load it onto its device.

        Raises:
            ParameterError: there is no such model or device.
        """
        model = load_model(self.name, weights=self.weights)
        try:
            model.network.to(torch.device(self.device))
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ParameterError(f"device {self.device!r} cannot be used ({reason}); expected one of this machine, "
                                 "such as cpu") from error
        return model


def load_source(source: AudioModel | ModelSource) -> AudioModel:
    """Return a model, given itself or by its source."""
    return source.load() if isinstance(source, ModelSource) else source


def device_of(source: AudioModel | ModelSource) -> str:
    """Return where a model's network runs."""
    if isinstance(source, ModelSource):
        return source.device
    return str(next((tensor.device for tensor in source.network.parameters()), torch.device("cpu")))


def model_facts(model: AudioModel) -> dict[str, Any]:
    """Return what makes a model the same model again: its name, and digests of its weights and of how it hears."""
    weights = hashlib.sha256()
    for name, tensor in sorted(model.network.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        weights.update(f"{name} {plain.dtype} {tuple(plain.shape)} ".encode())
        weights.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    try:
        front_end = describe_front_end(model.front_end)
    except TypeError:  # one of a person's own that is no dataclass
        front_end = {"type": type(model.front_end).__name__}
    hears = [str(front_end), model.labels, model.activation, model.window_s, model.hop_s, model.keep_partial,
             model.pad_short, model.normalise, str(model.frames)]
    return {"name": model.name, "weights": weights.hexdigest(), "hears": digest(hears)}


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return a digest of files' names and contents; one that cannot be read counts as missing."""
    return digest([[path.name, _content(path)] for path in paths])


def _content(path: Path) -> str:
    content = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                content.update(chunk)
    except OSError:
        return "missing"
    return content.hexdigest()
