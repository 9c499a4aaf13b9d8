"""The supervisor: a killed program comes back, a stop is orderly, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.config.supervisor import NotReady, Program, Supervisor

CHECKOUT = Path(__file__).resolve().parents[2]
SLEEP = ["sleep", "60"]


def until(true: Callable[[], object], timeout_s: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def number_in(file: Path) -> int | None:
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text else None


def test_a_killed_worker_comes_back_and_what_it_left_behind_is_ended_first(tmp_path):
    left, state = tmp_path / "left", tmp_path / "supervisor.json"

    def told(name: str) -> int | None:
        return json.loads(state.read_text()).get(name) if state.exists() else None

    worker = Program("worker", ["bash", "-c", f"sleep 60 & echo $! >{left}; wait"])
    with Supervisor([worker], tmp_path) as supervisor:
        assert until(lambda: number_in(left) and told("worker"))
        first, orphan = told("worker"), number_in(left)
        os.kill(first, signal.SIGKILL)
        assert until(lambda: supervisor.pid("worker") not in (None, first))
        assert not alive(orphan)
        assert supervisor.restarts("worker") == 1
        assert until(lambda: told("worker") == supervisor.pid("worker"))
        second = supervisor.pid("worker")
    assert not alive(second)
    assert "starts again in 0.2 s" in (tmp_path / "worker.log").read_text()


def test_programs_end_tier_by_tier_each_after_its_own_farewell(tmp_path):
    order = tmp_path / "order"
    script = "trap 'sleep 0.2; echo {name} >>{order}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    programs = [
        Program(
            name,
            ["bash", "-c", script.format(name=name, order=order)],
            ready=lambda name=name: "up" in (tmp_path / f"{name}.log").read_text(),
            tier=tier,
        )
        for tier, name in enumerate(("database", "web", "worker"))
    ]
    with Supervisor(programs, tmp_path) as supervisor:
        supervisor.wait_ready(20)
    assert order.read_text().split() == ["worker", "web", "database"]
    assert supervisor.killed == []
    assert json.loads((tmp_path / "supervisor.json").read_text()) == {}


def test_a_program_that_ignores_the_request_to_end_is_killed_after_its_grace(tmp_path):
    stubborn = ["bash", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]
    log = tmp_path / "stubborn.log"
    program = Program("stubborn", stubborn, ready=lambda: "up" in log.read_text(), grace_s=0.3)
    with Supervisor([program], tmp_path) as supervisor:
        supervisor.wait_ready(20)
        pid = supervisor.pid("stubborn")
    assert supervisor.killed == ["stubborn"]
    assert not alive(pid)


def test_a_program_that_dies_at_once_is_tried_less_and_less_often(tmp_path):
    with Supervisor([Program("broken", ["false"])], tmp_path) as supervisor:
        time.sleep(2.5)
        tries = supervisor.restarts("broken")
    assert 2 <= tries <= 4, "0.2 s, 0.4 s, 0.8 s, 1.6 s between the tries"


def test_who_is_not_ready_in_time_is_named_with_the_end_of_its_log(tmp_path):
    programs = [
        Program("web", SLEEP),
        Program("worker", ["bash", "-c", "echo the weights are missing; sleep 60"], ready=lambda: 1 / 0 > 0),
    ]
    with Supervisor(programs, tmp_path) as supervisor:
        assert until(lambda: (tmp_path / "worker.log").exists() and (tmp_path / "worker.log").read_text())
        with pytest.raises(NotReady, match="worker: the weights are missing") as caught:
            supervisor.wait_ready(0.5)
    assert "web:" not in str(caught.value)


def test_a_program_that_does_not_exist_is_told_in_its_log(tmp_path):
    with Supervisor([Program("web", ["/nowhere/gunicorn"])], tmp_path):
        assert until(lambda: (tmp_path / "web.log").exists() and (tmp_path / "web.log").read_text())
    assert "can't be started" in (tmp_path / "web.log").read_text()


GROUP = """
import sys
from pathlib import Path
from apps.config.supervisor import Program, Supervisor
here = Path(sys.argv[1])
loop = "while :; do sleep 0.05; done"
programs = [
    Program("tidy", ["bash", "-c", "echo tidy is up; exec sleep 60"]),
    Program("family", ["bash", "-c", f"sleep 60 & echo $! >{here}/orphan; wait"]),
    Program("stubborn", ["bash", "-c", f"trap '' TERM; echo $$ >{here}/stubborn; {loop}"], grace_s=0.5),
]
chosen = [program for program in programs if program.name in sys.argv[2:]]
supervisor = Supervisor(chosen, here, echo=True, guard_grace_s=0.5)
sys.exit(supervisor.run(on_ready=lambda: print("all ready", flush=True)))
"""


def group(folder: Path, *names: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    argv = [sys.executable, "-c", GROUP, str(folder), *names]
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_nothing_outlives_a_kill_9_of_the_supervisor(tmp_path):
    supervisor = group(tmp_path, "tidy", "family", "stubborn")
    assert until(lambda: number_in(tmp_path / "orphan") and number_in(tmp_path / "stubborn"))
    state = tmp_path / "supervisor.json"
    assert until(lambda: len(json.loads(state.read_text())) == 3)
    pids = [*json.loads(state.read_text()).values(), number_in(tmp_path / "orphan")]
    assert all(alive(pid) for pid in pids)
    supervisor.kill()
    supervisor.wait()
    assert until(lambda: not any(alive(pid) for pid in pids), timeout_s=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_group_cleanly(tmp_path, number):
    supervisor = group(tmp_path, "tidy", "family")
    assert "all ready" in iter(supervisor.stdout.readline, "").__next__() + supervisor.stdout.readline()
    pids = list(json.loads((tmp_path / "supervisor.json").read_text()).values())
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=20) == 0
    assert len(pids) == 2 and not any(alive(pid) for pid in pids)


def test_the_exit_code_says_when_a_program_had_to_be_killed(tmp_path):
    supervisor = group(tmp_path, "stubborn")
    assert until(lambda: number_in(tmp_path / "stubborn"))
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=20) == 1


def test_the_terminal_shows_each_line_with_its_programs_name(tmp_path):
    supervisor = group(tmp_path, "tidy")
    lines = [supervisor.stdout.readline(), supervisor.stdout.readline()]
    supervisor.send_signal(signal.SIGTERM)
    supervisor.wait(timeout=20)
    assert any(line.split("|") == ["        tidy ", " tidy is up\n"] for line in lines)
