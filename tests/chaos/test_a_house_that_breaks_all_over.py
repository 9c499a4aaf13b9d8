"""The short form of `make chaos`: a few dozen photos while everything is killed once; and Ctrl-C clears up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# One of each sort, so that a round fits into a minute; `make chaos` has them all.
KINDS = (
    *("kill_render", "kill_control", "kill_dispatcher", "kill_web", "broker_emptied", "postgres_immediate"),
    *("store_done_then_cut", "disk_full"),
)
JOBS = 16


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the house makes its folder: short, for its sockets, and open to the account that its servers run as."""
    folder = Path(tempfile.mkdtemp(prefix="vc-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def chaos(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    ours = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "FIELD_KEYS", "DJANGO_SETTINGS_MODULE")
    return subprocess.Popen(
        [sys.executable, "-m", "chaos", "--out", str(temporary / "out"), *arguments],
        cwd=CHECKOUT,
        env={k: v for k, v in os.environ.items() if k not in ours} | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_that_mention(words: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (folder / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if words in line or words in environment:
                found.append(line)
    return found


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_nothing_is_lost_or_doubled_while_everything_is_killed(temporary: Path) -> None:
    run = chaos(
        temporary,
        "--seed",
        "11",
        *("--jobs", str(JOBS), "--acts", "10", "--pace", "1"),
        *("--kinds", ",".join(KINDS)),
    )
    out, err = run.communicate(timeout=470)
    assert run.returncode == 0, out + err[-3000:]
    told = json.loads(out)
    assert told["jobs"] == told["published"] == JOBS and told["audit_ok"]
    zero = ("lost", "doubled", "orphans", "usage_doubled", "usage_missing", "wrong", "failed")
    assert {name: told[name] for name in zero} == dict.fromkeys(zero, 0)
    done = [json.loads(line) for line in (temporary / "out" / "seed-11.jsonl").read_text().splitlines()]
    assert len(done) == told["acts"] and all(act["hit"] for act in done)
    assert {act["kind"] for act in done} == set(KINDS)
    assert told["webhook_copies"] > told["webhooks"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_leaves_no_process_and_no_folder_behind(temporary: Path) -> None:
    run = chaos(temporary, "--seed", "1", "--jobs", "5")
    try:
        deadline = time.monotonic() + 120
        # As early as the servers are up, while everything else still starts.
        while not list(temporary.glob("vitrine-chaos-*/postgres/data/postmaster.pid")):
            assert time.monotonic() < deadline, "the servers did not start"
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=150)
    assert run.returncode == 130
    assert list(temporary.glob("vitrine-chaos-*")) == []
    assert processes_that_mention(temporary.name) == []
