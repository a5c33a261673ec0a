"""What a network says of its tokens, so that methods can lay them on the plane."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@dataclass(frozen=True)
class TokenMaps:
    """Tokens in their places.

    Attributes:
        values: (batch, channels, rows, columns); rows upwards in frequency, columns forwards in time.
        frequencies_hz: centre of each row in Hz, rising, (rows,); None where tokens lie on time only (one row).
        times_s: centre of each column in seconds from the start of the window, rising, (columns,).
    """

    values: Tensor
    frequencies_hz: Tensor | None
    times_s: Tensor


@runtime_checkable
class TokenNetwork(Protocol):
    """A network of tokens: Grad-CAM looks at its layers, attention rollout at its attentions.

    A network of your own joins in by having these four methods.
    """

    def token_layers(self) -> Mapping[str, nn.Module]:
        """Return the layers that put out tokens the answer depends on, by name, first to last."""
        ...

    def token_maps(self, tokens: Tensor) -> TokenMaps:
        """Put tokens (batch, tokens, channels) of any of these layers in their places."""
        ...

    def watching_attentions(self) -> AbstractContextManager[list[Tensor]]:
        """Return a context: a forward pass inside it appends a (batch, heads, tokens, tokens) tensor per layer.

        Raises:
            ParameterError: the network's attentions do not join all tokens with all tokens.
        """
        ...

    def pooled_tokens(self, n_tokens: int) -> Tensor:
        """Return how much of each token the answer is made from, (n_tokens,), summing to 1."""
        ...
