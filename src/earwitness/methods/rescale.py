"""DeepLIFT's rescale rule as hooks: slopes between two inputs in place of gradients.

First the features pass through the network and every nonlinearity remembers what went in and out. Then
backgrounds pass, and every nonlinearity answers the backward pass with (out - out of the background) / (in - in of
the background). Between nonlinearities a network is linear, so the backgrounds' own graph carries the slopes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from earwitness.core.errors import ParameterError

ELEMENTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
               nn.Hardswish, nn.Hardtanh, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid)
POOLS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.MaxPool1d: functional.max_pool1d, nn.MaxPool2d: functional.max_pool2d,
    nn.AdaptiveMaxPool1d: functional.adaptive_max_pool1d, nn.AdaptiveMaxPool2d: functional.adaptive_max_pool2d,
}
MAXIMA = tuple(POOLS)
SMALL = 1e-6
LINEAR_STEPS = (
    "AccumulateGrad", "Add", "Addmm", "Alias", "AsStrided", "AvgPool", "AdaptiveAvgPool", "MkldnnAdaptiveAvgPool",
    "Bmm", "Cat", "Clone", "ConstantPad", "Convolution", "Copy", "Diagonal", "Div", "Expand", "Index", "Linear",
    "Mean", "Mkldnn", "Mm", "Movedim", "Mul", "Mv", "Narrow", "NativeBatchNorm", "CudnnBatchNorm", "Neg", "Permute",
    "ReflectionPad", "ReplicationPad", "Repeat", "Reshape", "Select", "Slice", "Split", "Squeeze", "Stack", "Sub",
    "Sum", "T", "ToCopy", "Transpose", "Unbind", "Unfold", "UnsafeSplit", "UnsafeView", "Unsqueeze", "Upsample", "View",
    "_Slope", "_MaxSlope",
)


class Rules:
    """What the nonlinearities remember of the features.

    Attributes:
        watching: True while the features pass, False while backgrounds pass.
        seen: module -> what went in, (1, ...).
    """

    def __init__(self) -> None:
        self.watching = True
        self.seen: dict[nn.Module, Tensor] = {}


@contextmanager
def rescaled(network: nn.Module, *, enabled: bool = True) -> Iterator[Rules]:
    """Put the rescale rule on every nonlinearity of a network while the block runs.

    Args:
        network: left as it was found.
        enabled: False leaves the gradients alone.
    """
    rules = Rules()
    enter: Callable[[Tensor], Tensor] = _Entry.apply
    handles = [network.register_forward_pre_hook(lambda _module, inputs: tuple(enter(x) for x in inputs))]
    for module in network.modules() if enabled else ():
        if isinstance(module, (*ELEMENTWISE, *MAXIMA)):
            handles.append(module.register_forward_hook(lambda m, inputs, out: _answer(rules, m, inputs[0], out)))
    try:
        yield rules
    finally:
        for handle in handles:
            handle.remove()


def check_linear_between(scores: Tensor) -> None:
    """Refuse a network that computes anything nonlinear outside the modules that have the rule.

    What comes before the network's own input is the front end's, whose straight lines are straight there, too.

    Args:
        scores: result of a forward pass with rules, with a graph.

    Raises:
        ParameterError: names the step.
    """
    todo, seen = [scores.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = type(node).__name__.rstrip("0123456789").removesuffix("Backward")
        if name == "_Entry":
            continue
        inputs_with_gradient = sum(after is not None for after, _ in node.next_functions)
        product = name in ("Mul", "Div", "Bmm", "Mm") and inputs_with_gradient > 1
        if product or not name.startswith(LINEAR_STEPS):
            raise ParameterError(
                f"the network computes {name!r} outside a module; deep_shap needs every nonlinearity to be a module "
                "of its own, such as torch.nn.ReLU: rewrite it, or use integrated_gradients"
            )
        todo += [after for after, _ in node.next_functions]


def _answer(rules: Rules, module: nn.Module, entered: Tensor, left: Tensor) -> Tensor | None:
    if rules.watching:
        if module in rules.seen:
            raise ParameterError(
                f"the network runs one {type(module).__name__} module twice; deep_shap needs one for each place"
            )
        rules.seen[module] = entered.detach()
        return None
    # The output goes in detached and inside a tuple, where autograd does not look: the only way back is the slope.
    kind = _MaxSlope if isinstance(module, MAXIMA) else _Slope
    answer: Tensor = kind.apply(entered, (left.detach(),), rules.seen[module], module)  # type: ignore[no-untyped-call]
    return answer


def _derivative(module: nn.Module, entered: Tensor, near: Tensor) -> Tensor:
    """Derivative of an elementwise module, (same shape as ``entered``); only where ``near`` is true matters.

    A module with parameters of its own, such as one slope per channel, takes all of them.
    """
    points = entered if any(True for _ in module.parameters()) else entered[near]
    with torch.enable_grad():
        leaf = points.detach().requires_grad_()
        # the class's forward, because calling the module would run its hooks again; a clone, because it may be in place
        (local,) = torch.autograd.grad(type(module).forward(module, leaf.clone()).sum(), leaf)
    return local if points is entered else torch.zeros_like(entered).masked_scatter_(near, local)


class _Entry(torch.autograd.Function):
    """The same tensor; its place in the graph says where the network begins."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Slope(torch.autograd.Function):
    """An elementwise nonlinearity whose derivative is the slope to the features' value."""

    @staticmethod
    def forward(ctx: Any, entered: Tensor, left: tuple[Tensor], feature_input: Tensor, module: nn.Module) -> Tensor:
        way = feature_input - entered
        near = way.abs() <= SMALL  # here the slope is 0 / 0, and its limit the derivative
        slope = (type(module).forward(module, feature_input) - left[0]).div_(way.masked_fill_(near, 1.0))
        if bool(near.any()):
            slope = torch.where(near, _derivative(module, entered, near), slope)
        ctx.save_for_backward(slope)
        return left[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None, None, None


class _MaxSlope(torch.autograd.Function):
    """Max pooling: the difference is shared out over the places of both maxima, so that none is lost."""

    @staticmethod
    def forward(ctx: Any, entered: Tensor, left: tuple[Tensor], feature_input: Tensor, module: nn.Module) -> Tensor:
        feature_output, feature_argmax = _pool(module, feature_input)
        _, argmax = _pool(module, entered)
        ctx.save_for_backward(entered, feature_input, left[0], feature_output, argmax, feature_argmax)
        return left[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        entered, feature_input, left, feature_output, argmax, feature_argmax = ctx.saved_tensors
        # A larger maximum of the features is due to their argmax, a smaller one to the background's: there the input
        # moved at least as far and in the same direction, so slopes stay in 0..1 and the shares sum to the difference.
        # The features' argmax alone would lose what falls elsewhere.
        larger = torch.maximum(feature_output, left)
        way = feature_input - entered
        shared = torch.zeros_like(entered).flatten(2)
        spread = gradients[0].flatten(2)
        shared.scatter_add_(2, feature_argmax.expand_as(argmax).flatten(2), spread * (larger - left).flatten(2))
        shared.scatter_add_(2, argmax.flatten(2), spread * (feature_output - larger).flatten(2))
        shared = shared.view_as(entered)
        slope = torch.where(way.abs() > SMALL, shared / torch.where(way.abs() > SMALL, way, 1.0), 0.0)
        return slope, None, None, None


def _pool(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run a pooling module and say where its maxima are, counted over the flattened plane."""
    settings: dict[str, Any] = {"return_indices": True}
    if isinstance(module, nn.MaxPool1d | nn.MaxPool2d):
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        settings |= {name: getattr(module, name) for name in names}
    else:
        settings["output_size"] = module.output_size
    left, argmax = POOLS[type(module)](x, **settings)
    return left, argmax
