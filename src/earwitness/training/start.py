"""The weights a training starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from earwitness.core.errors import WeightsError
from earwitness.models.catalogue import ARCHITECTURES
from earwitness.models.weights import FRONT_END_PREFIXES, read_state_dict
from earwitness.training.fitting import borrowed_rng

REPLACEABLE = ("bn0.", "fc_audioset.", "classify.")


def start_network(arch: str, arch_settings: dict[str, Any], *, init: Path | None, seed: int) -> nn.Module:
    """Build a network with weights drawn from a seed, then take over those of a file.

    Args:
        arch: key of ``ARCHITECTURES``.
        arch_settings: its arguments.
        init: weights, e.g. PANNs' checkpoint; None keeps the drawn ones. The first norm and the last layer are
            left out where their sizes differ, all else must fit.
        seed: of the draw.

    Raises:
        WeightsError: the file is damaged or does not fit.
    """
    with borrowed_rng(seed):
        network = ARCHITECTURES[arch](**arch_settings)
    if init is None:
        return network
    parameters = network.state_dict()
    given = {name: value for name, value in read_state_dict(init).items() if not name.startswith(FRONT_END_PREFIXES)}
    other_size = {name for name in parameters if name not in given or given[name].shape != parameters[name].shape}
    other_size |= {name for name in given if name not in parameters}
    left_out = tuple(prefix for prefix in REPLACEABLE if any(name.startswith(prefix) for name in other_size))
    wrong = sorted(name for name in other_size if not name.startswith(left_out or "\0")
                   and not name.endswith("num_batches_tracked"))
    if wrong:
        raise WeightsError(f"{init}: {wrong[0]} and {len(wrong) - 1} more do not fit {arch} with {arch_settings}; "
                           "expected weights of the same architecture")
    network.load_state_dict({name: value for name, value in given.items()
                             if name in parameters and not name.startswith(left_out or "\0")}, strict=False)
    return network
