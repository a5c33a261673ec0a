"""The engine for many machines: Ray places the workers, restarts nothing of ours, and we keep count."""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from earwitness.core import plugins
from earwitness.core.allocator import keep_freed_memory
from earwitness.core.errors import EarwitnessError, require
from earwitness.experiments.local import MakeWorker
from earwitness.experiments.task import Job, Result, Shard
from earwitness.studies.pak2025.worker import Worker

MOST_LOSSES = 4
CONNECT_S = 10.0


def do_on_ray(
    job: Job, shards: Sequence[Shard], *, workers: int | None = None, address: str | None = None,
    make_worker: MakeWorker = Worker,
) -> Iterator[Result]:
    """Do shards on a Ray cluster; results come as they are finished, each once.

    Every worker is an actor that holds its models, has one shard at a time and one core (and one GPU where the job's
    device is one). When a worker is lost with its node, its shard goes back to the queue and a new worker is asked
    for. The data and the models must be readable at the same paths on every node.

    Args:
        job: what to do, and with what.
        shards: which of its shards.
        workers: how many; None takes one per core of the cluster.
        address: of a cluster, such as "auto" or "ray://host:10001"; None joins one that this process is connected
            to, or starts one on this machine.
        make_worker: what does a shard.

    Raises:
        MissingExtraError: Ray is not installed.
        EarwitnessError: no such cluster, or a shard was lost again and again.
    """
    ray = require("ray", extra="ray")
    with _connected(ray, address):
        free = int(ray.cluster_resources().get("GPU" if job.device.startswith("cuda") else "CPU", 0))
        yield from _Crew(ray, job, make_worker, min(workers or max(1, free), len(shards))).do(shards)


class _Crew:
    """Workers on a cluster: those that are ready, those that are at work, and those that are on their way."""

    def __init__(self, ray: Any, job: Job, make_worker: MakeWorker, size: int) -> None:
        plugin_names = plugins.loaded()

        class Actor:
            def __init__(self, told: Job) -> None:
                keep_freed_memory()
                plugins.load(plugin_names)
                self.worker = make_worker(told)

            def ready(self) -> bool:
                return True

            def do(self, shard: Shard) -> Result:
                return self.worker.do(shard)

        needs = {"num_cpus": 1, "num_gpus": 1 if job.device.startswith("cuda") else 0}
        self.ray, self.job = ray, ray.put(job)
        self.actor = ray.remote(**needs, max_restarts=0)(Actor)
        self.idle: list[Any] = []
        self.coming: dict[Any, Any] = {}  # promise -> actor
        self.at_work: dict[Any, tuple[Any, Shard]] = {}  # promise -> actor and what it does
        self.losses: Counter[int] = Counter()
        for _ in range(size):
            self._ask_for_one()

    def do(self, shards: Sequence[Shard]) -> Iterator[Result]:
        """Hand out shards until all are done."""
        waiting = deque(shards)
        try:
            while waiting or self.at_work:
                while waiting and self.idle:
                    actor, shard = self.idle.pop(), waiting.popleft()
                    self.at_work[actor.do.remote(shard)] = (actor, shard)
                (promise,), _ = self.ray.wait([*self.coming, *self.at_work], num_returns=1)
                if promise in self.coming:
                    self._welcome(promise)
                    continue
                actor, shard = self.at_work.pop(promise)
                try:
                    result = self.ray.get(promise)
                except self.ray.exceptions.RayTaskError:
                    raise
                except self.ray.exceptions.RayError as error:
                    self._count_loss(shard.index, error)
                    waiting.append(shard)
                    self._ask_for_one()
                    continue
                self.idle.append(actor)
                yield result
        finally:
            for actor in (*self.idle, *self.coming.values(), *(actor for actor, _ in self.at_work.values())):
                self.ray.kill(actor)

    def _ask_for_one(self) -> None:
        actor = self.actor.remote(self.job)
        self.coming[actor.ready.remote()] = actor

    def _welcome(self, promise: Any) -> None:
        actor = self.coming.pop(promise)
        try:
            self.ray.get(promise)
        except self.ray.exceptions.RayTaskError:
            raise
        except self.ray.exceptions.RayError as error:
            self._count_loss(-1, error)
            self._ask_for_one()
        else:
            self.idle.append(actor)

    def _count_loss(self, index: int, error: Exception) -> None:
        self.losses[index] += 1
        if self.losses[index] >= MOST_LOSSES:
            what = f"shard {index}" if index >= 0 else "a worker before its first shard"
            reason = " ".join(str(error).split())[:160]
            raise EarwitnessError(f"the cluster lost {what} {MOST_LOSSES} times, perhaps for lack of memory "
                                  f"({reason}); finished shards are kept: run again with fewer --workers") from error


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Join a cluster, or start one; leave it as it was found."""
    if ray.is_initialized():
        yield
        return
    try:
        if address is not None and ":" in address:  # Ray itself would try for minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise EarwitnessError(f"address {address!r}: no Ray cluster can be joined ({reason}); start one with "
                              "'ray start --head', or leave --address out") from error
    try:
        yield
    finally:
        ray.shutdown()
