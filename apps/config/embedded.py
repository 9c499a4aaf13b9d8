"""What an installation on one machine needs: where its data lies, addresses, secrets, two servers.

`python -m apps.config.embedded start|stop|status|urls|keep [--json]`. Imports no Django and no settings, so
settings can import it. In production DATABASE_URL and REDIS_URL are set and nothing here runs.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import quote

from apps.config.servers.folders import check_reachable, digest, holds_sockets, make_private, make_root
from apps.config.servers.postgres import Postgres
from apps.config.servers.process import Place, ServerError, server_account, wait_for_lock
from apps.config.servers.valkey import Valkey

__all__ = [
    "ServerError",
    "Services",
    "Urls",
    "data_root",
    "keep",
    "secrets",
    "socket_dir",
    "urls",
]

DATABASE = "vitrine"
SUPERUSER, OWNER, APP = "postgres", "vitrine_owner", "vitrine_app"
WATCH_S = 0.5

# Grants go into template1, so that every database made later (a restore, a test's own) starts with them.
ROLES_SQL = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vitrine_owner') THEN
    CREATE ROLE vitrine_owner LOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vitrine_app') THEN
    CREATE ROLE vitrine_app LOGIN;
  END IF;
END $$;
ALTER ROLE vitrine_owner NOSUPERUSER NOCREATEROLE {createdb};
ALTER ROLE vitrine_app NOSUPERUSER NOCREATEROLE NOCREATEDB;
GRANT USAGE ON SCHEMA public TO vitrine_app;
ALTER DEFAULT PRIVILEGES FOR ROLE vitrine_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO vitrine_app;
ALTER DEFAULT PRIVILEGES FOR ROLE vitrine_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO vitrine_app;
SELECT 'CREATE DATABASE vitrine OWNER vitrine_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'vitrine') \\gexec
"""


@dataclass(frozen=True)
class Urls:
    """Addresses of one data root's services, known before anything runs."""

    database_url: str
    owner_url: str
    superuser_url: str
    redis_url: str
    storage_url: str


def data_root(checkout: Path) -> Path:
    """Where a checkout's data lies: VITRINE_DATA, as root /var/lib/vitrine/<hash>, else its .vitrine."""
    chosen = os.environ.get("VITRINE_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/vitrine") / digest(str(checkout.resolve()))
    return checkout.resolve() / ".vitrine"


def socket_dir(root: Path) -> Path:
    """The folder of the sockets: <root>/run, or a short private one where that is too long or odd.

    Only says where; `Services.start` makes it and writes a fallback down, so that a process with another
    environment (cron has no XDG_RUNTIME_DIR) finds the same one.
    """
    preferred = root / "run"
    if holds_sockets(preferred):
        return preferred
    with suppress(OSError, ValueError, KeyError):
        written = json.loads(_fallback_note(root).read_text(encoding="utf-8"))
        if written["root"] == str(root) and Path(written["sockets"]).parent.is_dir():
            return Path(written["sockets"])
    tag = digest(str(root))
    if os.geteuid() == 0:
        return Path("/run") / f"vitrine-{tag}"
    session = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere") / f"vitrine-{tag}"
    if session.parent.is_dir() and holds_sockets(session):
        return session
    return Path("/tmp") / f"vitrine-{os.geteuid()}-{tag}"  # noqa: S108  (made 0700, its owner is checked)


def urls(root: Path) -> Urls:
    """The addresses of this data root's services; starts nothing.

    The socket folder stands in the query: libpq and django-environ both read it there, whereas django-environ
    0.14 leaves a percent-encoded host as it is and lowers its letters.
    """
    sockets = socket_dir(root)

    def database(role: str) -> str:
        return f"postgres://{role}@/{DATABASE}?host={sockets}"

    return Urls(
        database_url=database(APP),
        owner_url=database(OWNER),
        superuser_url=database(SUPERUSER),
        redis_url=f"unix://{sockets}/valkey.sock?db=0",
        storage_url=f"file://{quote(str(root / 'storage'))}",
    )


def secrets(root: Path) -> dict[str, Any]:
    """SECRET_KEY (str) and FIELD_KEYS (list of Fernet keys) of this data root: made once, then read back.

    Raises:
        ServerError: the data root can't be written.
    """
    file = root / "secrets.json"
    try:
        if not file.exists():
            make_root(root)
            _make_secrets(file)
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ServerError(
            f"{file} can't be made or read ({error.strerror}). "
            "Set VITRINE_DATA to a folder that you may write."
        ) from error


class Services:
    """PostgreSQL and Valkey of one data root. Any number of processes may start, attach to or stop them.

    `durable=False` and `createdb=True` are for tests: nothing is synced to disk, and the owner may make
    databases. As a context manager it stops on leaving what it started, and leaves alone what ran before.
    """

    def __init__(self, root: Path, *, durable: bool = True, createdb: bool = False) -> None:
        self.root = root
        self.createdb = createdb
        self.account = server_account()
        self.sockets = socket_dir(root)
        self.postgres = Postgres(self._place("postgres", durable))
        self.valkey = Valkey(self._place("valkey", durable))
        self._started: list[Postgres | Valkey] = []

    def start(self) -> Urls:
        """Start what is not running, attach to what is, return the addresses. Safe to call again at any time.

        Raises:
            ServerError: with the reason and what to do.
        """
        self._prepare()
        with self._one_starter():
            for server in (self.postgres, self.valkey):
                if not self._attached(server):
                    server.start()
                    self._started.append(server)
            self._set_up_roles()
        return urls(self.root)

    def stop(self) -> None:
        """Stop both servers of this data root, whoever started them; nothing to do is fine."""
        self._started.clear()
        if self.root.is_dir():
            with self._one_starter():
                self.valkey.stop()
                self.postgres.stop()

    def forget(self) -> None:
        """Stop, then delete the whole data root and the socket folder."""
        self.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def running(self) -> bool:
        """Whether both live (a cheap look at two locks; `status` asks them)."""
        return self.postgres.life.held() and self.valkey.life.held()

    def status(self) -> dict[str, Any]:
        """Data root, sockets, and for each server whether it runs and answers, with its process id."""
        told: dict[str, Any] = {"root": str(self.root), "sockets": str(self.sockets)}
        for server in (self.postgres, self.valkey):
            running = server.life.held()
            told[server.name] = {
                "running": running,
                "ready": running and server.ready(),
                "pid": server.pid(),
                "log": str(server.log),
            }
        return told

    def __enter__(self) -> Services:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._started:
            return
        with self._one_starter():
            while self._started:
                self._started.pop().stop()

    def _place(self, name: str, durable: bool) -> Place:
        return Place(
            home=self.root / name,
            # Not in home: root must not write where `nobody` may plant a link.
            life=self.root / f"{name}.lock",
            sockets=self.sockets,
            runtime=self.root / "runtime",
            account=self.account,
            durable=durable,
        )

    def _attached(self, server: Postgres | Valkey) -> bool:
        """True when it runs and answers. Waits out one that is starting, ending, or only has orphans left."""
        deadline = time.monotonic() + 30
        while server.life.held():
            if server.ready():
                return True
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{server.name} of {self.root} has run for 30 s without answering "
                    f"(process {server.pid()}, log {server.log}). "
                    "`python -m apps.config.embedded stop` ends it."
                )
            time.sleep(0.05)
        return False

    def _prepare(self) -> None:
        make_root(self.root)
        check_reachable(self.root, self.account)
        if self.sockets != self.root / "run":
            note = {"root": str(self.root), "sockets": str(self.sockets)}
            _fallback_note(self.root).write_text(json.dumps(note), encoding="utf-8")
        for folder in (self.sockets, self.postgres.place.home, self.valkey.place.home):
            make_private(folder, self.account)
        (self.root / "storage").mkdir(mode=0o700, exist_ok=True)

    def _set_up_roles(self) -> None:
        statements = ROLES_SQL.format(createdb="CREATEDB" if self.createdb else "NOCREATEDB")
        marker = self.root / "roles"
        if marker.exists() and marker.read_text(encoding="ascii") == digest(statements):
            return
        self.postgres.sql("template1", statements)
        marker.write_text(digest(statements), encoding="ascii")

    @contextmanager
    def _one_starter(self, timeout_s: float = 120.0) -> Iterator[None]:
        with (self.root / "start.lock").open("a") as lock:
            complaint = f"Another process holds {lock.name} and does not finish."
            wait_for_lock(lock.fileno(), timeout_s, complaint)
            yield


def keep(services: Services, *, until_eof: bool = False) -> None:
    """Start the services, start again whichever dies, and stop them on SIGTERM, SIGINT or the end of stdin.

    Prints their addresses and state as one JSON line once they answer.
    """
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    try:
        _say({**asdict(services.start()), **services.status()}, as_json=True)
        while not asked:
            if until_eof and _stdin_ended(WATCH_S):
                break
            if not until_eof:
                time.sleep(WATCH_S)
            if not asked and not services.running():
                services.start()
    finally:
        services.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when done, 1 with a sentence on stderr when not."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.config.embedded",
        description="The private PostgreSQL and Valkey of this checkout.",
    )
    parser.add_argument("what", choices=["start", "stop", "status", "urls", "keep"])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--until-eof", action="store_true", help="keep: end when stdin closes too")
    parser.add_argument(
        "--throwaway", action="store_true", help="keep: nothing synced, all deleted at the end"
    )
    options = parser.parse_args(arguments)
    root = data_root(Path(__file__).resolve().parents[2])
    try:
        return _obey(options, root)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _obey(options: argparse.Namespace, root: Path) -> int:
    if options.what == "urls":
        _say(asdict(urls(root)), as_json=options.json)
        return 0
    services = Services(root, durable=not options.throwaway, createdb=options.throwaway)
    if options.what == "keep":
        try:
            keep(services, until_eof=options.until_eof)
        finally:
            if options.throwaway:
                services.forget()
        return 0
    if options.what == "start":
        services.start()
    elif options.what == "stop":
        services.stop()
    _say(services.status(), as_json=options.json)
    return 0


def _say(told: dict[str, Any], *, as_json: bool) -> None:
    lines = json.dumps(told) if as_json else "\n".join(f"{key}: {value}" for key, value in told.items())
    sys.stdout.write(f"{lines}\n")
    sys.stdout.flush()


def _stdin_ended(timeout_s: float) -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return bool(readable) and not os.read(sys.stdin.fileno(), 4096)


def _fallback_note(root: Path) -> Path:
    return root / "sockets.json"


def _make_secrets(file: Path) -> None:
    """Write beside, then link: a link fails where the name is taken, so of two first starts one wins."""
    words = {
        "SECRET_KEY": base64.urlsafe_b64encode(os.urandom(48)).decode(),
        "FIELD_KEYS": [base64.urlsafe_b64encode(os.urandom(32)).decode()],
    }
    fresh = file.parent / f".secrets.{os.getpid()}.{os.urandom(4).hex()}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(words, out)
    with suppress(FileExistsError):
        os.link(fresh, file)
    fresh.unlink()


if __name__ == "__main__":
    sys.exit(main())
