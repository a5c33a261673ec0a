import functools
import importlib.util
import os
import signal
from pathlib import Path

import pytest
import torch

import earwitness as ew

ROOT = Path(__file__).resolve().parents[1]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that starts the tests in the background has it so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and what the tests start would not hear Ctrl+C, either


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings that some tests need; they are skipped where it is absent."""
    folder = Path(os.environ.get("EARWITNESS_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs recordings that are not part of the project: no folder {folder} (set EARWITNESS_DATA)")
    return folder


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def mel_model() -> ew.AudioModel:
    return ew.load_model("esc10-mel")


@pytest.fixture(scope="session")
def stft_model() -> ew.AudioModel:
    return ew.load_model("esc10-stft")


@pytest.fixture(scope="session")
def scene() -> ew.synthetic.Scene:
    return ew.synthetic.make_scene("clock_tick over hum")


@pytest.fixture(scope="session")
def parity_states(shared_data):
    """Stand-in weights of the published checkpoints, by name; made once."""
    spec = importlib.util.spec_from_file_location("parity_weights", shared_data / "parity" / "parity_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return functools.cache(lambda network: module.state_dict(shared_data / "parity" / f"{network}_manifest.json"))
