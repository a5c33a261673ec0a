"""ONNX files as black boxes, through onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from earwitness.core.errors import ParameterError, WeightsError, require, unknown_name
from earwitness.models.adapters.function import Function, from_callable
from earwitness.models.audio_model import AudioModel
from earwitness.models.weights import is_file

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def from_onnx(
    path: str | os.PathLike[str], sample_rate_hz: int, labels: Sequence[str] = (), *, output: str | None = None,
    **settings: Any,
) -> AudioModel:
    """Bind an ONNX file through onnxruntime (extra ``onnx``), as a black box on the CPU.

    Args:
        path: a file whose only input is (batch, time), or (batch, 1, time); a batch axis that is fixed at 1 is
            asked sound by sound.
        sample_rate_hz: rate of the waveforms.
        labels: class names in the order of the output.
        output: name of the output, (batch, classes); None takes the first.
        settings: those of ``from_callable``; ``returns`` is "logits" unless said otherwise.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        WeightsError: no such file, or not an ONNX file.
        ParameterError: inputs or outputs that do not fit.
    """
    settings = {"returns": "logits", "name": os.path.basename(path)} | settings
    return from_callable(_function_of(path, output), labels, sample_rate_hz, **settings)


def _function_of(path: str | os.PathLike[str], output: str | None) -> Function:
    runtime = require("onnxruntime", extra="onnx")
    if not is_file(Path(path)):
        raise WeightsError(f"{path}: no such file; expected an ONNX file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 4
    try:
        session = runtime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: onnxruntime cannot read it ({reason[:200]})") from error
    inputs, outputs = session.get_inputs(), [node.name for node in session.get_outputs()]
    if len(inputs) != 1 or inputs[0].type not in TYPES:
        got = ", ".join(f"{node.name} {node.type}" for node in inputs)
        raise ParameterError(f"{path} takes {got or 'nothing'}; expected one input of floating numbers, sounds "
                             "(batch, time)")
    if output is not None and output not in outputs:
        raise unknown_name("output", output, outputs)
    (sound_input,), chosen = inputs, output or outputs[0]
    one_by_one = bool(sound_input.shape) and sound_input.shape[0] == 1

    def function(waveforms: np.ndarray) -> np.ndarray:
        missing = max(0, len(sound_input.shape) - waveforms.ndim)
        shape = (len(waveforms), *[1] * missing, *waveforms.shape[1:])
        entering = waveforms.astype(TYPES[sound_input.type]).reshape(shape)
        pieces = np.split(entering, len(entering)) if one_by_one else [entering]
        try:
            return np.concatenate([session.run([chosen], {sound_input.name: piece})[0] for piece in pieces])
        except Exception as error:  # see above
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ParameterError(f"{path} cannot hear sounds of shape {waveforms.shape} ({reason[:200]}); it expects "
                                 f"{sound_input.shape}: set window_s to the length that it was made for") from error

    return function
