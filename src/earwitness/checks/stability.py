"""Does the explanation stay when the input changes a little?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features


def max_sensitivity(
    explain: Callable[[Features], Tensor], features: Features, *, radius: float, n_samples: int = 10,
    generator: torch.Generator,
) -> float:
    """Return the largest relative change of an explanation among slightly changed inputs. Lower is better.

    The size of a change is the Frobenius norm of the difference of both maps over that of the first map.

    Args:
        explain: features of one item -> explanation (freq, time); its own draws must be the same in every call.
        features: one item, (1, freq, time).
        radius: every bin is changed by at most this, uniformly, in the front end's unit (dB).
        n_samples: number of changed inputs.
        generator: source of the changes.

    Returns:
        0 for an explanation that does not move; NaN where the first map is zero.

    Source: Yeh et al. 2019, definition 2, relative to the map's size.
    """
    if radius <= 0 or n_samples < 1 or len(features) != 1:
        raise ParameterError(f"radius={radius}, n_samples={n_samples}, {len(features)} items; expected a positive "
                             "radius, at least one sample and one item")
    first = explain(features).double()
    size = first.norm()
    changes = []
    for _ in range(n_samples):
        noise = (2 * torch.rand(features.values.shape, generator=generator) - 1) * radius
        moved = explain(features.with_values(features.values + noise.to(features.values))).double()
        changes.append((moved - first).norm() / size)
    return float(torch.stack(changes).max()) if float(size) > 0 else float("nan")
