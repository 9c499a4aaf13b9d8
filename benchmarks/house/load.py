"""Requests over keep-alive connections, in a process of its own: `python -m benchmarks.house.load`, JSON in and out.

Standard library only, one thread, one `selectors` loop: the machine's cores are the server's. Loopback only.

`closed`: each connection sends its next request when the last is answered, so the answer is a throughput.
`open`: requests are due at fixed times, whether or not the server keeps up. One that finds every connection busy waits
here, and its latency counts from the time at which it was due, so no queueing is hidden.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from benchmarks.house.deliveries import request

HOST = "127.0.0.1"
# Whoever does not answer by then is told as an error instead of waited for.
GRACE_S = 20.0


@dataclass
class Connection:
    """One socket. `due` is when the request under way was due; None while it is free."""

    wire: socket.socket
    due: float | None = None
    number: int = 0
    heard: bytes = b""


@dataclass
class Told:
    """What came of a run. Latencies in seconds, in the order of the answers."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: int = 0
    unsent: int = 0


class Load:
    """Sends `requests` (whole HTTP messages) to a port."""

    def __init__(self, port: int, connections: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._port = port
        self._free: deque[Connection] = deque(self._connect() for _ in range(connections))
        self._busy = 0
        self.told = Told()

    def closed(self, requests: list[bytes]) -> Told:
        """All of them, as fast as the connections allow."""
        started = time.perf_counter()
        waiting = deque(requests)
        while waiting or self._busy:
            while waiting and self._free:
                self._send(waiting.popleft(), time.perf_counter())
            if not self._hear(GRACE_S):
                self.told.errors += self._busy
                break
        self.told.seconds = time.perf_counter() - started
        return self.told

    def open(self, requests: list[bytes], per_second: float) -> Told:
        """One every 1 / `per_second` s."""
        started = time.perf_counter()
        end = started + len(requests) / per_second + GRACE_S
        sent = 0
        while (sent < len(requests) or self._busy) and time.perf_counter() < end:
            now = time.perf_counter()
            while sent < len(requests) and self._free and (due := started + sent / per_second) <= now:
                self._send(requests[sent], due)
                sent += 1
            next_due = started + sent / per_second
            idle = sent < len(requests) and bool(self._free)
            self._hear(max(0.0, min(0.05, next_due - time.perf_counter())) if idle else 0.05)
        self.told.unsent = len(requests) - sent
        self.told.errors += self._busy
        self.told.seconds = time.perf_counter() - started
        return self.told

    def _connect(self) -> Connection:
        wire = socket.create_connection((HOST, self._port), timeout=GRACE_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = Connection(wire)
        self._selector.register(wire, selectors.EVENT_READ, made)
        return made

    def _send(self, request: bytes, due: float) -> None:
        connection = self._free.popleft()
        connection.due, connection.heard = due, b""
        self._busy += 1
        try:
            connection.wire.sendall(request)
        except OSError:
            self._broken(connection)

    def _hear(self, timeout_s: float) -> bool:
        events = self._selector.select(timeout_s)
        for key, _ in events:
            connection: Connection = key.data
            try:
                heard = connection.wire.recv(65536)
            except OSError:
                heard = b""
            if not heard:
                self._broken(connection)
                continue
            connection.heard += heard
            if connection.due is not None and (status := whole(connection.heard)):
                self.told.latencies.append(time.perf_counter() - connection.due)
                self.told.statuses[status] += 1
                connection.due = None
                self._busy -= 1
                self._free.append(connection)
        return bool(events)

    def _broken(self, connection: Connection) -> None:
        """The server closed it: a keep-alive that ended between two requests, or an error under way."""
        self._selector.unregister(connection.wire)
        connection.wire.close()
        if connection.due is not None:
            self.told.errors += 1
            self._busy -= 1
        elif connection in self._free:
            self._free.remove(connection)
        self._free.append(self._connect())


def whole(heard: bytes) -> int:
    """The status of an answer that has come completely, else 0."""
    head, divider, body = heard.partition(b"\r\n\r\n")
    if not divider:
        return 0
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at >= 0:
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0])
        complete = len(body) >= length
    else:
        complete = body.endswith(b"0\r\n\r\n")
    return int(head.split(b" ", 2)[1]) if complete else 0


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Sends the deliveries of these `numbers`, in their order. `per_second` None is the closed form."""
    requests = [request(n, path=asked["path"], secret=asked["secret"]) for n in asked["numbers"]]
    load = Load(asked["port"], asked["connections"])
    rate = asked.get("per_second")
    told = load.open(requests, rate) if rate else load.closed(requests)
    return {
        "seconds": told.seconds,
        "latencies": told.latencies,
        "statuses": {str(status): n for status, n in told.statuses.items()},
        "errors": told.errors,
        "unsent": told.unsent,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
