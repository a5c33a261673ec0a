"""What is explained: networks with random weights, whose passes cost what trained ones cost, and clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from earwitness import audio, synthetic
from earwitness.bench.setup import Setup
from earwitness.core.errors import DataError
from earwitness.core.types import Clip
from earwitness.datasets import esc50
from earwitness.frontends import MelDb, SingingVoiceLogMel, VggishLogMel
from earwitness.models import AudioModel, BandNorm, Cnn14, SingingVoiceNet, VGGish, load_model
from earwitness.training import borrowed_rng

SCENE = "clock_tick over hum"
SEED = 0
TEST_FOLD = 5
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def cnn14() -> AudioModel:
    """Cnn14 with 50 classes on mel decibels, 64 × 501 for five seconds (pak2025)."""
    front_end = MelDb(32000, 1024, 320, n_mels=64, f_min_hz=50.0, f_max_hz=14000.0)
    return AudioModel(_random(lambda: Cnn14(50)), front_end, name="Cnn14", window_s=5.0)


def vggish() -> AudioModel:
    """VGGish on one patch, 64 × 96."""
    return AudioModel(_random(VGGish), VggishLogMel(), name="VGGish", window_s=0.975)


def svdnet() -> AudioModel:
    """SvdNet on one excerpt, 80 × 115."""
    return AudioModel(_random(SingingVoiceNet), SingingVoiceLogMel(), labels=["voice"], activation="sigmoid",
                      name="SvdNet",
                      window_s=36934 / 22050)


NETWORKS: dict[str, Callable[[], AudioModel]] = {
    "Cnn14": cnn14, "VGGish": vggish, "SvdNet": svdnet,
    "esc10-mel": lambda: load_model("esc10-mel"), "esc10-stft": lambda: load_model("esc10-stft"),
}


def subject(name: str, setup: Setup) -> tuple[AudioModel, Clip]:
    """Return a model of ``NETWORKS`` on the setup's device, and a clip of one window."""
    model = NETWORKS[name]()
    model.network.to(setup.device).requires_grad_(False)
    sound = synthetic.make_scene(SCENE, seed=SEED).clip
    if model.window_s is None:
        return model, sound
    return model, Clip(audio.fit_length(sound.waveform, round(model.window_s * sound.sample_rate_hz)),
                       sound.sample_rate_hz, sound.name)


def recordings(setup: Setup) -> list[Clip]:
    """Return the clips at equal error: one per class of fold 5 of ``setup.data``, or synthetic scenes.

    Raises:
        DataError: the folder has fewer classes than clips are wanted.
    """
    if setup.data is None:
        names = list(synthetic.SCENES)
        return [synthetic.make_scene(names[k % len(names)], seed=k // len(names)).clip for k in range(setup.clips)]
    first = {recording.label: recording for recording in reversed(esc50.read_esc50(setup.data).of_folds([TEST_FOLD]))}
    if len(first) < setup.clips:
        raise DataError(f"{setup.data}: fold {TEST_FOLD} has {len(first)} classes; expected {setup.clips}, "
                        "one per clip: lower --clips")
    return [replace(audio.load(first[label].path), name=label) for label in sorted(first)[: setup.clips]]


def _random(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose weights and running statistics are random, the same every time."""
    with borrowed_rng(SEED):
        network = build()
        for module in network.modules():
            if isinstance(module, NORMS) and module.running_mean is not None and module.running_var is not None:
                of_features = isinstance(module, BandNorm)  # decibels, not activations
                module.running_mean.normal_().mul_(0.1).sub_(40.0 if of_features else 0.0)
                module.running_var.uniform_(0.5, 1.5).mul_(400.0 if of_features else 1.0)
    return network.eval()
