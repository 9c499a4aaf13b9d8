"""How many threads this process may use, so that several workers on one machine take turns instead of fighting.

Importing this loads neither OpenCV nor onnxruntime: whoever has them hands them over.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

THREADS, PROCESSES = "WORKER_THREADS", "WORKER_PROCESSES"
# Read by OpenMP and MKL when they are first loaded; later nothing changes them.
_READ_AT_IMPORT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
# OpenBLAS threads spin while they wait for each other. Our matrices are small: a second thread gains nothing when the
# machine is idle, and beside other work one resampling took 2 s instead of 30 ms.
_BLAS = "OPENBLAS_NUM_THREADS"


class BadSetting(ValueError):
    """A number of threads or processes in the environment that can't be meant."""


def cores() -> int:
    """Cores this process may really use: those it is bound to, and no more than its container's quota (cgroup v2)."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, _quota() or bound))


@cache
def _quota(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int | None:
    """Whole cores of the container's quota, rounded up; None without one."""
    try:
        quota, period = limit.read_text().split()
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # not Linux, not a container, or "max"
        return None


def for_this_process() -> int:
    """WORKER_THREADS where it is set, else the cores divided by WORKER_PROCESSES (1 where that is not set either).

    Raises BadSetting for a value that is no whole number above 0.
    """
    if os.environ.get(THREADS):
        return _number(THREADS)
    processes = _number(PROCESSES) if os.environ.get(PROCESSES) else 1
    return max(1, cores() // processes)


def _number(name: str) -> int:
    value = os.environ[name]
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise BadSetting(f"{name} must be a whole number of at least 1, not {value!r}.")
    return int(value)


def announce(count: int) -> None:
    """Tells every library of this process, and its children, before they are imported: `count` threads each, and one
    for small matrices."""
    os.environ[THREADS] = str(count)
    os.environ[_BLAS] = "1"
    for name in _READ_AT_IMPORT:
        os.environ[name] = str(count)


def apply() -> int:
    """Holds OpenCV to this process's threads and matrix products to one; call it once in every process that renders.
    Returns their number.

    Raises BadSetting as `for_this_process`.
    """
    import cv2
    import numpy  # noqa: F401  (only a library that is loaded can be held)
    from threadpoolctl import threadpool_limits

    count = for_this_process()
    cv2.setNumThreads(count)
    os.environ[_BLAS] = "1"  # SciPy brings an OpenBLAS of its own, loaded later
    threadpool_limits(1, user_api="blas")
    return count


def limit_session(options: Any) -> int:
    """Holds an onnxruntime session to this process's threads, given its SessionOptions. Returns their number.

    Raises BadSetting. Threads that wait sleep instead of spinning: those take the core that another worker needs.
    """
    count = for_this_process()
    options.intra_op_num_threads = count
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return count
