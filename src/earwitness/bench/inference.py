"""The floor itself: prepared networks against plain ones, each in a process of its own."""

from __future__ import annotations

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import torch

from earwitness.bench.floor import bare_forward
from earwitness.bench.row import BenchRow, Condition, Peer
from earwitness.bench.setup import Setup
from earwitness.bench.subjects import NETWORKS, subject
from earwitness.bench.timing import timed
from earwitness.core.allocator import keep_freed_memory
from earwitness.models.inference import optimise_for_inference

PLAIN_BATCH = 32
PLAIN = f"plain eager fp32, {PLAIN_BATCH} at once, the C library's own allocator settings"


def prepared_rows(setup: Setup) -> list[BenchRow]:
    """Time bare passes of every network, plain and prepared, in turn.

    Allocator settings belong to a process and some cannot be taken back, so each side has its own.
    """
    ours, plain = (ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) for _ in range(2))
    with ours, plain:
        ours.submit(keep_freed_memory).result()
        return [_row(name, setup, ours, plain) for name in NETWORKS]


def _row(name: str, setup: Setup, ours: ProcessPoolExecutor, plain: ProcessPoolExecutor) -> BenchRow:
    threads = torch.get_num_threads()
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(setup.repeats):
        for pool, prepared in ((ours, True), (plain, False)):
            seconds[prepared].append(pool.submit(seconds_of_passes, name, setup, threads, prepared=prepared).result())
    steps, batch, relative, absolute = ours.submit(difference, name, setup).result()
    return BenchRow(
        f"the floor: {setup.bare_passes} passes of {name}", median(seconds[True]), None,
        (Peer(PLAIN, seconds=median(seconds[False])),),
        (Condition("peer/ours", ">=", 1.5), Condition("output difference", "<=", 1e-5)),
        {"output difference": relative},
        (f"{steps}; {batch} at once", f"outputs differ by {absolute:.1e}, {relative:.1e} of the largest"))


def seconds_of_passes(name: str, setup: Setup, threads: int, *, prepared: bool) -> float:
    """Time bare passes of one network in this process, after one batch to warm up."""
    torch.set_num_threads(threads)
    network, item, batch = _ready(name, setup, prepared=prepared)
    bare_forward(network, item, batch, batch)
    return timed(lambda: bare_forward(network, item, setup.bare_passes, batch), device=setup.device)[0]


def difference(name: str, setup: Setup) -> tuple[str, int, float, float]:
    """Return the steps of preparing, the batch size, and the largest difference: relative to the largest output, plain.

    The inputs are the clip and noise around it.
    """
    model, clip = subject(name, setup)
    item = model.features(clip).values
    noise = torch.randn(4, *item.shape[1:], generator=torch.Generator().manual_seed(0)).to(item)
    values = torch.cat([item, item + item.std() * noise])
    with torch.no_grad():
        ready = optimise_for_inference(model.network, item)
        plain_outputs, optimised_outputs = model.network(values), ready.network(values)
    absolute = float((optimised_outputs - plain_outputs).abs().max())
    return ready.steps, ready.batch, absolute / float(plain_outputs.abs().max()), absolute


@functools.cache
def _ready(name: str, setup: Setup, *, prepared: bool) -> tuple[torch.nn.Module, torch.Tensor, int]:
    model, clip = subject(name, setup)
    item = model.features(clip).values
    if not prepared:
        return model.network, item, PLAIN_BATCH
    ready = optimise_for_inference(model.network, item)
    return ready.network, item, ready.batch
