"""Measures time and memory in a fresh process of its own: a JSON request on stdin, a JSON answer on stdout.

Run as ``python -m benchmarks.probe``; `ask` does so. The process has the threads a single worker would have.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchError

TIMEOUT_S = 1800
MIB = 2**20


@dataclass(frozen=True)
class Run:
    """One photo's best round. `cpu_seconds` counts all threads of the process; `stages` only where a pipeline ran.

    `reference_seconds` is the yardstick's time on the same photo a moment before, where it was asked for.
    """

    photo: str
    seconds: float
    cpu_seconds: float
    stages: dict[str, float]
    reference_seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """`import_mib`: peak memory before the first photo, engine loaded; `peak_mib`: at the end, that included."""

    runs: list[Run]
    import_mib: float
    peak_mib: float


def ask(
    task: str,
    photos: Sequence[Path],
    *,
    engine: str,
    rounds: int = 1,
    warm_up: Path | None = None,
    recipe: dict[str, Any] | None = None,
    reference_every: int = 0,
) -> Answer:
    """Runs `task` (cutout or packshot) over `photos` in a fresh process, after one untimed `warm_up`.

    Every so many photos the yardstick runs first: side by side, both meet the same neighbours on the machine.
    Raises BenchError where that fails.
    """
    request = {
        "task": task,
        "photos": [str(photo) for photo in photos],
        "engine": engine,
        "rounds": rounds,
        "warm_up": str(warm_up or photos[0]),
        "recipe": recipe,
        "reference_every": reference_every,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.probe"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"Timing {task} was given up after {TIMEOUT_S} s.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word why"])[-1]
        raise BenchError(f"Timing {task} ended with {done.returncode}: {last}")
    answer = json.loads(done.stdout)
    return Answer([Run(**run) for run in answer["runs"]], answer["import_mib"], answer["peak_mib"])


def peak_mib() -> float:
    """The most memory this process held resident.

    Linux keeps it per address space in /proc; getrusage would also count the parent whose memory a child shares
    until it executes its own program.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MIB
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most * 1024 / MIB


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from gpu_worker import threads

    threads.apply()
    work = _work(request["task"], request["engine"], request["recipe"])
    import_mib = peak_mib()
    work(Path(request["warm_up"]).read_bytes())
    runs = []
    every = request["reference_every"]
    for number, photo in enumerate(request["photos"]):
        data = Path(photo).read_bytes()
        yardstick = _reference_seconds(data) if every and number % every == 0 else None
        best = min((_timed(work, data) for _ in range(request["rounds"])), key=lambda run: run["seconds"])
        runs.append({"photo": photo, "reference_seconds": yardstick, **best})
    return {"runs": runs, "import_mib": import_mib, "peak_mib": peak_mib()}


def _timed(work: Callable[[bytes], dict[str, float]], data: bytes) -> dict[str, Any]:
    cpu, started = time.process_time(), time.perf_counter()
    stages = work(data)
    took = time.perf_counter() - started
    return {"seconds": took, "cpu_seconds": time.process_time() - cpu, "stages": stages}


def _reference_seconds(data: bytes) -> float:
    from benchmarks import reference
    from benchmarks.subject import photo_of

    started = time.perf_counter()
    reference.cut_out(photo_of(data))
    return time.perf_counter() - started


def _work(task: str, engine_name: str, recipe: dict[str, Any] | None) -> Callable[[bytes], dict[str, float]]:
    """From the file's bytes to the matte, or to the encoded packshot with its measures. Gives seconds per stage."""
    from benchmarks.subject import loaded, photo_of

    engine = loaded(engine_name)

    def cutout(data: bytes) -> dict[str, float]:
        engine.cutout(photo_of(data))
        return {}

    def packshot(data: bytes) -> dict[str, float]:
        from gpu_worker import runner

        return runner.render(recipe, {"main": data}, engine=engine).seconds

    return {"cutout": cutout, "packshot": packshot}[task]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))))
