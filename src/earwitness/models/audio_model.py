"""AudioModel: a front end, a network and labels, seen as one thing that hears clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from earwitness import audio
from earwitness.core.errors import ParameterError, unknown_name
from earwitness.core.types import Clip, Features, check_rate
from earwitness.core.validation import fits
from earwitness.frontends import FrontEnd, WaveformPlane
from earwitness.models.eval_mode import eval_mode
from earwitness.models.frames import Frames
from earwitness.models.windows import Windows

Activation = Literal["softmax", "sigmoid", "identity"]
MAX_WINDOW_S = 3600.0
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: torch.softmax(logits, -1), "sigmoid": torch.sigmoid,
    "identity": lambda outputs: outputs,
}


@dataclass(frozen=True, eq=False)
class AudioModel:
    """A network with its front end and labels; hears clips of any rate and length.

    Attributes:
        network: features (batch, freq, time) -> logits (batch, classes), or waveforms (batch, time) -> logits where
            there is no front end; with ``frames`` the logits are (batch, classes, frames). ``network.embed`` gives
            embeddings (batch, dim) where it exists.
        front_end: waveform -> features. None: the network hears waveforms, and is explained on the STFT plane of
            ``WaveformPlane.at_rate(sample_rate_hz)``; give a ``WaveformPlane`` for another plane.
        labels: class names in the order of the logits; empty for an encoder.
        activation: "softmax" (one class), "sigmoid" (any number of classes), or "identity": the outputs are plain
            numbers, as in regression, and there are no probabilities.
        window_s: what the network hears at once, seconds; shorter clips are padded with silence, longer ones
            are heard window by window. None: the whole clip at once.
        hop_s: step between windows, seconds; None means ``window_s``.
        keep_partial: pad the last incomplete window with silence (True) or drop it (False).
        pad_short: pad a clip shorter than one window with silence (True), or hear it at its own length (False), for
            networks that fill it up by themselves.
        normalise: level of each window before the front end: "peak", "rms" or None.
        name: what people call the model.
        card: origin, licence, figures; see ``earwitness.models.catalogue``.
        sample_rate_hz: rate of the sound that the network hears; None takes the front end's.
        frames: when the answers of a frame-wise network are, and how they become one; None: one answer per window.
    """

    network: nn.Module
    front_end: FrontEnd = None  # type: ignore[assignment]  # never None once it is made
    labels: Sequence[str] = ()
    activation: Activation = "softmax"
    window_s: float | None = None
    hop_s: float | None = None
    keep_partial: bool = True
    normalise: audio.Level | None = None
    name: str = "model"
    card: Mapping[str, Any] = field(default_factory=dict)
    sample_rate_hz: int = None  # type: ignore[assignment]  # never None once it is made
    pad_short: bool = True
    frames: Frames | None = None

    # models from elsewhere; ``earwitness.models`` puts its functions here, as adapters stand on this class
    from_callable: ClassVar[Callable[..., AudioModel]]
    from_onnx: ClassVar[Callable[..., AudioModel]]
    from_torchscript: ClassVar[Callable[..., AudioModel]]
    from_transformers: ClassVar[Callable[..., AudioModel]]

    def __post_init__(self) -> None:
        if not isinstance(self.network, nn.Module):
            raise ParameterError(f"network is a {type(self.network).__name__}; expected a torch.nn.Module")
        self._settle_the_front_end()
        if self.activation not in ACTIVATIONS:
            raise unknown_name("activation", self.activation, ACTIVATIONS)
        if isinstance(self.labels, str) or not isinstance(self.labels, Sequence):
            raise ParameterError(f"labels is {str(self.labels)[:40]!r}; expected a list of names")
        if len({str(label) for label in self.labels}) != len(self.labels):
            raise ParameterError("labels has duplicates; expected one distinct name per class")
        for name in ("window_s", "hop_s"):
            seconds = getattr(self, name)
            if seconds is not None and not (fits(seconds, float) and 0 < seconds <= MAX_WINDOW_S):
                raise ParameterError(f"{name} is {seconds!r}; expected seconds up to {MAX_WINDOW_S:g}, or None")
        if self.normalise not in (None, "peak", "rms"):
            raise unknown_name("level", self.normalise, ("peak", "rms"))
        if not isinstance(self.frames, Frames | None):
            raise ParameterError(f"frames is {str(self.frames)[:40]!r}; expected earwitness.models.Frames(), or None")
        object.__setattr__(self, "labels", tuple(str(label) for label in self.labels))

    def _settle_the_front_end(self) -> None:
        if self.front_end is None:
            if self.sample_rate_hz is None:
                raise ParameterError("front_end is None; expected one of earwitness.frontends, such as MelDb, or, for "
                                     "a network that hears waveforms, its sample_rate_hz")
            check_rate(self.sample_rate_hz)
            object.__setattr__(self, "front_end", WaveformPlane.at_rate(self.sample_rate_hz))
        if not isinstance(self.front_end, FrontEnd):
            raise ParameterError(
                f"front_end is a {type(self.front_end).__name__}; expected one of earwitness.frontends, such as MelDb"
            )
        rate = self.front_end.sample_rate_hz
        if self.sample_rate_hz not in (None, rate):
            raise ParameterError(f"sample_rate_hz is {self.sample_rate_hz!r} but the front end takes {rate}; "
                                 "give only the front end")
        object.__setattr__(self, "sample_rate_hz", rate)

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return self._example_parameter().device

    def waveforms(self, clip: Clip) -> Tensor:
        """Resample a clip and cut it into windows at its own level, (windows, time).

        Silence fills what is missing at the end (see ``keep_partial``); the result has the network's
        dtype and device.
        """
        if not isinstance(clip, Clip):
            raise ParameterError(f"clip is a {type(clip).__name__}; expected a Clip: earwitness.load reads one")
        if not bool(torch.isfinite(clip.waveform).all()):
            raise ParameterError(f"{clip.name}: waveform has NaN or infinite samples; expected finite sound")
        waveform = audio.resample(clip, self.sample_rate_hz).waveform.to(self._example_parameter())
        window, hop = self._window_and_hop(waveform.numel())
        rest = max(0, waveform.numel() - window)
        count = 1 + (math.ceil(rest / hop) if self.keep_partial else rest // hop)
        return audio.fit_length(waveform, window + (count - 1) * hop).unfold(0, window, hop)

    def features(self, clip: Clip) -> Features:
        """Return the features of a clip, one item of the batch per window."""
        return self.front_end(audio.normalise(self.waveforms(clip), self.normalise))

    def windows(self, clip: Clip) -> Windows:
        """Return the windows of a clip, whose features are made one at a time."""
        return Windows(self, clip)

    def logits(self, features: Features) -> Tensor:
        """Return the network's raw scores, (batch, classes); those of a frame-wise network pooled over its frames.

        Raises:
            ParameterError: the network's output does not fit ``labels``.
        """
        return self.pooled(self.outputs(features))

    def outputs(self, features: Features) -> Tensor:
        """Return the network's raw scores, (batch, classes), of a frame-wise one (batch, classes, frames).

        Raises:
            ParameterError: the network's output does not fit ``labels`` or ``frames``.
        """
        logits: Tensor = self.network(self.front_end.network_input(features))
        if not isinstance(logits, Tensor):
            kind = type(logits).__name__
            raise ParameterError(f"network returns a {kind}; expected a tensor of logits (batch, classes)")
        axes = 2 if self.frames is None else 3
        if logits.ndim != axes or (self.labels and logits.shape[1] != len(self.labels)):
            expected_shape = f"(batch, {len(self.labels) or 'classes'}{', frames' * (axes == 3)})"
            more = "; a frame-wise network needs frames=earwitness.models.Frames()" if logits.ndim > axes else ""
            raise ParameterError(
                f"network returns shape {tuple(logits.shape)}; expected {expected_shape}: one logit per label{more}")
        return logits

    def probabilities(self, sound: Clip | Features) -> Tensor:
        """Return class probabilities, (batch, classes), one row per window; no gradient is kept.

        Those of a frame-wise network are the frames' probabilities, pooled.

        Raises:
            ParameterError: the model's outputs are no probabilities.
        """
        return self.pooled(self.frame_probabilities(sound))

    def frame_probabilities(self, sound: Clip | Features) -> Tensor:
        """Return class probabilities as the network gives them: (batch, classes), frame-wise (batch, classes, frames).

        Raises:
            ParameterError: the model's outputs are no probabilities.
        """
        if self.activation == "identity":
            raise ParameterError(f"model {self.name!r} gives plain numbers (activation 'identity'), no probabilities; "
                                 "ask model.logits, or explain the score 'output'")
        with eval_mode(self.network), torch.no_grad():
            features = self.features(sound) if isinstance(sound, Clip) else sound
            return self.activated(self.outputs(features))

    def activated(self, outputs: Tensor) -> Tensor:
        """Return probabilities of outputs (batch, classes) or (batch, classes, frames), same shape."""
        return ACTIVATIONS[self.activation](outputs.transpose(1, -1)).transpose(1, -1)

    def pooled(self, outputs: Tensor) -> Tensor:
        """Return one answer per window, (batch, classes), of a network that may be frame-wise."""
        return outputs if self.frames is None else self.frames.pooled(outputs)

    def embed(self, features: Features) -> Tensor:
        """Return embeddings, (batch, dim).

        Raises:
            ParameterError: the network has no ``embed``.
        """
        embed = getattr(self.network, "embed", None)
        if embed is None:
            raise ParameterError(
                f"network {type(self.network).__name__} has no embed method; give it one to use it here"
            )
        embedding: Tensor = embed(self.front_end.network_input(features))
        return embedding

    def class_index(self, target: str | int) -> int:
        """Return the index of a class given by name or index.

        Raises:
            ParameterError: no such class.
        """
        if isinstance(target, str) and target in self.labels:
            return list(self.labels).index(target)
        text = str(target)
        if text.isascii() and text.isdecimal() and len(text) < 10 and (not self.labels or int(text) < len(self.labels)):
            return int(text)
        raise unknown_name("target", target, self.labels)

    def class_name(self, index: int) -> str:
        """Return the name of a class, its number where the model has no labels."""
        return self.labels[index] if self.labels else str(index)

    def window_and_hop_samples(self, length_samples: int) -> tuple[int, int]:
        """Return window and hop for a clip of this length at ``sample_rate_hz``, in samples."""
        return self._window_and_hop(length_samples)

    def _window_and_hop(self, length_samples: int) -> tuple[int, int]:
        shortest = self.front_end.stft.min_samples
        if self.window_s is None:
            window = max(shortest, length_samples)
            return window, window
        window = max(shortest, round(self.window_s * self.sample_rate_hz))
        if not self.pad_short and length_samples < window:
            window = max(shortest, length_samples)
            return window, window
        return window, window if self.hop_s is None else round(self.hop_s * self.sample_rate_hz)

    def _example_parameter(self) -> Tensor:
        floating = (p for p in self.network.parameters() if p.is_floating_point())
        return next(floating, torch.zeros(()))
