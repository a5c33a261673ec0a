"""A network that can only be asked: any function over numpy waveforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.models.audio_model import Activation, AudioModel

Returns = Literal["probabilities", "logits"]
Function = Callable[[np.ndarray], Any]
SMALLEST = 1e-12
SUM_TOLERANCE = 1e-3


class BlackBox(nn.Module):
    """A function over arrays where a network is expected; it has answers and no gradients.

    Attributes:
        function: float32 (batch, time) -> numbers (batch, classes).
        returns: what the numbers are.
        activation: how probabilities become logits, and back.
    """

    def __init__(self, function: Function, returns: Returns, activation: Activation) -> None:
        super().__init__()
        self.function, self.returns, self.activation = function, returns, activation

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return logits (batch, classes) of waveforms (batch, time).

        Raises:
            ParameterError: a gradient is asked for, or the answer is not as announced.
        """
        if waveforms.requires_grad and torch.is_grad_enabled():
            raise ParameterError("the model is a black box, which gives answers and no gradients; use a method that "
                                 "needs none")
        answer = np.asarray(self.function(waveforms.detach().cpu().float().numpy().copy()))
        if answer.ndim != 2 or len(answer) != len(waveforms) or answer.dtype.kind not in "fiu":
            raise ParameterError(f"the function returns {answer.dtype} of shape {answer.shape}; expected numbers of "
                                 f"shape ({len(waveforms)}, classes), a row for each sound")
        numbers = torch.from_numpy(answer.astype(np.float64))
        if not bool(torch.isfinite(numbers).all()):
            raise ParameterError("the function returns NaN or infinite numbers; expected finite ones")
        logits = self._logits_of(numbers) if self.returns == "probabilities" else numbers
        return logits.to(waveforms)

    def _logits_of(self, probabilities: Tensor) -> Tensor:
        low, high = float(probabilities.min()), float(probabilities.max())
        if low < -SUM_TOLERANCE or high > 1 + SUM_TOLERANCE:
            raise ParameterError(f"the function returns numbers from {low:.3g} to {high:.3g}; expected probabilities, "
                                 "0 to 1: say returns='logits' where it gives raw scores")
        if self.activation == "sigmoid":
            return torch.logit(probabilities, eps=SMALLEST)
        sums = probabilities.sum(1)
        if float((sums - 1).abs().max()) > SUM_TOLERANCE:
            raise ParameterError(f"the function returns probabilities that add up to {float(sums[0]):.3g}; expected 1: "
                                 "say activation='sigmoid' where several classes can be true at once")
        return probabilities.clamp(min=SMALLEST).log()


def from_callable(
    function: Function, labels: Sequence[str], sample_rate_hz: int, *, returns: Returns = "probabilities",
    activation: Activation = "softmax", **settings: Any,
) -> AudioModel:
    """Bind any function that hears sound: a pipeline, a service, a network of another framework.

    Methods that only ask work; methods that need gradients refuse.

    Args:
        function: waveforms, float32 (batch, time), full scale ±1 -> numbers (batch, classes), one per label.
        labels: class names in the order of the numbers.
        sample_rate_hz: rate of the waveforms.
        returns: whether the numbers are "probabilities" or "logits".
        activation: "softmax" where the probabilities add up to 1, "sigmoid" where each class stands alone.
        settings: further attributes of ``AudioModel``, such as ``window_s``.

    Raises:
        ParameterError: not a function; and, when it is asked, answers that are not as announced.
    """
    if not callable(function):
        raise ParameterError(f"function is a {type(function).__name__}; expected one that takes waveforms "
                             "(batch, time) and returns numbers (batch, classes)")
    if returns not in ("probabilities", "logits"):
        raise unknown_name("returns", returns, ("probabilities", "logits"))
    network = BlackBox(function, returns, activation)
    return AudioModel(network, labels=labels, sample_rate_hz=sample_rate_hz, activation=activation, **settings)
