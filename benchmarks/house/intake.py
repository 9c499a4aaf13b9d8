"""The part `intake`: webhooks per second beside a bare view, latency at a steady rate, a storm that loses nothing."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.errors import BenchError
from benchmarks.house.deliveries import BARE_SECRET
from benchmarks.house.ground import CHECKOUT, House, ground
from benchmarks.lines import Figure, put, say
from benchmarks.progress import followed
from gpu_worker import threads

# As docker/web.Dockerfile starts it.
WORKERS, THREADS = 2, 4
# As many as the server's threads: none of them waits for a turn, none is idle.
CONNECTIONS = WORKERS * THREADS
RATE = 500
OPEN_CONNECTIONS = 64
REPEATED = 0.4


@dataclass(frozen=True)
class Size:
    """How much is sent. `rounds` of `round_of` requests to each of the two, `steady_s` of the steady rate."""

    rounds: int = 6
    round_of: int = 1500
    steady_s: float = 12.0
    storm: int = 50_000


QUICK = Size(rounds=1, round_of=60, steady_s=0.5, storm=200)


@dataclass(frozen=True)
class Door:
    """A server's address for deliveries, and the secret that it knows."""

    port: int
    path: str
    secret: str

    def load(
        self, numbers: Sequence[int], *, connections: int, per_second: float | None = None
    ) -> subprocess.Popen:
        """A process that sends these deliveries; `told` waits for it."""
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.house.load"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        asked = {
            "port": self.port,
            "path": self.path,
            "secret": self.secret,
            "numbers": list(numbers),
            "connections": connections,
            "per_second": per_second,
        }
        assert sender.stdin is not None
        sender.stdin.write(json.dumps(asked))
        sender.stdin.close()
        return sender

    def sent(
        self, numbers: Sequence[int], *, connections: int = CONNECTIONS, per_second: float | None = None
    ) -> dict[str, Any]:
        return told(self.load(numbers, connections=connections, per_second=per_second))


def told(sender: subprocess.Popen) -> dict[str, Any]:
    """What came of it. Raises BenchError where an answer was not 200."""
    assert sender.stdout is not None
    text = sender.stdout.read()
    if sender.wait():
        raise BenchError(f"The load generator ended with {sender.returncode}.")
    answer: dict[str, Any] = json.loads(text)
    wrong = {status: n for status, n in answer["statuses"].items() if status != "200"}
    if wrong:
        raise BenchError(f"The server answered with {wrong}.")
    return answer


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0, or 1 where a delivery was lost, doubled or not answered."""
    size = QUICK if asked.quick else Size()
    if asked.limit:
        size = replace(size, storm=asked.limit)
    numbers = count(1)
    servers = ground()
    with servers.house() as house, servers.house() as yardstick:
        store = house.ask("intaking:opened").found
        _make_table(servers.owner_of(yardstick))
        with (
            served(house, "apps.config.wsgi:application", "/healthz") as ours,
            served(yardstick, "benchmarks.house.bare:application", "/take/") as bare,
        ):
            load = os.getloadavg()[0]
            if load > threads.cores() / 2:
                say(f"others use this machine (load {load:.1f} on {threads.cores()} cores)")
            door = Door(ours, store["path"], store["secret"])
            plain = Door(bare, "/take/", BARE_SECRET)
            _side_by_side(door, plain, size, numbers)
            lost = _steady(door, size, numbers)
            wrong = _storm(house, door, size, numbers)
    return 1 if wrong or lost else 0


def _side_by_side(door: Door, plain: Door, size: Size, numbers: Iterator[int]) -> None:
    """Rounds of one and the other, the order turned each time, so that neighbours on the machine hit both alike."""
    for one in (door, plain):
        one.sent(_next(numbers, max(20, size.round_of // 5)))
    rates: dict[str, list[float]] = {"ours": [], "bare": [], "repeats": []}
    for turn in followed(range(size.rounds), "side by side", size.rounds):
        for name in ("ours", "bare", "repeats") if turn % 2 == 0 else ("bare", "ours", "repeats"):
            if name == "ours":
                latest = _next(numbers, size.round_of)
                rates[name].append(_rate(door.sent(latest)))
            elif name == "bare":
                rates[name].append(_rate(plain.sent(_next(numbers, size.round_of))))
            else:
                rates[name].append(_rate(door.sent(latest)))
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["bare"], strict=True))
    ours, bare = statistics.median(rates["ours"]), statistics.median(rates["bare"])
    put(Figure("intake.ratio_to_bare_view", ratio, "of the bare view's deliveries per second"))
    put(Figure("intake.per_second", ours, "deliveries/s", bare))
    put(Figure("intake.repeats_per_second", statistics.median(rates["repeats"]), "deliveries/s", ours))


def _steady(door: Door, size: Size, numbers: Iterator[int]) -> int:
    """A fixed rate, whether or not the server keeps up. Returns how many were never answered."""
    wanted = max(10, round(RATE * size.steady_s))
    answer = door.sent(_next(numbers, wanted), connections=OPEN_CONNECTIONS, per_second=RATE)
    never = answer["unsent"] + answer["errors"]
    # What was never answered waited longer than anything that was.
    latencies = sorted(answer["latencies"]) + [answer["seconds"]] * never
    put(Figure("intake.p99_ms_at_500", metrics.percentile(latencies, 99) * 1000, "ms"))
    put(Figure("intake.p50_ms_at_500", metrics.percentile(latencies, 50) * 1000, "ms"))
    put(Figure("intake.rate_reached", len(answer["latencies"]) / answer["seconds"], "deliveries/s", RATE))
    if never:
        say(f"{never} of {wanted} deliveries were not answered at {RATE} per second")
    return never


def _storm(house: House, door: Door, size: Size, numbers: Iterator[int]) -> int:
    """So many deliveries, part of them repeats, from two senders at once and in no order."""
    fresh = _next(numbers, max(1, round(size.storm * (1 - REPEATED))))
    draw = random.Random(0)  # noqa: S311 - a shuffle that repeats, no secret
    sent = fresh + draw.choices(fresh, k=size.storm - len(fresh))
    draw.shuffle(sent)
    half = len(sent) // 2
    started = time.perf_counter()
    senders = [door.load(part, connections=CONNECTIONS) for part in (sent[:half], sent[half:])]
    answers = [told(sender) for sender in senders]
    seconds = time.perf_counter() - started
    if errors := sum(a["errors"] for a in answers):
        raise BenchError(f"{errors} deliveries of the storm were not answered.")
    found = house.ask("intaking:wrong_rows", sent=Counter(sent)).found
    put(Figure("intake.storm_wrong_rows", found["wrong"], f"of {len(fresh)} rows"))
    put(Figure("intake.storm_per_second", len(sent) / seconds, "deliveries/s"))
    return int(found["wrong"])


def _next(numbers: Iterator[int], many: int) -> list[int]:
    return [next(numbers) for _ in range(many)]


def _rate(answer: dict[str, Any]) -> float:
    if answer["errors"]:
        raise BenchError(f"{answer['errors']} deliveries were not answered.")
    return len(answer["latencies"]) / answer["seconds"]


def _make_table(env: dict[str, str]) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.house.bare"],
        cwd=CHECKOUT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise BenchError(f"The bare view's table could not be made: {made.stderr.strip()[-300:]}")


@contextmanager
def served(house: House, application: str, probe: str) -> Iterator[int]:
    """The port of a gunicorn as production runs it."""
    port = _free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
            *("--workers", str(WORKERS), "--threads", str(THREADS), "--no-control-socket"),
            *("--log-level", "warning", "--worker-tmp-dir", "/dev/shm"),  # noqa: S108 - its heartbeat file
        ],
        cwd=CHECKOUT,
        env=house.env,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(server, f"http://127.0.0.1:{port}{probe}")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait(server: subprocess.Popen, url: str) -> None:
    """Until it answers, with whatever status."""
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server on loopback
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise BenchError("The web server did not start; the reason stands above.")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
