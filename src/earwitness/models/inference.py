"""A copy of a network that answers faster: what is constant in evaluation is worked out once."""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-5
BATCH_BYTES = {"cpu": 64 * 2**20}  # of the largest layer's output; elsewhere ACCELERATOR_BYTES
ACCELERATOR_BYTES = 2**30
UNKNOWN_BATCH = 32
MOST_AT_ONCE = {"cpu": 64}
MOST_ON_ACCELERATOR = 512
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True, eq=False)
class OptimisedNetwork:
    """A network made ready for many forward passes.

    Attributes:
        network: a copy that gives the same outputs, or the original where no copy does.
        batch: items at once: as many as keep the largest layer's output in a few caches' worth of memory. It follows
            from the network and the input's shape, never from a stopwatch, so that results repeat bit for bit.
        steps: what was done, for people.
        deviation: largest difference of the outputs over the largest output, on the example.
    """

    network: nn.Module
    batch: int
    steps: str
    deviation: float


@dataclass
class _Layer:
    """What one layer was seen doing on the example."""

    module: nn.Module
    source: nn.Module | None
    n_in: int
    n_out: int
    calls: int = 1


def optimise_for_inference(network: nn.Module, example: Tensor) -> OptimisedNetwork:
    """Fold batch norms into convolutions, choose memory formats, work in place, and find the batch size.

    The copy is compared with the original on the example and on a noisy one; a step that moves any output by more
    than 1e-5 of the largest is undone. A network is prepared once and again only when its weights, its place or the
    input's shape change.

    Args:
        network: in evaluation mode; it is not changed.
        example: one item, (1, freq, time), on the network's device.

    Returns:
        The copy; the original where it cannot be copied or watched.
    """
    if not any(isinstance(module, CONVOLUTIONS) for module in network.modules()):
        return OptimisedNetwork(network, UNKNOWN_BATCH, "unchanged: no convolution", 0.0)
    key = _state_of(network, example)
    remembered = _REMEMBERED.get(network)
    if remembered is not None and remembered[0] == key:
        return remembered[1]
    with torch.no_grad():
        optimised = _prepare(network, example.detach())
    _REMEMBERED[network] = (key, optimised)
    return optimised


_REMEMBERED: weakref.WeakKeyDictionary[nn.Module, tuple[Any, OptimisedNetwork]] = weakref.WeakKeyDictionary()


def _prepare(network: nn.Module, example: Tensor) -> OptimisedNetwork:
    # Two probes, because one sound may never take the path on which a step errs; the second is the example and a sine
    # of its spread, which draws from no generator.
    noisy = example + example.std().nan_to_num() * torch.sin(torch.arange(example.numel()).to(example)).view_as(example)
    probes = torch.cat([example, noisy])
    expected_outputs = network(probes)
    reason = "unchanged"
    batch = 1
    # From bold to careful: an in-place ReLU may overwrite what a skip connection still needs, and another memory format
    # adds in another order. The probes tell; whatever fails, the next is tried.
    for in_place, formats in ((True, True), (True, False), (False, False)):
        try:
            # a copy: methods hook into the layers that folding takes away, and the original may be trained further
            ready = copy.deepcopy(network)
            with _watching(ready) as layers:
                ready(example)
            batch = _batch(layers, example)
            steps = _improve(ready, layers, batch, in_place=in_place, formats=formats and example.device.type == "cpu")
            deviation = _difference(ready(probes), expected_outputs)
        except Exception as error:  # a network may do anything; then it stays as it is
            reason = f"unchanged: {type(error).__name__} while preparing"
            continue
        if deviation <= TOLERANCE:
            return OptimisedNetwork(ready, batch, steps or "unchanged", deviation)
        reason = f"unchanged: preparing moved the output by {deviation:.1e}"
    return OptimisedNetwork(network, max(1, batch), reason, 0.0)


def _improve(network: nn.Module, layers: dict[int, _Layer], batch: int, *, in_place: bool, formats: bool) -> str:
    folded = placed = formatted = 0
    for layer in list(layers.values()):
        norm, convolution = layer.module, layer.source
        if isinstance(norm, NORMS) and isinstance(convolution, CONVOLUTIONS) and _once(layers, norm, convolution):
            fused = fuse_conv_bn_eval(convolution, norm)
            convolution.weight, convolution.bias = fused.weight, fused.bias
            _replace(network, norm, nn.Identity())
            folded += 1
    for layer in layers.values():
        if in_place and isinstance(layer.module, nn.ReLU) and isinstance(layer.source, (*CONVOLUTIONS, *NORMS)):
            layer.module.inplace = True
            placed += 1
        if formats and isinstance(layer.module, nn.Conv2d):
            weight = layer.module.weight
            if batch * (layer.n_in + layer.n_out) >= weight.numel():
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
                formatted += 1
            else:
                weight.data = weight.data.contiguous()
                layer.module.register_forward_pre_hook(_contiguous)
    done = ((folded, "batch norms folded"), (formatted, "convolutions channels-last"), (placed, "ReLUs in place"))
    return ", ".join(f"{count} {what}" for count, what in done if count)


def _once(layers: dict[int, _Layer], *modules: nn.Module) -> bool:
    return all(layers[id(module)].calls == 1 for module in modules)


def _contiguous(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in inputs)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for parent in network.modules():
        for name, child in parent.named_children():
            if child is old:
                setattr(parent, name, new)


@contextmanager
def _watching(network: nn.Module) -> Iterator[dict[int, _Layer]]:
    """Note for every layer how much goes in and out, and which layer made what goes in."""
    layers: dict[int, _Layer] = {}
    makers: dict[int, tuple[Tensor, nn.Module]] = {}  # the tensor is kept, so that its id stays its own

    def watch(module: nn.Module, inputs: Any, output: Any) -> None:
        if not (inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)):
            return
        if id(module) in layers:
            layers[id(module)].calls += 1
            return
        source = makers[id(inputs[0])][1] if id(inputs[0]) in makers else None
        layers[id(module)] = _Layer(module, source, inputs[0].numel(), output.numel())
        makers[id(output)] = (output, module)

    leaves = [module for module in network.modules() if not any(module.children())]
    handles = [module.register_forward_hook(watch) for module in leaves]
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()


def _batch(layers: dict[int, _Layer], example: Tensor) -> int:
    """Items whose largest layer output fills the allowance, a power of two."""
    # From sizes, never from a stopwatch: sums of another batch size differ in the last bits, so that timing would make
    # results depend on what else the machine was doing.
    kind = example.device.type
    largest = max([layer.n_out for layer in layers.values()] + [example.numel()]) * example.element_size()
    fitting = max(1, BATCH_BYTES.get(kind, ACCELERATOR_BYTES) // largest)
    return min(1 << (fitting.bit_length() - 1), MOST_AT_ONCE.get(kind, MOST_ON_ACCELERATOR))


def _difference(outputs: Any, expected: Any) -> float:
    if not (isinstance(outputs, Tensor) and isinstance(expected, Tensor) and outputs.shape == expected.shape):
        return float("inf")
    largest = expected.abs().max().clamp(min=torch.finfo(expected.dtype).tiny)
    return float(((outputs - expected).abs().max() / largest).nan_to_num(nan=float("inf")))


def _state_of(network: nn.Module, example: Tensor) -> Any:
    """Whatever, when it changes, makes a prepared copy stale."""
    tensors = list(itertools.chain(network.parameters(), network.buffers()))
    versions = tuple((t.data_ptr(), t._version, str(t.device), t.dtype) for t in tensors)
    # sums as well, because writing through ``weight.data`` raises no version
    sums = torch.stack([t.detach().double().sum().cpu() for t in tensors]).tolist() if tensors else []
    return versions, tuple(sums), tuple(example.shape[1:]), tuple(type(module) for module in network.modules())
