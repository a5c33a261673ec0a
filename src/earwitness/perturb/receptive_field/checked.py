"""The door: reuse only after it gave what plain evaluation gives, and only where it pays."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Hashable
from itertools import chain

import torch
from torch import Tensor, nn

from earwitness.perturb.coalitions import MOST_EXHAUSTIVE, bernoulli, every
from earwitness.perturb.receptive_field.parts import separable_parts
from earwitness.perturb.receptive_field.piecewise import CannotReuse
from earwitness.perturb.receptive_field.receptive_field import ReceptiveField

TOLERANCE = 1e-5
PAYING_SHARE = 0.5  # passes over coalitions, up to which sharing pays
N_PROBES = 6
MANY_COALITIONS = 1024
MOST_REMEMBERED = 64  # answers per network

# Reason why a network cannot be shared, "" where it can, by its state and by the parts' kind and shape; and the same of
# coalitions, with the passes they cost.
_ANSWERS: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, tuple[str, float]]] = weakref.WeakKeyDictionary()


def reuse(
    function: Callable[[Tensor], Tensor], values: Tensor, fill: Tensor, labels: Tensor, *, network: nn.Module | None,
    coalitions: Tensor | None = None, tolerance: float = TOLERANCE, name: str = "",
) -> ReceptiveField | str:
    """Return a checked ``ReceptiveField``, or in words why coalitions must be evaluated one by one.

    The first time that a network meets an input's shape and a kind of parts, a few coalitions (the empty and the full
    one among them) are computed both ways; the answer is remembered until the network changes.

    Args:
        function: values (k, freq, time) -> outputs (k, ...), row by row.
        values: features of one item, (freq, time).
        fill: what is put in place of a part that is off, (freq, time).
        labels: number of the part of each bin, (freq, time), int64, 0..n-1.
        network: what the function calls, in evaluation mode; None checks every time.
        coalitions: what will be asked, (k, n); None means all up to ten parts, else 1,024 random ones.
        tolerance: largest difference of any output, over the largest output.
        name: of the function, where several call the same network.
    """
    parts = separable_parts(labels)
    if parts is None:
        return "the parts are not contiguous stretches of time, bands of frequency or both"
    field = ReceptiveField(function, values, fill, labels)
    n = int(labels.max()) + 1
    if coalitions is None:
        coalitions = _usual(n)
    answers: dict[Hashable, tuple[str, float]] = {} if network is None else _ANSWERS.setdefault(network, {})
    key = _state_of(network), parts.kind, tuple(values.shape), values.dtype, str(values.device), tolerance, name
    if key not in answers:
        _remember(answers, key, (_difference_in_words(field, n, tolerance), 0.0))
    if answers[key][0]:
        return answers[key][0]
    question = (*key, parts.rows.tobytes(), parts.columns.tobytes(), parts.numbers.tobytes(), coalitions.shape,
                coalitions.cpu().numpy().tobytes())
    if question not in answers:
        _remember(answers, question, _price(field, coalitions))
    words, field.foreseen_passes = answers[question]
    return words or field


def _remember(answers: dict[Hashable, tuple[str, float]], key: Hashable, answer: tuple[str, float]) -> None:
    if len(answers) >= MOST_REMEMBERED:
        answers.clear()
    answers[key] = answer


def _usual(n: int) -> Tensor:
    if 2**n <= MANY_COALITIONS and n <= MOST_EXHAUSTIVE:
        return every(n)
    return bernoulli(MANY_COALITIONS, n, generator=torch.Generator().manual_seed(0))


def _difference_in_words(field: ReceptiveField, n: int, tolerance: float) -> str:
    """Compare with plain evaluation, row by row; return "" where there is no difference to speak of."""
    probes = torch.rand(N_PROBES, n, generator=torch.Generator().manual_seed(0)) < 0.5
    probes[0], probes[1] = False, True
    on = probes[:, field.labels.cpu()].to(field.values.device)
    with torch.no_grad():
        plain = torch.cat([field.function(torch.where(one, field.values, field.fill)[None]) for one in on])
    largest = plain.double().abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    try:
        for batch, always in ((None, True), (N_PROBES // 2, True), (None, False)):
            outputs = field(probes, batch=batch, always=always)
            if outputs.shape != plain.shape:
                return f"sharing changed the shape of the output from {tuple(plain.shape)} to {tuple(outputs.shape)}"
            difference = float(((outputs.double() - plain.double()).abs().max() / largest).nan_to_num(nan=float("inf")))
            if not difference <= tolerance:
                return f"sharing moved the output by {difference:.1e} of the largest"
    except CannotReuse as error:
        return f"the network cannot be shared: {error}"
    except Exception as error:  # a network may do anything; then it is evaluated as it is
        return f"the network cannot be shared: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return ""


def _price(field: ReceptiveField, coalitions: Tensor) -> tuple[str, float]:
    """Why the price of coalitions is too high, "" where it is not; and the price, in passes."""
    try:
        passes = field.passes(coalitions)
    except Exception as error:  # as above: it is evaluated as it is, and the words say why
        return f"the work cannot be foreseen: {type(error).__name__}: {str(error).splitlines()[0][:200]}", math.nan
    if passes > PAYING_SHARE * len(coalitions):
        return f"sharing does not pay: {len(coalitions)} coalitions would cost {passes:.0f} passes", passes
    return "", passes


def _state_of(network: nn.Module | None) -> Hashable:
    """Whatever, when it changes, may change what the network does."""
    if network is None:
        return None
    tensors = chain(network.parameters(), network.buffers())
    return (tuple((t.data_ptr(), t._version, t.dtype) for t in tensors),
            tuple((type(module), module.training) for module in network.modules()))
