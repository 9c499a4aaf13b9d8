"""Faults on order and a log of requests, around the whole store: what tests use to make a store misbehave."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

KINDS = (
    *("rate_limited", "unavailable", "html", "close_before", "close_after"),
    *("delay", "hang", "late", "truncate", "throttled"),
)
# What a room outside of this one knows of a request, beside its path: the name of a GraphQL operation.
LABEL = "sandbox.label"
_LOG_LENGTH = 5000
_SECRET = re.compile(r"^(oauth_|consumer_)")

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

PAGES = {
    "cloudflare": (
        403,
        "<!DOCTYPE html><title>Attention Required! | Cloudflare</title><p>You have been blocked",
    ),
    "maintenance": (
        503,
        "<!DOCTYPE html><p>Briefly unavailable for scheduled maintenance. Check back in a minute.",
    ),
    "plain": (200, "<!DOCTYPE html><title>Welcome</title><p>A page where data was due"),
}


@dataclass
class Fault:
    """One order: on requests whose ``METHOD /path?query`` matches, misbehave, `times` times (0: for ever).

    `then` is called right before a `close_before` or a `close_after` cuts the connection, where a test may end the
    caller, and before a `delay`, where it may change the store.
    """

    match: str
    kind: str
    times: int = 1
    retry_after_s: int = 1
    seconds: float = 1.0
    page: str = "maintenance"
    then: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.page not in PAGES:
            raise ValueError(f"unknown fault {self.kind!r} or page {self.page!r}")
        re.compile(self.match)


@dataclass(frozen=True)
class Logged:
    """One request as it came in; `status` 0 where the connection was cut instead."""

    method: str
    path: str
    status: int
    fault: str = ""


class Faults:
    """The orders, first match first."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.log: deque[Logged] = deque(maxlen=_LOG_LENGTH)

    def add(self, match: str, kind: str, **how: Any) -> Fault:
        """Order a fault. Raises `ValueError` for an unknown kind."""
        fault = Fault(match, kind, **how)
        with self._lock:
            self._orders.append(fault)
        return fault

    def clear(self) -> None:
        """Take back all orders."""
        with self._lock:
            self._orders.clear()

    def release(self) -> None:
        """End every delay now: the store is closing."""
        self._released.set()

    def take(self, line: str) -> Fault | None:
        """The fault ordered for this request, counted as used."""
        with self._lock:
            for fault in self._orders:
                if re.search(fault.match, line):
                    fault.times -= 1
                    if fault.times == 0:
                        self._orders.remove(fault)
                    return fault
        return None

    def wait(self, seconds: float) -> None:
        """A delay that ends early when the store closes."""
        self._released.wait(seconds)

    def requests(self, match: str) -> list[Logged]:
        """The logged requests whose ``METHOD /path?query`` matches."""
        return [entry for entry in list(self.log) if re.search(match, f"{entry.method} {entry.path}")]


def _wordpress(status: int) -> bytes:
    return b'{"code":"fault","message":"Please slow down.","data":{"status":%d}}' % status


class FaultyWsgi:
    """The store's WSGI application with faults and log around it. `says`: the body of a refusal, by its status; that of
    `throttled` is a 200, the way a GraphQL API refuses."""

    def __init__(self, app: Wsgi, faults: Faults, says: Callable[[int], bytes] = _wordpress) -> None:
        self._app = app
        self._faults = faults
        self._says = says

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if (
            environ["REQUEST_METHOD"] == "POST"
        ):  # hosts that block PUT and DELETE; WordPress honours this header
            environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "POST").upper()
        method, path = environ["REQUEST_METHOD"], _path(environ)
        if path.startswith("/_admin"):
            return self._app(environ, start_response)
        fault = self._faults.take(f"{method} {path}")
        seen = _Seen(start_response)
        try:
            body = self._misbehave(fault, environ, seen) if fault else self._app(environ, seen)
        except _Cut:
            # Logged before the caller can notice, so that a test finds the entry at once.
            self._faults.log.append(Logged(method, path, 0, fault.kind if fault else ""))
            with contextlib.suppress(OSError):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError("cut by an ordered fault") from None
        self._faults.log.append(Logged(method, path, seen.status, fault.kind if fault else ""))
        return body

    def _misbehave(self, fault: Fault, environ: dict[str, Any], seen: _Seen) -> Iterable[bytes]:
        if fault.kind == "delay":
            if fault.then is not None:
                fault.then()
            self._faults.wait(fault.seconds)
            return self._app(environ, seen)
        if fault.kind == "hang":
            self._faults.wait(fault.seconds)
            raise _Cut
        if fault.kind == "late":
            whole = b"".join(self._app(environ, seen))
            self._faults.wait(fault.seconds)
            return [whole]
        if fault.kind in {"close_before", "close_after"}:
            if fault.kind == "close_after":
                b"".join(self._app(environ, seen))
            if fault.then is not None:
                fault.then()
            raise _Cut
        if fault.kind == "truncate":
            seen.more = [("Connection", "close")]
            whole = b"".join(self._app(environ, seen))
            return [whole[: len(whole) // 2]]
        seen.more = [("Connection", "close")]  # the request's body was not read
        if fault.kind == "html":
            status, page = PAGES[fault.page]
            seen(f"{status} Fault", [("Content-Type", "text/html; charset=UTF-8")])
            return [page.encode()]
        status = {"rate_limited": 429, "throttled": 200}.get(fault.kind, 503)
        headers = [("Content-Type", "application/json")]
        if status != 200:
            headers.append(("Retry-After", str(fault.retry_after_s)))
        seen(f"{status} Fault", headers)
        return [self._says(status)]


class _Seen:
    """start_response that remembers the status."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self.status = 0
        self.more: list[tuple[str, str]] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        self.status = int(status.split(" ", 1)[0])
        return self._start_response(status, [*headers, *self.more], *rest)


class _Cut(Exception):
    """The connection ends here, without an answer."""


def _path(environ: dict[str, Any]) -> str:
    query = [(k, v) for k, v in parse_qsl(environ.get("QUERY_STRING", ""), True) if not _SECRET.match(k)]
    path = str(environ.get("PATH_INFO", ""))
    label = f" {environ[LABEL]}" if environ.get(LABEL) else ""
    return f"{path}?{urlencode(query, safe=',:')}{label}" if query else f"{path}{label}"
