"""Models from elsewhere: functions, ONNX, TorchScript, transformers."""
