"""Runs a handful of programs as one group: starts them, keeps them up, ends them together. Knows no Django.

A program that dies comes back. Nothing outlives the supervisor, not even its kill -9: the kernel tells each
program (PR_SET_PDEATHSIG), and a small guard process ends whatever group is left after a grace time.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from types import FrameType, TracebackType

TICK_S = 0.1
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 5.0
HEALTHY_AFTER_S = 10.0
LOG_LIMIT_BYTES = 20 * 1024 * 1024
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class NotReady(RuntimeError):
    """A program did not get ready in time; the message names it and ends with what its log says."""


@dataclass(frozen=True)
class Program:
    """One program: what to run and where, how to tell that it is ready, how long it may take to end."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    """The whole environment; None hands on ours."""
    cwd: Path | None = None
    ready: Callable[[], bool] | None = None
    """Asked every 0.1 s until it says True once; raising counts as not yet. None: ready when running."""
    grace_s: float = 10.0
    tier: int = 1
    """Higher tiers end first, so that who uses a program ends before it; those of one tier end together."""


@dataclass
class _Child:
    """What the supervisor knows about one program at this moment."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_after: float = 0.0
    backoff_s: float = BACKOFF_FIRST_S
    restarts: int = 0
    ready: bool = False
    shown_bytes: int = 0


class Supervisor:
    """Runs `programs` with one log file each in `log_dir`; `supervisor.json` there says name → process id.

    Either `run()`, which blocks until SIGINT or SIGTERM, or as a context manager inside another command.
    Each program is a session and process group of its own, so Ctrl-C reaches the supervisor only, which then
    stops them tier by tier. `echo` copies the logs to the terminal; `guard_grace_s` is how long programs
    may take to end after a kill -9 of the supervisor.
    """

    def __init__(
        self, programs: Sequence[Program], log_dir: Path, *, echo: bool = False, guard_grace_s: float = 5.0
    ) -> None:
        if len({program.name for program in programs}) != len(programs):
            raise ValueError("program names must differ")
        self.log_dir = log_dir
        self.state_file = log_dir / "supervisor.json"
        self.echo = echo
        self.guard_grace_s = guard_grace_s
        self.killed: list[str] = []
        self._children = [_Child(program, log_dir / f"{program.name}.log") for program in programs]
        self._stopping = False
        self._hurry = False
        self._broken = True
        self._thread: threading.Thread | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def run(self, on_ready: Callable[[], None] | None = None, ready_timeout_s: float = 120.0) -> int:
        """Run until SIGINT or SIGTERM. A second signal ends what is still running at once.

        Returns:
            0 when every program ended within its grace, 1 when one was killed, or was never ready.
        """
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with self:
                if on_ready is not None and not self._stopping:
                    try:
                        self.wait_ready(ready_timeout_s)
                    except NotReady as error:
                        sys.stderr.write(f"{error}\n")
                        return 1
                    if not self._stopping:
                        on_ready()
                while not self._stopping:
                    time.sleep(TICK_S)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self.killed or self._broken else 0

    def wait_ready(self, timeout_s: float) -> None:
        """Return once every program is ready, or once a stop was asked for.

        Raises:
            NotReady: some are not after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not self._stopping:
            late = [child for child in self._children if not child.ready]
            if not late:
                return
            if time.monotonic() > deadline:
                told = "\n".join(f"{child.program.name}: {_log_end(child.log)}" for child in late)
                names = ", ".join(child.program.name for child in late)
                raise NotReady(
                    f"Not ready after {timeout_s:.0f} s: {names}. Logs are in {self.log_dir}\n{told}"
                )
            time.sleep(TICK_S / 2)

    def pid(self, name: str) -> int | None:
        """Process id of a program while it runs."""
        for child in self._children:
            if child.program.name == name and child.process is not None:
                return child.process.pid
        return None

    def restarts(self, name: str) -> int:
        """How often a program was started again."""
        return next(child.restarts for child in self._children if child.program.name == name)

    def __enter__(self) -> Supervisor:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._guard = _start_guard(self.state_file, self.guard_grace_s)
        # One thread starts every program and outlives them: PR_SET_PDEATHSIG fires when the *thread* ends.
        self._thread = threading.Thread(target=self._watch, name="supervisor")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        assert self._thread is not None and self._guard is not None
        self._thread.join()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._hurry = self._stopping
        self._stopping = True

    def _watch(self) -> None:
        try:
            while not self._stopping:
                for child in self._children:
                    self._tend(child)
                self._show()
                time.sleep(TICK_S)
            self._broken = False
        finally:
            self._stopping = True  # also when this thread itself broke: whoever waits must not wait for ever
            self._stop_all()

    def _tend(self, child: _Child) -> None:
        """One look at one program: start it, bury it, or see whether it is ready."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_after:
                self._start(child)
        elif _ended(child.process):
            _bury(child.process)
            child.restarts += 1
            child.backoff_s = BACKOFF_FIRST_S if now - child.started_at > HEALTHY_AFTER_S else child.backoff_s
            child.start_after = now + child.backoff_s
            self._note(
                child, f"ended with {child.process.returncode}, starts again in {child.backoff_s:.1f} s"
            )
            child.backoff_s = min(child.backoff_s * 2, BACKOFF_MAX_S)
            child.process, child.ready = None, False
        elif not child.ready:
            with suppress(Exception):  # whatever a probe trips over, the program is not ready yet
                child.ready = child.program.ready is None or child.program.ready()

    def _start(self, child: _Child) -> None:
        program, parent = child.program, os.getpid()
        child.started_at = time.monotonic()
        with _open_log(child.log) as log:
            child.shown_bytes = child.shown_bytes or log.tell()
            try:
                child.process = subprocess.Popen(
                    list(program.argv),
                    env=None if program.env is None else dict(program.env),
                    cwd=program.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=lambda: _die_with(parent),  # one system call, nothing imported
                )
            except OSError as error:
                self._note(child, f"can't be started: {error}")
                child.start_after = time.monotonic() + BACKOFF_MAX_S
        self._write_state()

    def _stop_all(self) -> None:
        """Tier by tier: who uses a program ends before it."""
        for tier in sorted({child.program.tier for child in self._children}, reverse=True):
            running = [c for c in self._children if c.process is not None and c.program.tier == tier]
            for child in running:
                assert child.process is not None
                _signal_group(child.process.pid, signal.SIGTERM, leader_only=True)
            asked_at = time.monotonic()
            for child in running:
                self._see_off(child, asked_at)
        self._write_state()
        self._show()

    def _see_off(self, child: _Child, asked_at: float) -> None:
        """Wait for one program's end, or make one at the end of its grace."""
        assert child.process is not None
        deadline = asked_at + child.program.grace_s
        while not _ended(child.process) and time.monotonic() < deadline and not self._hurry:
            time.sleep(0.02)
        if not _ended(child.process):
            self.killed.append(child.program.name)
            self._note(child, f"did not end within {child.program.grace_s:.0f} s and was killed")
            _signal_group(child.process.pid, signal.SIGKILL)
        _bury(child.process)
        child.process = None

    def _write_state(self) -> None:
        running = {
            child.program.name: child.process.pid for child in self._children if child.process is not None
        }
        fresh = self.state_file.with_suffix(".new")
        fresh.write_text(json.dumps(running), encoding="utf-8")
        fresh.replace(self.state_file)

    def _note(self, child: _Child, words: str) -> None:
        with _open_log(child.log) as log:
            log.write(f"[supervisor] {child.program.name} {words}\n".encode())

    def _show(self) -> None:
        """Copy what is new in the logs to the terminal, each line with its program's name before it."""
        if not self.echo:
            return
        for child in self._children:
            with suppress(OSError), child.log.open("rb") as log:
                if log.seek(0, os.SEEK_END) < child.shown_bytes:
                    child.shown_bytes = 0  # the log was set aside
                log.seek(child.shown_bytes)
                new = log.read()
                whole, newline, _ = new.rpartition(b"\n")
                child.shown_bytes += len(whole) + len(newline)
                for line in whole.decode("utf-8", "replace").splitlines():
                    sys.stdout.write(f"{child.program.name:>12} | {line}\n")
        sys.stdout.flush()


def _die_with(parent: int) -> None:
    """In the child, before exec: ask for SIGTERM when the parent dies; give up if it already has."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it is over, without reaping it: until then no other process can get its group's number."""
    if process.returncode is not None:
        return True
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def _bury(process: subprocess.Popen[bytes]) -> None:
    """End what the dead program left behind in its group (a celery parent's children), then reap it."""
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int, *, leader_only: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(group, number) if leader_only else os.killpg(group, number)


def _open_log(log: Path) -> BufferedWriter:
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def _log_end(log: Path, lines: int = 8) -> str:
    with suppress(OSError):
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return "(no log)"


def _start_guard(state_file: Path, grace_s: float) -> subprocess.Popen[bytes]:
    """A process that waits for the end of its stdin, which comes when we stop and when we are killed."""
    state_file.unlink(missing_ok=True)
    return subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).resolve()), str(state_file), str(grace_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def guard(state_file: Path, grace_s: float) -> None:
    """Wait for the supervisor's end, give the groups it left a grace time, then kill them."""
    sys.stdin.buffer.read()
    try:
        groups = [int(pid) for pid in json.loads(state_file.read_text(encoding="utf-8")).values()]
    except (OSError, ValueError):
        return
    deadline = time.monotonic() + grace_s
    if _libc is None:  # elsewhere the kernel has already told each program
        for group in groups:
            _signal_group(group, signal.SIGTERM, leader_only=True)
    while groups and time.monotonic() < deadline:
        groups = [group for group in groups if _alive(group)]
        time.sleep(0.05)
    for group in groups:
        _signal_group(group, signal.SIGKILL)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    guard(Path(sys.argv[1]), float(sys.argv[2]))
