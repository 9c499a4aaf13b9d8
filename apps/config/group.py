"""The programs of one machine as a supervised group: servers, web, dispatcher, workers, scheduler."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.config.embedded import Services, Urls
from apps.config.servers.process import ServerError
from apps.config.supervisor import Program
from gpu_worker.contract import QUEUE_CONTROL

LOGS = "logs"


def environment_file() -> Path:
    return settings.DATA_ROOT / "environment"


def remember(values: Mapping[str, str]) -> bool:
    """Write what this installation chose, for every command that comes later. True where it changed."""
    text = "".join(f"{name}={value}\n" for name, value in sorted(values.items()))
    file = environment_file()
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # before there is a secret in it
    file.chmod(0o600)
    file.write_text(text, encoding="utf-8")
    return True


@contextmanager
def only_one() -> Iterator[None]:
    """One group per data root. Raises CommandError where another runs."""
    settings.DATA_ROOT.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_ROOT / "group.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(
                f"Vitrine already runs from this folder, at {settings.PUBLIC_URL}. Stop that one first (Ctrl-C)."
            ) from error
        yield


def start_services(*, migrate: bool = True) -> tuple[Services, Urls]:
    """PostgreSQL and Valkey up, tables as this version wants them unless somebody else sees to that."""
    services = Services(settings.DATA_ROOT)
    try:
        urls = services.start()
        Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
    except ServerError as error:
        raise CommandError(str(error)) from error
    if migrate and _unmigrated():
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "AS_OWNER": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if migrated.returncode:
            raise CommandError(f"The database could not be brought up to date:\n{migrated.stderr[-2000:]}")
    return services, urls


def _unmigrated() -> bool:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    connection.close()
    return bool(plan)


def programs(port: int) -> list[Program]:
    """Everything but the database servers' first start; they end last and are started again should they die."""
    python, root = sys.executable, settings.DATA_ROOT
    env = {
        **os.environ,
        "REDIS_URL": settings.REDIS_URL,
        "STORAGE_URL": settings.STORAGE_URL,
        "WORKER_REGION": settings.REGION,
        "PYTHONUNBUFFERED": "1",
    }
    celery = [python, "-m", "celery", "-A", "apps.config.celery:app"]

    def program(name: str, *argv: str, ready: object = None, grace_s: float = 10.0) -> Program:
        return Program(name, argv, env=env, cwd=settings.BASE_DIR, ready=ready, grace_s=grace_s)  # type: ignore[arg-type]

    return [
        replace(program("servers", python, "-m", "apps.config.embedded", "keep", grace_s=30), tier=0),
        program(
            "web",
            *(python, "-m", "gunicorn", "apps.config.wsgi:application", "--worker-class", "gthread"),
            *("--workers", "1", "--threads", "8", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
            *("--error-logfile", "-", "--log-level", "warning", "--timeout", "120"),
            ready=lambda: answers(f"http://127.0.0.1:{port}/healthz"),
        ),
        program("dispatcher", python, "manage.py", "dispatcher"),
        program(
            "control",
            *(*celery, "worker", "-Q", QUEUE_CONTROL, "--concurrency", "2", "--loglevel", "WARNING"),
            *("--hostname", f"control-{os.getpid()}@%h", "--without-gossip", "--without-mingle"),
            grace_s=30,
        ),
        program("render", python, "-m", "gpu_worker", "work", grace_s=30),
        program(
            "scheduler",
            *(*celery, "beat", "--loglevel", "WARNING", "--schedule", str(root / "schedule"), "--pidfile="),
        ),
    ]


def answers(url: str) -> bool:
    """Whether a server of ours answers 200 there."""
    with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of our own on loopback
        return answer.status == 200


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(first: int) -> int:
    """The first free port from `first` on. Raises CommandError after a hundred."""
    for port in range(first, first + 100):
        if port_is_free(port):
            return port
    raise CommandError(f"No port between {first} and {first + 99} is free. Choose another with PORT=.")
