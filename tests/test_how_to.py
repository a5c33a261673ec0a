"""The examples in docs/how-to/your-own-model.md run as they stand, one after the other."""

import re
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "your-own-model.md"


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


def test_the_examples_for_own_models_run(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    names = {}
    with torch.random.fork_rng():
        write_files(tmp_path)
        for number, block in enumerate(blocks):
            exec(compile(block, f"{PAGE.name} block {number}", "exec"), names)
    assert names["attribution"].values.shape == (513, 63)
