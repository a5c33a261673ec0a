"""The engine for one machine: in this process, or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from earwitness.core import plugins
from earwitness.core.allocator import keep_freed_memory
from earwitness.core.errors import EarwitnessError
from earwitness.experiments.task import DoesShards, Job, Result, Shard
from earwitness.studies.pak2025.worker import Worker

MakeWorker = Callable[[Job], DoesShards]
_worker: DoesShards | None = None


def do_locally(
    job: Job, shards: Sequence[Shard], *, workers: int = 1, make_worker: MakeWorker = Worker
) -> Iterator[Result]:
    """Do shards on this machine; results come as they are finished.

    Args:
        job: what to do, and with what.
        shards: which of its shards.
        workers: processes, each with its own copy of the models and one thread; 1 works in this process.
        make_worker: what does a shard.

    Raises:
        EarwitnessError: a process died.
    """
    workers = min(workers, len(shards))
    if workers <= 1:
        alone = make_worker(job)
        yield from (alone.do(shard) for shard in shards)
        return
    context, before = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin,
                               initargs=(make_worker, job, plugins.loaded()))
    waiting, running = deque(shards), set[Future[Result]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers + 1:  # one ahead, so that nobody waits
                with _deaf_to_ctrl_c():
                    running.add(pool.submit(_do, waiting.popleft()))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool as error:
        raise EarwitnessError("a worker died, perhaps for lack of memory; run again with fewer --workers: finished "
                              "shards are kept") from error
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


def _begin(make_worker: MakeWorker, job: Job, plugin_names: Sequence[str]) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_freed_memory()
    plugins.load(plugin_names)
    _worker = make_worker(job)


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(shard: Shard) -> Result:
    if _worker is None:
        raise EarwitnessError("worker was not started; expected _begin to run first")
    return _worker.do(shard)
