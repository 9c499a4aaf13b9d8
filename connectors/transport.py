"""Sockets for `connectors.http`: requests over connections that check the address they really connect to.

The certificate, SNI and Host header stay those of the name; only the dialled address is ours.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from connectors.addresses import DEFAULT_PORTS, AddressGuard


class Flight:
    """What is known of a request on its way: was it connected, and which socket to cut at the deadline."""

    def __init__(self) -> None:
        self.connected = False
        self.expired = False
        self._sock: socket.socket | None = None

    def took_off(self, sock: socket.socket) -> None:
        """Remember the socket of a connection that stands: from here on bytes may reach the store."""
        self.connected = True
        self._sock = sock
        if self.expired:  # the deadline passed while dialling
            self.cut()

    def cut(self) -> None:
        """End the request now, from another thread: the total deadline is over."""
        self.expired = True
        if self._sock is None:
            return
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:  # already closed by the other side
            return


class GuardedAdapter(HTTPAdapter):
    """An adapter whose every connection goes through the guard, and whose TLS trusts the operator's own CA.

    `ca_file` is trusted for hosts that the operator named only, never for the open internet.
    """

    def __init__(self, guard: AddressGuard, ca_file: str = "") -> None:
        self.guard = guard
        self.ca_file = ca_file
        self.flight = Flight()
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(self)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        if host["scheme"] != "https":
            return host, {}
        port = int(host["port"] or DEFAULT_PORTS["https"])
        trusts_own_ca = bool(self.ca_file) and self.guard.allows(str(host["host"]), port)
        return host, {
            "ssl_context": _trust(self.ca_file if trusts_own_ca else ""),
            "cert_reqs": "CERT_REQUIRED",
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Verification is fixed by the SSL context above; nothing here may loosen it."""


def _trust(ca_file: str) -> ssl.SSLContext:
    """The public roots, and with `ca_file` the operator's own on top."""
    return _context(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)


@lru_cache(maxsize=8)
def _context(ca_file: str, changed_ns: int) -> ssl.SSLContext:
    # Reading the public roots takes tens of milliseconds and connectors are made often. The file's time of change
    # is part of the key, so that a renewed CA is taken up.
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def _guarded_pools(adapter: GuardedAdapter) -> dict[str, type[HTTPConnectionPool]]:
    class Guarded(HTTPConnection):
        """Either kind of connection; `super()` is the TLS one where that follows in the bases."""

        def _new_conn(self) -> socket.socket:
            return _dial(adapter.guard, self)

        def connect(self) -> None:
            super().connect()
            adapter.flight.took_off(self.sock)

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:  # a kept connection is used again
                adapter.flight.took_off(self.sock)
            super().putrequest(*args, **kwargs)

    class Tls(Guarded, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Guarded

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _dial(guard: AddressGuard, connection: HTTPConnection) -> socket.socket:
    """Resolve, check and connect in one step, so that what was checked is what is used."""
    port = connection.port or connection.default_port
    try:
        addresses = guard.addresses(connection._dns_host, port)
    except (socket.gaierror, UnicodeError) as error:
        cause = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, cause) from error
    last: OSError | None = None
    for address in addresses:
        try:
            return create_connection(
                (address, port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            last = error
    if isinstance(last, TimeoutError):
        raise ConnectTimeoutError(connection, f"connecting to {connection.host} took too long")
    raise NewConnectionError(connection, f"could not connect to {connection.host}: {last}")


def reason_of(error: Exception) -> str:
    """The innermost cause in a few words: requests and urllib3 wrap it three times and repeat the address."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"no secure connection: {_innermost(error)}"
    if isinstance(error, requests.ConnectionError):
        return f"no connection: {_innermost(error)}"
    return f"the answer broke off: {_innermost(error)}"


def _innermost(error: BaseException) -> str:
    for _ in range(6):
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in error.args if isinstance(a, BaseException)), None)
        if inner is None:
            break
        error = inner
    text = str(error).rpartition("object at 0x")[2].partition(": ")[2] or str(error)
    return text[:200] or type(error).__name__
