"""Many hands: one function over many items in worker processes of one thread each, results in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from benchmarks.errors import BenchError
from gpu_worker import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(one: Callable[[Item], Result], items: Sequence[Item], workers: int | None) -> Iterator[Result]:
    """`one` of each item, in their order. Without `workers` as many as there are cores; with 1, in this very process.

    Raises BenchError where a process is killed, most likely for want of memory.
    """
    workers = min(workers or threads.cores(), len(items))
    if workers <= 1:
        yield from map(one, items)
        return
    # Not forked: OpenCV's and onnxruntime's threads don't survive a fork.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start) as pool:
        try:
            yield from pool.map(one, items)
        except BrokenProcessPool:
            raise BenchError("A worker process was killed. Use fewer: --workers 1.") from None


def _start() -> None:
    """One thread each: the other cores have items of their own."""
    threads.announce(1)
    threads.apply()
