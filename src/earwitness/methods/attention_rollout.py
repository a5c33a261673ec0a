"""Attention rollout: which tokens a transformer looks at, followed through its layers."""

from __future__ import annotations

import torch
from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.core.types import Features
from earwitness.methods.evidence import Evidence
from earwitness.methods.method_spec import method
from earwitness.methods.token_plane import onto_plane
from earwitness.models.token_maps import TokenNetwork
from earwitness.targets.scores import Score


@method(needs="layers", one_pass=True, summary="where a transformer looks", part="a token", cost="one forward pass",
        source="Abnar & Zuidema 2020, for transformers; the same for every target")
def attention_rollout(score: Score, features: Features) -> Evidence:
    """Explain by the attentions of all layers, multiplied from the answer down to the tokens.

    It says where the network looks, not what speaks for a class: every target gets the same map, and nothing is
    negative.

    Args:
        score: any; it is asked once, so that the network runs.
        features: values (batch, freq, time).

    Returns:
        Evidence: the share that each token has in the answer, in its place; the shares of all tokens sum to 1.

    Raises:
        ParameterError: the network has no attentions that join all tokens, see ``models.token_maps``.

    Source: Abnar & Zuidema 2020, eq. 1, heads averaged, the skip connection counted as half. Differs: only the rows
    that the answer is made from are followed, which is the same product. One forward pass.
    """
    network = score.model.network
    if not isinstance(network, TokenNetwork):
        raise ParameterError(f"network {type(network).__name__} has no attentions; use another method, such as gradcam"
                             ", or give it the methods of earwitness.models.TokenNetwork")
    with torch.no_grad(), network.watching_attentions() as attentions:
        score(features)
    shares = rollout(attentions, network.pooled_tokens(attentions[-1].shape[-1]).to(attentions[-1]))
    maps = network.token_maps(shares[:, :, None])
    return Evidence(onto_plane(maps, score.model.front_end, features.values.shape[2])[:, 0])


def rollout(attentions: list[Tensor], pooled: Tensor) -> Tensor:
    """Follow an answer through attentions to the tokens that go in.

    Args:
        attentions: (batch, heads, tokens, tokens) per layer, first to last; each row sums to 1.
        pooled: how much of each token behind the last layer is in the answer, (tokens,).

    Returns:
        The same of the tokens that go in, (batch, tokens); sums to what ``pooled`` sums to.

    >>> rollout([torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])], torch.tensor([1.0, 0.0]))
    tensor([[0.5000, 0.5000]])
    """
    shares = pooled.expand(attentions[-1].shape[0], -1)
    for attention in reversed(attentions):
        shares = 0.5 * (shares + torch.einsum("bi,bij->bj", shares, attention.mean(1)))
    return shares
