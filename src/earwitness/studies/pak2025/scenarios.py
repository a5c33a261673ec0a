"""What a model hears of a clip in a scenario: the clip alone, or with noise."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import DataError, ParameterError
from earwitness.core.types import Clip
from earwitness.experiments.task import seed_of
from earwitness.studies.pak2025.plan import Scenario

WHITE = "white"


def find_noises(scenarios: tuple[Scenario, ...], folder: Path | None) -> dict[str, Path]:
    """Find the noise file of every scenario that needs one.

    Returns:
        Path by scenario name.

    Raises:
        ParameterError: no folder, or it is none.
        DataError: no file or several match.
    """
    needed = [scenario for scenario in scenarios if scenario.noise not in (None, WHITE)]
    if not needed:
        return {}
    if folder is None or not folder.is_dir():
        missing = ", ".join(scenario.name for scenario in needed)
        raise ParameterError(f"noises is {folder}; expected the folder with the noises of {missing}: give it with "
                             "--noises DIR, or leave these scenarios out with --scenarios")
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in audio.SUFFIXES)
    noise_paths = {}
    for scenario in needed:
        matching = [name for name in names if fnmatchcase(name.lower(), str(scenario.noise).lower())]
        if len(matching) != 1:
            got = ", ".join(matching) or "no file"
            raise DataError(f"{folder}: noise {scenario.noise!r} of {scenario.name!r} matches {got}; expected one file")
        noise_paths[scenario.name] = folder / matching[0]
    return noise_paths


def load_noise(path: Path, sample_rate_hz: int, length_samples: int) -> Tensor:
    """Return the beginning of a noise, padded with silence to a length, (time,).

    Raises:
        DataError: that part of the file is silent.
    """
    noise = audio.fit_length(audio.resample(audio.load(path), sample_rate_hz).waveform, length_samples)
    if not bool(noise.any()):
        raise DataError(f"{path}: its first {length_samples / sample_rate_hz:g} s are silent; expected noise")
    return noise


def degrade(
    path: Path, scenario: Scenario, *, sample_rate_hz: int, clip_s: float, noise: Tensor | None, seed: int
) -> Clip:
    """Return a clip as the model hears it in a scenario, peak 1 where there is noise.

    Args:
        path: the recording.
        scenario: what is mixed to it.
        sample_rate_hz: of the model.
        clip_s: length, seconds.
        noise: the scenario's noise at this rate and length, (time,); None where the scenario needs no file.
        seed: the plan's.

    Source: Pak & Teryokhina 2025, sec. III-B. Differs: white noise is drawn anew for every clip, from the seed.
    """
    clip = audio.resample(audio.load(path, duration_s=clip_s), sample_rate_hz)
    sound = audio.fit_length(clip.waveform, round(clip_s * sample_rate_hz))
    if scenario.noise is not None:
        if scenario.noise == WHITE:
            generator = torch.Generator().manual_seed(seed_of(seed, path.name, scenario.name, WHITE))
            noise = torch.randn(len(sound), generator=generator)
        if noise is None:
            raise ParameterError(f"scenario {scenario.name!r} has no noise; expected that of {scenario.noise!r}")
        if scenario.snr_db is None:
            sound = audio.mix_rms(sound, noise)
        else:
            sound = audio.normalise(audio.mix_at_snr(sound, noise, snr_db=scenario.snr_db), "peak")
    return Clip(sound, sample_rate_hz, path.name)
