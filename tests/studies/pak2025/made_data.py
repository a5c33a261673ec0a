"""A tiny data set, tiny models and a tiny plan: a sweep of seconds."""

import hashlib

import numpy as np
import soundfile
import torch
from safetensors.torch import save_file

from earwitness import frontends, training
from earwitness.models import SmallCnn

RATE_HZ = 8000
LABELS = ("low", "high")
FRONT_ENDS = {
    "mel": frontends.MelDb(RATE_HZ, 256, 80, 16, 50, 4000),
    "stft": frontends.StftDb(RATE_HZ, 128, 64),
}
PLAN = {
    "clip_s": 0.5,
    "backgrounds": {"folds": [1, 2, 3], "count": 4},
    "scenarios": [{"name": "clean"}, {"name": "white", "noise": "white", "front_ends": ["mel"]},
                  {"name": "hum", "noise": "*hum*", "snr_db": 6.0, "front_ends": ["mel"]}],
    "methods": [{"name": "saliency"}, {"name": "lime", "settings": {"n_samples": 20, "components": "temporal",
                                                                    "fill": "silence"}},
                {"name": "deep_shap", "backgrounds": True}],
    "masks": ["bin", "topK_50_pos", "minmax"],
    "metrics": ["FF", "AI", "AG", "FidIn", "SPS", "AD", "COMP", "SISDR", "LSD"],
    "shard_size": 2,
}


def make_data(folder, *, folds=range(1, 6), takes=2):
    """Two classes in ESC-50's layout: low and high noises of half a second."""
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rng = np.random.default_rng(0)
    rows = ["filename,fold,target,category"]
    for fold in folds:
        for take in range(takes):
            for target, label in enumerate(LABELS):
                name = f"{fold}-{take}-A-{target}.wav"
                sound = rng.standard_normal(RATE_HZ // 2)
                sound = np.cumsum(sound) if label == "low" else np.diff(sound, prepend=0)
                soundfile.write(folder / "audio" / name, 0.5 * sound / np.abs(sound).max(), RATE_HZ)
                rows.append(f"{name},{fold},{target},{label}")
    (folder / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    return folder


def make_noises(folder):
    folder.mkdir()
    hum = np.sin(2 * np.pi * 100 * np.arange(RATE_HZ) / RATE_HZ)
    soundfile.write(folder / "a Hum.wav", 0.3 * hum, RATE_HZ)
    return folder


def make_model(folder, kind, *, labels=LABELS):
    """A network with random weights, as a folder that ``load_model`` reads."""
    folder.mkdir(parents=True)
    front_end = FRONT_ENDS[kind]
    arch = {"n_classes": len(labels), "n_bins": front_end.n_bins, "channels": [4, 6]}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SmallCnn(**arch)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    save_file(state, folder / "model.safetensors")
    card = {
        "name": folder.name, "summary": "random", "origin": "a test", "licence": "none", "arch": "small",
        "arch_settings": arch, "front_end": frontends.describe_front_end(front_end), "weights": "model.safetensors",
        "checksum": "sha256:" + hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "labels": list(labels),
        "window_s": 0.5, "normalise": "peak",
    }
    training.write_card(folder / "card.json", card)
    return folder
