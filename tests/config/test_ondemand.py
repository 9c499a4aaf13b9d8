"""A command run while nothing is up: it brings its own servers and takes them down again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from django.core.management import get_commands

from apps.config import embedded, ondemand

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "FIELD_KEYS", "DJANGO_SETTINGS_MODULE")


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in environment.items() if k not in OURS}
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(
        argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=90, check=False
    )


def test_a_command_works_on_a_fresh_machine_and_leaves_nothing_running(
    root: Path, environment: dict[str, str]
) -> None:
    made = run(environment, "createowner", "anna", "--password", "a long pass phrase", "--json")
    assert made.returncode == 0, made.stderr
    told = run(environment, "audit", "verify", "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout.strip().splitlines()[-1])
    assert report["ok"] and report["events"] == 2
    counted = run(environment, "rotatekeys", "--check", "--json")
    assert json.loads(counted.stdout)["secrets"] == 0, counted.stderr
    assert not embedded.Services(root).running()
    with embedded.Services(root) as services:
        assert run(environment, "rotatekeys", "--check").returncode == 0
        assert services.running(), "servers that ran before go on running"


def test_every_command_of_ours_that_reads_the_database_brings_its_servers() -> None:
    ours = {name for name, app in get_commands().items() if app.startswith("apps.")}
    assert ours - ondemand.COMMANDS == {"up", "demo", "dispatcher", "newkey"}
