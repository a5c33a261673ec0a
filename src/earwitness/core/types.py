"""The values that travel between the packages: Clip, Features, Attribution."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.validation import fits

Progress = Callable[[float], None]  # called with the share done, 0..1
StepProgress = Callable[[str, float], None]  # called with the name of a step and the share done
MAX_RATE_HZ = 10_000_000


def check_rate(sample_rate_hz: Any) -> None:
    """Refuse what is no sample rate: a whole number of samples per second, up to ten million."""
    if not fits(sample_rate_hz, int) or not 0 < sample_rate_hz <= MAX_RATE_HZ:
        raise ParameterError(f"sample_rate_hz is {sample_rate_hz!r}; expected a whole number from 1 to {MAX_RATE_HZ}")


def notebook_html(value: object, shower: str) -> str:
    """Return what a notebook shows of a value.

    Args:
        value: a clip, an attribution or a report.
        shower: the function of ``report.notebook`` that draws it.
    """
    # By its name: values are the lowest layer and pictures a high one, so no value may import what draws it. Only here,
    # and only when a notebook asks, so that nobody has to have imported the pictures before.
    html: str = getattr(importlib.import_module("earwitness.report.notebook"), shower)(value)
    return html


@dataclass(frozen=True)
class Clip:
    """One mono recording.

    Attributes:
        waveform: samples, (time,), floating point, full scale ±1.
        sample_rate_hz: samples per second.
        name: what people call it, usually the file's name.

    Raises:
        ParameterError: ``waveform`` is not a non-empty 1-d floating tensor, or the rate is not positive.

    >>> import torch
    >>> Clip(torch.zeros(8000), 16000, "silence").duration_s
    0.5
    """

    waveform: Tensor
    sample_rate_hz: int
    name: str = "clip"

    def __post_init__(self) -> None:
        if not isinstance(self.waveform, Tensor):
            kind = type(self.waveform).__name__
            raise ParameterError(f"waveform is a {kind}; expected a tensor of shape (time,): torch.as_tensor makes one")
        if self.waveform.ndim != 1 or not self.waveform.is_floating_point() or not self.waveform.numel():
            got = f"{self.waveform.dtype} of shape {tuple(self.waveform.shape)}"
            raise ParameterError(f"waveform is {got}; expected a non-empty floating tensor of shape (time,)")
        check_rate(self.sample_rate_hz)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.waveform.numel() / self.sample_rate_hz

    def _repr_html_(self) -> str:
        return notebook_html(self, "clip_html")


@dataclass(frozen=True)
class Features:
    """What is explained, and what is needed to make sound of it again.

    Attributes:
        values: the plane that is explained, (batch, freq, time), in the front end's unit; for most networks it is
            their input, see ``FrontEnd.network_input``.
        stft: complex short-time spectrum behind it, (batch, bins, time).
        length_samples: length of each waveform in samples.
    """

    values: Tensor
    stft: Tensor
    length_samples: int

    def __post_init__(self) -> None:
        if self.values.ndim != 3:
            raise ParameterError(f"values has shape {tuple(self.values.shape)}; expected (batch, freq, time)")

    def with_values(self, values: Tensor) -> Features:
        """Return the same features with other values; the batch may repeat a single item.

        Args:
            values: (batch, freq, time), same freq and time.
        """
        if values.shape[1:] != self.values.shape[1:]:
            raise ParameterError(
                f"values has shape {tuple(values.shape)} but features {tuple(self.values.shape)}; "
                "last two axes must match"
            )
        stft = self.stft
        if values.shape[0] != stft.shape[0]:
            stft = stft.expand(values.shape[0], -1, -1)
        return replace(self, values=values, stft=stft)

    def __getitem__(self, items: slice) -> Features:
        """Select items of the batch with a slice; the batch axis stays."""
        return replace(self, values=self.values[items], stft=self.stft[items])

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True)
class Attribution:
    """Which parts of the time-frequency plane speak for (and against) a target.

    Attributes:
        values: evidence, (freq, time); positive speaks for the target. Windows of a long clip are joined in time.
        target: class name, or None where the model has no classes.
        method: name in ``earwitness.methods.METHODS``.
        settings: everything needed, with ``seed``, to compute it again.
        seed: seed of the random draws.
        uncertainty: (freq, time), or None where the method has none.
        components: the interpretable parts with ``.weights`` (n,), or None where the method has none.
        passes: forward and backward passes of the network that were spent, in items; where coalitions share their work
            inside the network, the passes that this work amounts to.
        frequencies_hz: centre of each row in Hz, (freq,).
        times_s: centre of each column in seconds, (time,).
    """

    values: Tensor
    target: str | None
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    uncertainty: Tensor | None = None
    components: Any | None = None
    passes: Mapping[str, int] = field(default_factory=dict)
    frequencies_hz: Tensor | None = None
    times_s: Tensor | None = None

    def __repr__(self) -> str:
        """One line; the tensors are a name away."""
        return (f"Attribution(method={self.method!r}, target={self.target!r}, values={tuple(self.values.shape)}, "
                f"seed={self.seed})")

    def _repr_html_(self) -> str:
        return notebook_html(self, "attribution_html")
