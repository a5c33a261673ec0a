"""The files that docs/how-to/your-own-model.md reads."""

import warnings

import pytest
import torch
from torch import nn


def write_files(folder):
    """Write the ONNX and the TorchScript file that the page reads."""
    onnx = pytest.importorskip("onnx")
    make = onnx.helper
    weights = [onnx.numpy_helper.from_array(torch.rand(16000, 2).numpy(), "weight")]
    graph = make.make_graph(
        [make.make_node("MatMul", ["sound", "weight"], ["logits"])], "linear",
        [make.make_tensor_value_info("sound", onnx.TensorProto.FLOAT, ["batch", 16000])],
        [make.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 2])], weights)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=10)
    (folder / "network.onnx").write_bytes(model.SerializeToString())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(nn.Linear(16000, 2), torch.zeros(1, 16000)).save(folder / "network.pt")
