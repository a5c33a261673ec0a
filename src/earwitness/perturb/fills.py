"""Fills: what is put in place of what is switched off, in the front end's unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.frontends import FrontEnd, SingingVoiceLogMel
from earwitness.perturb.components import Segments

BLUR_FRAMES = 21
BLUR_BINS = 9


@dataclass(frozen=True)
class FillContext:
    """What a fill may look at.

    Attributes:
        values: one item, (1, freq, time).
        front_end: knows what silence is.
        components: the parts that are switched, where a fill depends on them.
        minimum: smallest value over a data set, in the front end's unit; for ``min_data``. None takes that of the
            front end, where it has one.
        generator: source of randomness, on the CPU; for random fills.
    """

    values: Tensor
    front_end: FrontEnd
    components: object = None
    minimum: float | None = None
    generator: torch.Generator | None = None


@dataclass(frozen=True)
class Fill:
    """A named fill.

    Attributes:
        make: context -> (1, freq, time), or something that broadcasts to it.
        unit: what the filled value means.
        is_random: another seed gives another fill.
        mind: what to mind when choosing it, for the documentation's table.
    """

    make: Callable[[FillContext], Tensor]
    unit: str
    is_random: bool = False
    mind: str = ""


def fill_values(name: str, context: FillContext) -> Tensor:
    """Return the values of a fill for one item, (1, freq, time).

    Raises:
        ParameterError: unknown fill, or the context lacks what it needs.
    """
    if name not in FILLS:
        raise unknown_name("fill", name, FILLS)
    fill = FILLS[name]
    if not isinstance(fill, Fill):
        raise ParameterError(f"fill {name!r} is a {type(fill).__name__}; expected FILLS[{name!r}] = Fill(make, unit)")
    made = fill.make(context)
    try:
        return made.to(context.values).expand_as(context.values)
    except (RuntimeError, AttributeError) as error:
        got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ParameterError(f"fill {name!r} gave {got}; expected a tensor (1, freq, time), here "
                             f"{tuple(context.values.shape)}, or what broadcasts to it") from error


def _constant(value: float, context: FillContext) -> Tensor:
    return torch.full_like(context.values[:, :1, :1], value)


def _min_data(context: FillContext) -> Tensor:
    minimum = getattr(context.front_end, "minimum", None) if context.minimum is None else context.minimum
    if minimum is None:
        raise ParameterError("fill 'min_data' needs the smallest value of the data set; give it as minimum=...")
    return _constant(minimum, context)


def _segment_mean(context: FillContext) -> Tensor:
    if not isinstance(context.components, Segments):
        kind = type(context.components).__name__
        raise ParameterError(f"fill 'segment_mean' needs segments, got {kind}; use another fill, such as 'silence'")
    labels = context.components.labels.flatten().to(context.values.device)
    n = int(labels.max()) + 1
    sums = torch.zeros(n, dtype=torch.float64).index_add(0, labels.cpu(), context.values[0].flatten().cpu().double())
    return (sums / torch.bincount(labels.cpu(), minlength=n))[labels.cpu()].view_as(context.values[0])[None]


def _normal(context: FillContext, name: str) -> Tensor:
    if context.generator is None:
        raise ParameterError(f"fill {name!r} is random; give it a generator")
    return torch.randn(context.values.shape, generator=context.generator).to(context.values)


def _noise_data(context: FillContext) -> Tensor:
    if not isinstance(context.front_end, SingingVoiceLogMel):
        raise ParameterError(f"fill 'noise_data' needs a data set's mean and deviation of each row, which "
                             f"{type(context.front_end).__name__} does not have; use 'noise'")
    return context.front_end.standardise(_normal(context, "noise_data"))


def _noise(context: FillContext) -> Tensor:
    noise = _normal(context, "noise")
    centre = context.values.mean(2, keepdim=True)
    spread = context.values.std(2, keepdim=True, correction=0)
    return centre + spread * noise


def _blur(context: FillContext) -> Tensor:
    frames, bins = (min(width, size - 1 + size % 2) for width, size in
                    ((BLUR_FRAMES, context.values.shape[2]), (BLUR_BINS, context.values.shape[1])))
    margin = (frames // 2, frames // 2, bins // 2, bins // 2)
    padded = functional.pad(context.values[:, None], margin, mode="replicate")
    return functional.avg_pool2d(padded, (bins, frames), stride=1)[:, 0]


FILLS: dict[str, Fill] = {
    "zero": Fill(lambda c: _constant(0.0, c), "0 in the front end's unit",
                 mind="in decibels 0 is *loud*, not silent; right where the features are standardised"),
    "silence": Fill(lambda c: c.front_end.silent(c.values)[None], "what digital silence is in the front end's unit",
                    mind="the default of most methods; a hole has edges that can sound like onsets"),
    "min_data": Fill(_min_data, "the smallest value of a data set: `minimum=`", mind="as of Mishra et al. 2020"),
    "min_inp": Fill(lambda c: c.values.amin((1, 2), keepdim=True), "the smallest value of the input"),
    "mean_inp": Fill(lambda c: c.values.mean((1, 2), keepdim=True), "the mean value of the input",
                     mind="a steady level everywhere"),
    "band_mean": Fill(lambda c: c.values.mean(2, keepdim=True), "the mean over time of each row",
                      mind="keeps the background's colour; steady sounds do not change at all"),
    "segment_mean": Fill(_segment_mean, "the mean value of each segment",
                         mind="the default of `lime`; a part that is level inside does not change"),
    "noise": Fill(_noise, "normal noise with each row's mean and standard deviation", is_random=True,
                  mind="another seed, another fill"),
    "noise_data": Fill(_noise_data, "normal noise, standardised by a data set's mean and deviation of each row",
                       is_random=True, mind="singing voice front end only"),
    "blur": Fill(_blur, "the local mean over 21 frames and 9 rows", mind="removes edges, keeps levels"),
}
