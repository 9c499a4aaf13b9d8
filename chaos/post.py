"""The post between the stores and the house: it delivers every webhook one to five times, late and out of order.

Half of the first deliveries are handed over at once and the store hears the house's own answer; for the others the post
says "taken" and keeps them for a while. What finds no house is not tried again, as on the real way.
"""

from __future__ import annotations

import hashlib
import heapq
import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MOST_COPIES = 5
LATEST_S = 4.0
TIMEOUT_S = 10.0
PASSED_ON = ("content-type", "user-agent")


@dataclass(order=True)
class Letter:
    """A copy that is to be delivered at `at` (monotonic seconds)."""

    at: float
    number: int
    path: str = field(compare=False)
    headers: dict[str, str] = field(compare=False)
    body: bytes = field(compare=False)


class Post:
    """Listens on a port of loopback and delivers to the house's web process. What it does with a body depends on the
    seed and the body alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Condition()
        self._letters: list[Letter] = []
        self._seen: Counter[str] = Counter()
        self._stopping = False
        self._to = 0
        self.taken = self.delivered = self.undeliverable = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_port
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True),
            *(threading.Thread(target=self._carry, daemon=True) for _ in range(2)),
        ]

    def deliver_to(self, port: int) -> None:
        self._to = port

    def waiting(self) -> int:
        """Copies that are still kept."""
        with self._lock:
            return len(self._letters)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=TIMEOUT_S)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """One webhook from a store; the status that the store is told."""
        digest = hashlib.sha256(path.encode() + body).hexdigest()
        with self._lock:
            self._seen[digest] += 1
            self.taken += 1
            dice = random.Random(f"{self._seed}:{digest}:{self._seen[digest]}")  # noqa: S311 - a game, not a secret
        copies = dice.randint(1, MOST_COPIES)
        at_once = dice.random() < 0.5
        status = self._hand_over(path, headers, body) if at_once else 200
        now = time.monotonic()
        with self._lock:
            for _ in range(copies - at_once):
                letter = Letter(now + dice.uniform(0, LATEST_S), dice.getrandbits(32), path, headers, body)
                heapq.heappush(self._letters, letter)
            self._lock.notify_all()
        return status

    def _carry(self) -> None:
        while True:
            with self._lock:
                if self._stopping:
                    return
                due_in_s = self._letters[0].at - time.monotonic() if self._letters else 1.0
                if due_in_s > 0:
                    self._lock.wait(min(due_in_s, 1.0))
                    continue
                letter = heapq.heappop(self._letters)
            self._hand_over(letter.path, letter.headers, letter.body)

    def _hand_over(self, path: str, headers: dict[str, str], body: bytes) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self._to, timeout=TIMEOUT_S)
        try:
            line.request("POST", path, body=body, headers=headers)
            status = line.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 502
        finally:
            line.close()
        with self._lock:
            self.delivered += status == 200
            self.undeliverable += status != 200
        return status


def _handler(post: Post) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                k: v
                for k, v in self.headers.items()
                if k.lower() in PASSED_ON or k.lower().startswith("x-wc-")
            }
            self.send_response(post.take(self.path, headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler
