"""Runs a sandbox in the calling process (`Sandbox`, for tests) or as its own (`SandboxProcess`)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from connectors.sandbox.app import make_app
from connectors.sandbox.faults import Faults, Wsgi
from connectors.sandbox.hooks import Hooks
from connectors.sandbox.site import Options, Site
from connectors.types import Credentials

TlsFiles = tuple[str, str]  # certificate chain, private key
_HOUSE = Path(__file__).parents[2]  # where ``-m connectors.sandbox`` resolves without an installed package


class Served(ABC):
    """An application in a thread of this process, ``with`` around it or `start` and `stop`."""

    def __init__(self, bind: str, port: int, tls: TlsFiles | None) -> None:
        self._server = _make_server(bind, port, tls)
        host = "localhost" if tls else bind
        self.own_url = f"{'https' if tls else 'http'}://{host}:{self._server.server_port}"
        self._begin: Callable[[], None] = lambda: None
        self._end: Callable[[], None] = lambda: None
        self._faults = Faults()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def serves(self, app: Wsgi, begin: Callable[[], None], end: Callable[[], None], faults: Faults) -> None:
        """What is served, and what to do before and after."""
        self._server.app = app
        self._begin, self._end, self._faults = begin, end, faults

    @property
    def url(self) -> str:
        """The address in the application's answers."""
        return self.own_url

    @property
    def netloc(self) -> str:
        """``host:port``, as the operator's list of private hosts wants it."""
        return urlsplit(self.url).netloc

    def start(self) -> Self:
        """Begin to serve and to deliver."""
        self._begin()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close the state, which stays on disk."""
        self._faults.release()
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()
        self._end()

    def wait(self) -> None:
        """Block until the server stops."""
        self._thread.join()

    @abstractmethod
    def port_file(self) -> dict[str, Any]:
        """What a caller in another process needs to know."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()


class Sandbox(Served):
    """A store in a thread of this process: ``with Sandbox(tmp_path) as shop: shop.url``."""

    def __init__(
        self,
        data: Path,
        options: Options | None = None,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        public_url: str = "",
        tls: TlsFiles | None = None,
        **changes: Any,
    ) -> None:
        options = options or Options(**changes)
        super().__init__(bind, port, tls)
        self.site = Site(data, public_url or f"{self.own_url}{options.folder}", options)
        self.serves(make_app(self.site), self.site.hooks.start, self.site.close, self.site.faults)

    @property
    def url(self) -> str:
        """The store's address."""
        return self.site.url

    @property
    def credentials(self) -> Credentials:
        """Keys and an application password of the administrator."""
        return self.site.credentials

    @property
    def faults(self) -> Faults:
        """Order faults, read the log."""
        return self.site.faults

    @property
    def hooks(self) -> Hooks:
        """Webhooks going out."""
        return self.site.hooks

    def port_file(self) -> dict[str, Any]:
        """What a caller in another process needs to know."""
        c = self.credentials
        return {
            "url": self.url,
            "admin_token": self.site.admin_token,
            "consumer_key": c.key,
            "consumer_secret": c.secret,
            "user": c.user,
            "app_password": c.app_password,
            "pid": os.getpid(),
        }


class SandboxProcess:
    """A store as its own process: ``with SandboxProcess(folder, "--seed-empty") as shop: shop.url``."""

    STARTUP_S: ClassVar[float] = 30.0

    def __init__(
        self, data: Path, *arguments: str, port_file: Path | None = None, stdout: int | None = None
    ) -> None:
        self._data = data.resolve()
        self._arguments = arguments
        self._port_file = (port_file or data / "port.json").resolve()
        self._stdout = stdout
        self.process: subprocess.Popen[bytes] | None = None
        self.info: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """The store's address."""
        return str(self.info["url"])

    @property
    def credentials(self) -> Credentials:
        """Keys and an application password of the administrator."""
        i = self.info
        return Credentials(i["consumer_key"], i["consumer_secret"], i["user"], i["app_password"])

    def start(self) -> Self:
        """Start and wait for the port file. Raises `RuntimeError` if the process ends or takes too long."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "connectors.sandbox", "--data", str(self._data)]
        command += ["--port-file", str(self._port_file), *self._arguments]
        self.process = subprocess.Popen(command, cwd=_HOUSE, stdout=self._stdout)
        deadline = time.monotonic() + self.STARTUP_S
        while not self._port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("the sandbox storefront did not start")
            time.sleep(0.02)
        self.info = json.loads(self._port_file.read_text())
        return self

    def stop(self) -> None:
        """End the process, gently first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End the process as kill -9 does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, as real servers do
    timeout = 60

    # Answers go out in two small writes; without this the second waits for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Quiet: `Faults.log` has every request."""


def _make_server(bind: str, port: int, tls: TlsFiles | None) -> BaseWSGIServer:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return make_server(bind, port, _closed, threaded=True, request_handler=_Handler, ssl_context=tls)


def _closed(environ: Any, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0")])
    return [b""]
