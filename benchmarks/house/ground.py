"""Private PostgreSQL and Valkey for a bench run, synced to disk as in production; an own database for each measurement.

Imports no Django: settings read the environment when they load, so only fresh processes use what is opened here.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from apps.config import embedded
from benchmarks.errors import BenchError
from benchmarks.lines import say

CHECKOUT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900


@dataclass(frozen=True)
class Answer:
    """What a measurement found, and the most memory that its process held resident (MiB), imports included."""

    found: Any
    peak_mib: float


@dataclass(frozen=True)
class Running:
    """A measurement under way."""

    function: str
    process: subprocess.Popen[str]

    def answer(self, timeout_s: float = TIMEOUT_S) -> Answer:
        """What it found, once it has ended. Raises BenchError."""
        try:
            told, words = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BenchError(f"{self.function} was given up after {timeout_s:.0f} s.") from None
        if self.process.returncode:
            last = (words.strip().splitlines() or ["no word why"])[-1]
            raise BenchError(f"{self.function} ended with {self.process.returncode}: {last}")
        return Answer(**json.loads(told))

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class House:
    """One database of the app, a broker and a storage of its own; `env` is what its processes need to know."""

    database: str
    env: dict[str, str] = field(repr=False)

    def ask(self, function: str, /, timeout_s: float = TIMEOUT_S, **given: Any) -> Answer:
        """Runs `benchmarks.house.MODULE:FUNCTION` with `given` in a fresh process. Raises BenchError."""
        return self.begin(function, **given).answer(timeout_s)

    def begin(self, function: str, /, **given: Any) -> Running:
        """As `ask`, without waiting for the answer."""
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.house.child", function],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env=self.env,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # how it ended is told with the answer
            process.stdin.write(json.dumps(given))
            process.stdin.close()
        process.stdin = None
        return Running(function, process)

    def connection(self) -> psycopg.Connection[Any]:
        """Its database, as the app sees it."""
        return psycopg.connect(self.env["DATABASE_URL"], autocommit=True)


class Ground:
    """The servers. Databases are copies of one that is migrated once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._houses = 0

    @cached_property
    def _urls(self) -> embedded.Urls:
        return embedded.urls(self.root)

    def start(self) -> None:
        """Raises BenchError where they don't start or the tables can't be made."""
        (self.root / "static").mkdir(exist_ok=True)
        made = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=CHECKOUT,
            env={**self._env(embedded.DATABASE, 0), "DATABASE_URL": self._urls.owner_url},
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise BenchError(f"The tables could not be made: {made.stderr.strip()[-500:]}")

    @contextmanager
    def house(self) -> Iterator[House]:
        """A fresh house, forgotten at the end."""
        self._houses += 1
        name = f"bench_{self._houses}"
        with self._superuser() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    *map(sql.Identifier, (name, embedded.DATABASE, embedded.OWNER))
                )
            )
        try:
            yield House(name, self._env(name, self._houses))
        finally:
            with self._superuser() as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def owner_of(self, house: House) -> dict[str, str]:
        """The environment of a process that makes tables."""
        return {**house.env, "DATABASE_URL": self._database(self._urls.owner_url, house.database)}

    def tidy(self, house: House) -> None:
        """ANALYZE and a checkpoint, so that no measurement pays for the rows that were filled in before it."""
        with psycopg.connect(self._database(self._urls.superuser_url, house.database), autocommit=True) as c:
            c.execute("VACUUM ANALYZE")
            c.execute("CHECKPOINT")

    def _superuser(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._database(self._urls.superuser_url, "postgres"), autocommit=True)

    def _database(self, url: str, name: str) -> str:
        return url.replace(f"/{embedded.DATABASE}?", f"/{name}?")

    def _env(self, database: str, number: int) -> dict[str, str]:
        secrets = embedded.secrets(self.root)
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PG", "DJANGO_"))},
            "VITRINE_DATA": str(self.root),
            "DATABASE_URL": self._database(self._urls.database_url, database),
            "REDIS_URL": self._urls.redis_url.replace("db=0", f"db={number % 64}"),
            "STORAGE_URL": f"{self._urls.storage_url}/{database}",
            "SECRET_KEY": secrets["SECRET_KEY"],
            "FIELD_KEYS": ",".join(secrets["FIELD_KEYS"]),
            "STATIC_ROOT": str(self.root / "static"),
            "PUBLIC_URL": "http://127.0.0.1",
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }


_kept = ExitStack()
_open: list[Ground] = []


def ground() -> Ground:
    """The servers of this run: started by the first part that needs them, stopped and deleted when the process ends."""
    if not _open:
        say("starting a private PostgreSQL and Valkey")
        _open.append(_kept.enter_context(_opened()))
        atexit.register(_kept.close)
    return _open[0]


@contextmanager
def _opened() -> Iterator[Ground]:
    root = Path(tempfile.gettempdir()) / f"vitrine-bench-{os.urandom(5).hex()}"
    env = {**os.environ, "VITRINE_DATA": str(root)}
    keeper = subprocess.Popen(
        # It stops the servers when our end of its stdin closes, however we end.
        [sys.executable, "-m", "apps.config.embedded", "keep", "--until-eof"],
        cwd=CHECKOUT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdin is not None and keeper.stdout is not None
    try:
        if not keeper.stdout.readline():
            raise BenchError("PostgreSQL and Valkey did not start; the reason stands above.")
        opened = Ground(root)
        opened.start()
        yield opened
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=90)
        embedded.Services(root).forget()
