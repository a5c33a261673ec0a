"""The engine for one machine: in this process, or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from earwitness.core import plugins
from earwitness.core.allocator import keep_freed_memory
from earwitness.core.errors import EarwitnessError
from earwitness.experiments.task import Experiment, Task, TaskResult, Worker, do_task

_worker: Worker | None = None


def do_locally(experiment: Experiment, tasks: Sequence[Task], *, workers: int = 1) -> Iterator[TaskResult]:
    """Do tasks on this machine; results come as they are finished.

    Args:
        experiment: what to do, and with what.
        tasks: which of its tasks.
        workers: processes, each with its own copy of the models and one thread; 1 works in this process.

    Raises:
        EarwitnessError: a process died.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        alone = experiment.make_worker()
        yield from (do_task(alone, task) for task in tasks)
        return
    context, before = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(experiment, plugins.loaded()))
    waiting, running = deque(tasks), set[Future[TaskResult]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers + 1:  # one ahead, so that nobody waits
                with _deaf_to_ctrl_c():
                    running.add(pool.submit(_do, waiting.popleft()))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool as error:
        raise EarwitnessError("a worker died, perhaps for lack of memory; run again with fewer --workers: finished "
                              "tasks are kept") from error
    except BaseException:  # interrupted, or nobody wants more: what is half done is not waited for
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that ignore Ctrl+C from their first moment, as they inherit it; this one hears it again after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(experiment: Experiment, plugin_names: Sequence[str]) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_freed_memory()
    plugins.load(plugin_names)
    _worker = experiment.make_worker()


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Task) -> TaskResult:
    if _worker is None:
        raise EarwitnessError("worker was not started; expected _begin to run first")
    return do_task(_worker, task)
