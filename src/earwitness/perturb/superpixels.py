"""Superpixels: segments of similar neighbours in the spectrogram, seen as an image."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from earwitness.core.types import Features
from earwitness.perturb.components import Segments


def quickshift(
    features: Features, *, kernel_size: float = 4, max_dist: float = 200, ratio: float = 0.2
) -> Segments:
    """Divide the plane by quickshift on the grey image, scaled to 0..1.

    Args:
        features: one item.
        kernel_size: width of the density kernel, in bins and frames.
        max_dist: longest link of the tree.
        ratio: weight of colour against distance.

    Source: Vedaldi & Soatto 2008 as scikit-image has it; the settings are LIME's and those of pak2025.
    """
    from skimage import segmentation

    # the algorithm breaks ties at random; a fixed seed makes the segments a function of the picture
    settings = {"kernel_size": kernel_size, "max_dist": max_dist, "ratio": ratio, "rng": 42}
    return _segments(segmentation.quickshift(_picture(features), **settings))


def slic(features: Features, *, n: int = 50, compactness: float = 0.1) -> Segments:
    """Divide the plane by SLIC on the grey image, scaled to 0..1.

    Args:
        features: one item.
        n: number of segments, about.
        compactness: weight of distance against colour.

    Source: Achanta et al. 2012 as scikit-image has it.
    """
    from skimage import segmentation

    image = _picture(features)[..., 0]
    return _segments(segmentation.slic(image, n_segments=n, compactness=compactness, channel_axis=None, start_label=0))


def _picture(features: Features) -> np.ndarray:
    """Scale one item to 0..1 and repeat it in three equal channels, (freq, time, 3)."""
    values = features.values[0].detach().cpu().double()
    scaled = (values - values.min()) / (values.max() - values.min()).clamp(min=1e-12)
    return np.repeat(scaled.numpy()[:, :, None], 3, axis=2)


def _segments(labels: np.ndarray) -> Segments:
    numbers: Tensor = torch.unique(torch.from_numpy(labels.astype(np.int64)), return_inverse=True)[1]
    return Segments(numbers, [f"segment {k}" for k in range(int(numbers.max()) + 1)])
