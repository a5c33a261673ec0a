"""All coalitions of a singing voice detector's input at the cost of a few dozen passes, exactly.

Each place in the detector's last maps sees 25 rows and 25 columns of the input, nine apart. A place therefore knows
only the few parts that its window touches: with ten temporal segments at most four, so at most 16 different inputs.
The maps of these are computed once; a coalition then picks one of them at each place. What the first dense layer
makes of a place is linear, so places add up there, and only the small last layers run for every coalition.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.models.eval_mode import eval_mode
from earwitness.models.networks.singing_voice import N_BINS, N_FRAMES, STRIDE_FRAMES, SingingVoiceNet

REACH = 25  # rows and columns of the input that one place sees
PLACES = (7, 11)  # places along frequency and time
MOST_TOUCHED = 14
BATCH_CELLS = 400_000


class LocalAnswers:
    """Logits of coalitions of one excerpt.

    Args:
        network: the detector, in evaluation mode or not; dropout is off.
        values: features, (80, 115).
        labels: number of the part of each bin, (80, 115).
        filling: what is put in place of a part that is off, (80, 115).

    Raises:
        ParameterError: a place touches more than 14 parts.
    """

    def __init__(self, network: SingingVoiceNet, values: Tensor, labels: Tensor, filling: Tensor) -> None:
        if values.shape != (N_BINS, N_FRAMES) or labels.shape != values.shape:
            raise ParameterError(f"features {tuple(values.shape)}, parts {tuple(labels.shape)}; "
                                 f"expected ({N_BINS}, {N_FRAMES}) for both")
        self.network = network
        self.touched: list[Tensor] = []
        self.sums: list[Tensor] = []
        weight = network.fc7.weight.view(-1, 64, *PLACES)
        with eval_mode(network), torch.no_grad():
            for rows, columns in _blocks(labels):
                cut = _reach(rows), _reach(columns)
                parts = torch.unique(labels[cut])
                maps = self._maps(values[cut], filling[cut], labels[cut], parts)
                share = weight[:, :, rows.start : rows.stop, columns.start : columns.stop]
                self.touched.append(parts)
                self.sums.append(maps.flatten(1) @ share.flatten(1).T)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return logits (k,) of coalitions (k, n)."""
        network = self.network
        with eval_mode(network), torch.no_grad():
            total = network.fc7.bias.expand(len(rows), -1).clone()
            for parts, sums in zip(self.touched, self.sums, strict=True):
                total += sums[(rows[:, parts].long() << torch.arange(len(parts))).sum(1)]
            hidden = network.act8(network.fc8(network.act7(total)))
            logits: Tensor = network.fc9(hidden)[:, 0]
        return logits

    def _maps(self, values: Tensor, filling: Tensor, labels: Tensor, parts: Tensor) -> Tensor:
        """Last maps of every choice of the parts, (2^parts, 64, rows, columns)."""
        if len(parts) > MOST_TOUCHED:
            raise ParameterError(f"{len(parts)} parts within {REACH} rows and columns; expected at most {MOST_TOUCHED}")
        own = torch.searchsorted(parts, labels.contiguous())
        choices = (torch.arange(2 ** len(parts))[:, None] >> torch.arange(len(parts))) % 2 == 1
        size = max(1, BATCH_CELLS // values.numel())
        found = [self.network.maps(torch.where(some[:, own], values, filling)) for some in torch.split(choices, size)]
        return torch.cat(found)


def _blocks(labels: Tensor) -> list[tuple[range, range]]:
    """Places that are computed together: columns of them where parts reach over all rows, rows of them, or singles."""
    n_rows, n_columns = PLACES
    if bool((labels == labels[:1]).all()):
        return [(range(n_rows), range(t, t + 1)) for t in range(n_columns)]
    if bool((labels == labels[:, :1]).all()):
        return [(range(f, f + 1), range(n_columns)) for f in range(n_rows)]
    return [(range(f, f + 1), range(t, t + 1)) for f, t in itertools.product(range(n_rows), range(n_columns))]


def _reach(places: range) -> slice:
    return slice(places.start * STRIDE_FRAMES, (places.stop - 1) * STRIDE_FRAMES + REACH)
