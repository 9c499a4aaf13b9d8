"""Runs one function over many tasks in worker processes. A crash or a hang costs the task in hand alone.

The standard library's pool gives up as a whole when one process dies; this one names the task and goes on.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from gpu_worker import threads

# A 25-megapixel photo takes seconds; what takes this long is a decoder that has lost its way.
TIMEOUT_S = 600.0
GRACE_S = 5.0
# Of the free memory: what the operating system and the estimate itself need as well.
USABLE_SHARE = 0.7


@dataclass(frozen=True)
class Task:
    """One call: its arguments (they are pickled) and the memory that it will take."""

    arguments: tuple[Any, ...]
    memory_mib: int = 0


@dataclass(frozen=True)
class Failed:
    """A task that gave no result, in a sentence."""

    message: str


@dataclass
class _Worker:
    process: BaseProcess
    wire: connection.Connection
    task: Task | None = None
    since: float = 0.0


@dataclass(frozen=True)
class Pool:
    """Up to `processes` workers, each told to use `threads_each`; tasks in hand together stay under `memory_mib`.

    A task larger than `memory_mib` runs alone. `lost` hears of each task whose process ended under it, with the
    process's id.
    """

    processes: int
    threads_each: int
    memory_mib: int
    timeout_s: float = TIMEOUT_S
    lost: Callable[[Task, int], None] = lambda task, pid: None

    def run(self, work: Callable[..., Any], tasks: Iterable[Task]) -> Generator[tuple[Task, Any], None, None]:
        """(task, what `work` returned or Failed), each as soon as it is there. Closing the iterator ends all."""
        source, waiting, workers = iter(tasks), deque[Task](), list[_Worker]()
        done = False
        try:
            while True:
                waiting.extend(islice(source, max(0, self.processes - len(waiting))))
                if not waiting and not any(w.task for w in workers):
                    break
                self._hand_out(work, waiting, workers)
                yield from self._collect(workers)
            done = True
        finally:
            self._end(workers, at_once=not done)

    def _hand_out(self, work: Callable[..., Any], waiting: deque[Task], workers: list[_Worker]) -> None:
        while waiting:
            in_hand = [w.task for w in workers if w.task]
            fits = sum(task.memory_mib for task in in_hand) + waiting[0].memory_mib <= self.memory_mib
            idle = next((w for w in workers if w.task is None), None)
            if (in_hand and not fits) or (idle is None and len(workers) >= self.processes):
                return
            if idle is None:
                idle = _start(work, self.threads_each)
                workers.append(idle)
            idle.task, idle.since = waiting.popleft(), time.monotonic()
            # A process that is already gone is found by `_collect`.
            with suppress(OSError):
                idle.wire.send(idle.task.arguments)

    def _collect(self, workers: list[_Worker]) -> Iterator[tuple[Task, Any]]:
        busy = [w for w in workers if w.task]
        ends = min(w.since for w in busy) + self.timeout_s
        ready = set(connection.wait([w.wire for w in busy], max(0.0, ends - time.monotonic())))
        for worker in busy:
            task = worker.task
            assert task is not None
            if worker.wire in ready:
                result = self._received(worker, workers)
            elif time.monotonic() - worker.since > self.timeout_s:
                _kill(worker)
                workers.remove(worker)
                self.lost(task, worker.process.pid or 0)
                result = Failed(f"Nothing came of it in {self.timeout_s:.0f} s; it was given up.")
            else:
                continue
            worker.task = None
            yield task, result

    def _received(self, worker: _Worker, workers: list[_Worker]) -> Any:
        try:
            return worker.wire.recv()
        except (EOFError, OSError):
            worker.process.join(GRACE_S)
            message = _why(worker.process.exitcode)
            _kill(worker)
            workers.remove(worker)
            assert worker.task is not None
            self.lost(worker.task, worker.process.pid or 0)
            return Failed(message)

    def _end(self, workers: list[_Worker], *, at_once: bool) -> None:
        for worker in workers:
            if at_once:
                worker.process.terminate()
            worker.wire.close()  # an idle worker takes this for the end of its day
        for worker in workers:
            worker.process.join(GRACE_S)
            _kill(worker)
            if worker.task:
                self.lost(worker.task, worker.process.pid or 0)


def _start(work: Callable[..., Any], threads_each: int) -> _Worker:
    # Not forked: the parent draws a progress bar in a thread, and a fork would copy its locks.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, threads_each), daemon=True)
    with _interrupts_held_back():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal: children inherit a mask that leaves the decision to the parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(wire: connection.Connection, work: Callable[..., Any], threads_each: int) -> None:
    """A worker's day: one task after another until the wire is closed, by the parent's end too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threads.announce(threads_each)
    with suppress(EOFError, OSError):
        while True:
            arguments = wire.recv()
            try:
                result = work(*arguments)
            except MemoryError:
                result = Failed("The worker ran out of memory. Use fewer workers or a smaller photo.")
            except Exception as error:
                result = Failed(f"The worker stumbled: {type(error).__name__}: {error}")
            wire.send(result)


def _why(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "Its process was killed, most likely for want of memory. Use fewer workers or a smaller photo."
    if exit_code is not None and exit_code < 0:
        return f"Its process crashed ({signal.Signals(-exit_code).name}). Export the photo again from the original."
    return f"Its process ended by itself (exit code {exit_code}). Export the photo again from the original."


def _kill(worker: _Worker) -> None:
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.wire.close()


def free_memory_mib() -> int | None:
    """What is free now, and no more than the container still allows (cgroup v2). None where the system does not say."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    free_mib = int(lines["MemAvailable"].split()[0]) // 1024
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no container, or "max"
        return free_mib
    # Cached files count as used, but give way.
    return min(free_mib, max(0, limit - used + int(stat.get("inactive_file", 0))) // 2**20)
