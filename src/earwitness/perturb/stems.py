"""Sources: parts that add up to the sound, with or without a separator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import librosa
import numpy as np
import torch
from torch import Tensor

from earwitness import audio
from earwitness.core.errors import ParameterError
from earwitness.core.types import Clip, Features
from earwitness.models.audio_model import AudioModel
from earwitness.perturb.components import Stems

SUM_TOLERANCE = 0.01


def harmonic_percussive(features: Features, model: AudioModel) -> Stems:
    """Take a sound apart into harmonic and percussive layers.

    Source: Fitzgerald 2010, soft masks of librosa.
    """
    magnitude = features.stft[0].abs().cpu().double().numpy()
    shares = np.stack(librosa.decompose.hpss(magnitude, mask=True))
    return _shared_out(features, model, shares, ["harmonic", "percussive"])


def nmf(features: Features, model: AudioModel, *, n: int = 6, seed: int = 0) -> Stems:
    """Take a sound apart into ``n`` layers of fixed spectrum and varying level.

    Args:
        features: one item.
        model: gives the front end.
        n: number of layers.
        seed: of the start of the factorisation.

    Source: Lee & Seung 1999 on magnitudes (scikit-learn's NMF), shared out by Wiener filters.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    magnitude = features.stft[0].abs().cpu().double().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close is good enough: the shares add up anyway
        factors = NMF(n, init="nndsvda", random_state=seed, max_iter=200)
        levels = factors.fit_transform(magnitude.T).T
    layers = factors.components_[:, :, None] * levels[:, None, :]
    peaks = factors.components_.argmax(1) * (model.sample_rate_hz / model.front_end.stft.n_fft)
    return _shared_out(features, model, layers, [f"layer {k} around {hz:.0f} Hz" for k, hz in enumerate(peaks)])


def stems_from_clips(features: Features, model: AudioModel, stems: Mapping[str, Clip]) -> Stems:
    """Use separated sources that a person brings.

    Args:
        features: one item, the features of the sum of the stems.
        model: gives front end and level.
        stems: name -> sound; their sum is the clip.

    Raises:
        ParameterError: the stems do not add up to the sound.
    """
    waveforms = torch.cat([model.waveforms(clip)[:1] for clip in stems.values()])
    total = waveforms.sum(0, keepdim=True)
    gain = audio.normalise(total, model.normalise).abs().sum() / total.abs().sum().clamp(min=1e-12)
    spectra = model.front_end.stft.transform(waveforms * gain)
    error = (spectra.sum(0) - features.stft[0]).abs().square().sum() / features.stft[0].abs().square().sum()
    if not float(error) <= SUM_TOLERANCE:
        raise ParameterError(
            f"stems {', '.join(stems)} miss the sound by {float(error):.0%} of its energy; they must add up to it"
        )
    return Stems(spectra, model.front_end, list(stems))


def _shared_out(features: Features, model: AudioModel, layers: np.ndarray, names: list[str]) -> Stems:
    """Share the complex spectrum out in proportion to the layers (n, bins, time)."""
    sizes: Tensor = torch.from_numpy(layers).clamp(min=0) + 1e-12
    shares = (sizes / sizes.sum(0)).to(features.stft.real)
    return Stems(shares * features.stft, model.front_end, names)
