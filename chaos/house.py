"""The house under test: everything that `manage.py up` starts, one more render worker, and sandbox storefronts.

All of it hangs under one supervisor of ours, in a data root of its own, on loopback; nothing outlives it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from apps.config import embedded
from apps.config.supervisor import Program, Supervisor

CHECKOUT = Path(__file__).resolve().parents[1]
FULL_DISK = Path(__file__).resolve().parent / "full_disk"
OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "DJANGO_SETTINGS_MODULE",
    "AS_OWNER",
)
START_S = 180.0
# Leases and waits in seconds, so short that what takes minutes in production fits into a run. Longer than any call to
# the store is made to take, as in production.
SHORT = {
    "LEASE_S": "8",
    "WORK_LEASE_S": "25",
    "HINT_EVERY_S": "3",
    "BACKOFF_CAP_S": "4",
    "WORKER_REST_S": "3",
    "SWEEP_FILES_S": "5",
    "SURVEY_EVERY_S": "10",
    "STORAGE_GRACE_H": "0.003",
    "STORAGE_FRESH_S": "30",
    "LOG_LEVEL": "WARNING",
}


@dataclass
class House:
    """One installation. As a context manager: up and answering inside, ended and (unless `keep`) deleted after.

    `poll_s`: a poll reads again whatever changed in the last ten minutes, so a large catalogue is asked less often.
    """

    stores: int
    render_workers: int
    public_port: int
    poll_s: float = 8.0
    keep: bool = False
    root: Path = field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"vitrine-chaos-{os.urandom(4).hex()}"
    )

    def __post_init__(self) -> None:
        self.web_port = free_port()
        self.store_ports = [free_port() for _ in range(self.stores)]
        self.services = embedded.Services(self.root)
        self.urls = embedded.urls(self.root)
        self.disk_full = self.root / "disk-full"
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.store_ports)
        self.env = {k: v for k, v in os.environ.items() if k not in OURS} | SHORT
        self.env |= {
            "VITRINE_DATA": str(self.root),
            "POLL_STORES_S": str(self.poll_s),
            "PUBLIC_URL": f"http://127.0.0.1:{self.public_port}",
            "ALLOW_PRIVATE_HOSTS": hosts,
            "CHAOS_DISK_FULL": str(self.disk_full),
            "PYTHONPATH": os.pathsep.join([str(FULL_DISK), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
            # As an operator with several workers on one machine sets it: each takes its share of the cores.
            "WORKER_PROCESSES": str(self.render_workers),
        }
        self._supervisor = Supervisor(self._programs(), self.logs / "outer", guard_grace_s=40.0)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def store_folder(self, number: int) -> Path:
        return self.root / f"storefront-{number}"

    def store_keys(self, number: int) -> dict[str, Any]:
        """Address, keys and admin token of a storefront."""
        return dict(json.loads((self.store_folder(number) / "keys.json").read_text(encoding="utf-8")))

    def __enter__(self) -> Self:
        self.root.mkdir(mode=0o711)
        self._supervisor.__enter__()
        try:
            self._supervisor.wait_ready(START_S)
        except BaseException:
            self._end(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(kind, error, trace)

    def _end(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disk_full.unlink(missing_ok=True)
        self._supervisor.__exit__(kind, error, trace)
        if self.keep:
            self.services.stop()
        else:
            self.services.forget()

    def _programs(self) -> list[Program]:
        def program(name: str, *argv: str, **how: Any) -> Program:
            return Program(name, [sys.executable, *argv], cwd=CHECKOUT, **({"env": self.env} | how))

        render = self.env | {"REDIS_URL": self.urls.redis_url, "STORAGE_URL": self.urls.storage_url}
        storefronts = [
            program(
                f"storefront-{number}",
                *("-m", "connectors.sandbox", "--data", str(self.store_folder(number)), "--port", str(port)),
                *("--port-file", str(self.store_folder(number) / "keys.json"), "--seed-empty"),
                *("--environment", "local", "--deliver-to-loopback", "--webhook-interval-s", "0.2"),
                ready=_answers(f"http://127.0.0.1:{port}/"),
                tier=0,
            )
            for number, port in enumerate(self.store_ports)
        ]
        more_workers = [
            program(f"render-{number}", "-m", "gpu_worker", "work", env=render, tier=2)
            for number in range(2, self.render_workers + 1)
        ]
        return [
            *storefronts,
            program(
                "house",
                *("manage.py", "up", "--quiet", "--json", "--port", str(self.web_port)),
                ready=_answers(f"{self.web}/healthz"),
                grace_s=60.0,
            ),
            *more_workers,
        ]

    # -- hands for the monkey -----------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Programs of the group by name, as their supervisors wrote it down, as far as they live."""
        found: dict[str, int] = {}
        for file in (self.logs / "outer" / "supervisor.json", self.logs / "supervisor.json"):
            with suppress(OSError, ValueError):
                found |= json.loads(file.read_text(encoding="utf-8"))
        return {name: pid for name, pid in found.items() if self._is_ours(pid)}

    def _is_ours(self, pid: int) -> bool:
        """A number written down before a power cut may belong to a stranger by now: nobody else is ever killed."""
        environment = Path(f"/proc/{pid}/environ")
        if not environment.parent.parent.is_dir():
            return True  # no /proc on this system
        try:
            return f"VITRINE_DATA={self.root}".encode() in environment.read_bytes().split(b"\0")
        except OSError:
            return False

    def kill(self, program: str) -> bool:
        """kill -9 for a program with its children. False where it is not running."""
        return _kill_group(self.pids().get(program))

    def signal_postgres(self, number: int) -> bool:
        return _signal(self.services.postgres.pid(), number)

    def kill_broker(self, *, forget: bool) -> bool:
        """kill -9 for Valkey; `forget`: and what it had written is gone."""
        pid = self.services.valkey.pid()
        kept = self.root / "valkey" / "appendonlydir"
        if forget and pid is not None:
            with suppress(OSError):
                kept.rename(self.root / "valkey" / f"lost-{os.urandom(3).hex()}")
        return _signal(pid, signal.SIGKILL)

    def cut_power(self) -> None:
        """kill -9 for everything but the storefronts, all in one moment; our supervisor starts the house again."""
        doomed = {n: pid for n, pid in self.pids().items() if not n.startswith("storefront")}
        servers = [self.services.postgres.pid(), self.services.valkey.pid()]
        _kill_group(doomed.pop("house", None))
        for pid in doomed.values():
            _kill_group(pid)
        for server in servers:
            _signal(server, signal.SIGKILL)

    # -- looking in ---------------------------------------------------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Raises psycopg.Error while the database is away."""
        with psycopg.connect(self.urls.superuser_url, connect_timeout=5) as db:
            return db.execute(sql, values).fetchall()

    def command(self, *argv: str, timeout_s: float = 120.0) -> str:
        """What a program of the checkout said, run in this house's environment. Raises RuntimeError with its words."""
        done = subprocess.run(
            [sys.executable, *argv], cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=timeout_s,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} failed: {done.stderr.strip()[-1500:]}")
        return done.stdout


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> Any:
    def ready() -> bool:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of our own on loopback
            return bool(answer.status == 200)

    return ready


def _kill_group(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal(pid: int | None, number: int) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
