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
from earwitness.experiments.task import Experiment, Task, TaskResult, do_task

MOST_LOSSES = 4
CONNECT_S = 10.0


def do_on_ray(
    experiment: Experiment, tasks: Sequence[Task], *, workers: int | None = None, address: str | None = None
) -> Iterator[TaskResult]:
    """Do tasks on a Ray cluster; results come as they are finished, each once.

    Every worker is an actor that holds its models, has one task at a time and one core (and one GPU where the
    experiment's device is one). When a worker is lost with its node, its task goes back to the queue and a new worker
    is asked for. The data and the models must be readable at the same paths on every node.

    Args:
        experiment: what to do, and with what.
        tasks: which of its tasks.
        workers: how many; None takes one per core of the cluster.
        address: of a cluster, such as "auto" or "ray://host:10001"; None joins one that this process is connected
            to, or starts one on this machine.

    Raises:
        MissingExtraError: Ray is not installed.
        EarwitnessError: no such cluster, or a task was lost again and again.
    """
    ray = require("ray", extra="ray")
    with _connected(ray, address):
        free = int(ray.cluster_resources().get("GPU" if experiment.device.startswith("cuda") else "CPU", 0))
        yield from _Crew(ray, experiment, min(workers or max(1, free), len(tasks))).do(tasks)


class _Crew:
    """Workers on a cluster: those that are ready, those that are at work, and those that are on their way."""

    def __init__(self, ray: Any, experiment: Experiment, size: int) -> None:
        plugin_names = plugins.loaded()

        class Actor:
            def __init__(self, experiment: Experiment) -> None:
                keep_freed_memory()
                plugins.load(plugin_names)
                self.worker = experiment.make_worker()

            def ready(self) -> bool:
                return True

            def do(self, task: Task) -> TaskResult:
                return do_task(self.worker, task)

        needs = {"num_cpus": 1, "num_gpus": 1 if experiment.device.startswith("cuda") else 0}
        self.ray, self.experiment = ray, ray.put(experiment)
        self.actor = ray.remote(**needs, max_restarts=0)(Actor)
        self.idle: list[Any] = []
        self.coming: dict[Any, Any] = {}  # promise -> actor
        self.at_work: dict[Any, tuple[Any, Task]] = {}  # promise -> actor and what it does
        self.losses: Counter[str] = Counter()
        for _ in range(size):
            self._ask_for_one()

    def do(self, tasks: Sequence[Task]) -> Iterator[TaskResult]:
        """Hand out tasks until all are done."""
        waiting = deque(tasks)
        try:
            while waiting or self.at_work:
                while waiting and self.idle:
                    actor, task = self.idle.pop(), waiting.popleft()
                    self.at_work[actor.do.remote(task)] = (actor, task)
                (promise,), _ = self.ray.wait([*self.coming, *self.at_work], num_returns=1)
                if promise in self.coming:
                    self._welcome(promise)
                    continue
                actor, task = self.at_work.pop(promise)
                try:
                    result = self.ray.get(promise)
                except self.ray.exceptions.RayTaskError:
                    raise
                except self.ray.exceptions.RayError as error:
                    self._count_loss(task.key, error)
                    waiting.append(task)
                    self._ask_for_one()
                    continue
                self.idle.append(actor)
                yield result
        finally:
            for actor in (*self.idle, *self.coming.values(), *(actor for actor, _ in self.at_work.values())):
                self.ray.kill(actor)

    def _ask_for_one(self) -> None:
        actor = self.actor.remote(self.experiment)
        self.coming[actor.ready.remote()] = actor

    def _welcome(self, promise: Any) -> None:
        actor = self.coming.pop(promise)
        try:
            self.ray.get(promise)
        except self.ray.exceptions.RayTaskError:
            raise
        except self.ray.exceptions.RayError as error:
            self._count_loss("", error)
            self._ask_for_one()
        else:
            self.idle.append(actor)

    def _count_loss(self, key: str, error: Exception) -> None:
        self.losses[key] += 1
        if self.losses[key] >= MOST_LOSSES:
            what = f"task {key}" if key else "a worker before its first task"
            reason = " ".join(str(error).split())[:160]
            raise EarwitnessError(f"the cluster lost {what} {MOST_LOSSES} times, perhaps for lack of memory "
                                  f"({reason}); finished tasks are kept: run again with fewer --workers") from error


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
