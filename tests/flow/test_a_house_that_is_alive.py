"""Real processes: the demo from nothing, its render worker killed in the middle, and a look at everything it left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from apps.config import embedded

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "DJANGO_SETTINGS_MODULE",
    "PUBLIC_URL",
)


@dataclass
class House:
    """One installation in a folder of its own."""

    root: Path
    env: dict[str, str]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "manage.py", *words]
        return subprocess.run(
            argv, cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(embedded.urls(self.root).superuser_url) as db:
            return db.execute(sql).fetchall()

    def pid(self, program: str) -> int | None:
        try:
            return json.loads((self.root / "logs" / "supervisor.json").read_text()).get(program)
        except (OSError, ValueError):
            return None


@pytest.fixture
def house() -> Iterator[House]:
    root = Path(tempfile.gettempdir()) / f"vitrine-house-{os.urandom(4).hex()}"
    env = {k: v for k, v in os.environ.items() if k not in OURS} | {"VITRINE_DATA": str(root)}
    yield House(root, env)
    embedded.Services(root).forget()


def wait_until(true: object, what: str, timeout_s: float = 180) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            if true():  # type: ignore[operator]
                return
        except (psycopg.Error, OSError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {timeout_s:.0f} s")


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_render_worker_killed_in_the_middle_costs_no_picture_and_doubles_none(house: House) -> None:
    demo = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--once"],
        cwd=CHECKOUT,
        env=house.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        rendering = "SELECT 1 FROM jobs_attempt WHERE state = 'running'"
        wait_until(
            lambda: len(house.rows("SELECT 1 FROM jobs_job WHERE state = 'done'")) >= 5, "the fifth render"
        )
        wait_until(lambda: house.rows(rendering), "a running attempt")
        victim = house.pid("render")
        assert victim
        os.killpg(victim, signal.SIGKILL)
        killed_at = time.monotonic()
        wait_until(
            lambda: len(house.rows("SELECT 1 FROM jobs_job WHERE state = 'done'")) == 12,
            "all twelve renders",
            60,
        )
        finished_s = time.monotonic() - killed_at
        out, err = demo.communicate(timeout=120)
    finally:
        demo.terminate()
        demo.wait(30)
    assert demo.returncode == 0, err[-3000:]
    summary = json.loads(out.strip().splitlines()[-1])
    assert summary["problems"] == []
    assert (summary["products"], summary["rendered"], summary["undone"]) == (12, 12, 1)
    assert summary["waiting"] >= 1 and summary["published"] == summary["approved"] >= 6
    assert summary["audit_ok"] and summary["original_back"]
    assert Path(summary["contact_sheet"]).stat().st_size > 100_000
    assert finished_s < 60
    with embedded.Services(house.root):
        nothing_is_doubled(house, summary)
    a_second_run_keeps_what_was_there(house)
    with embedded.Services(house.root):
        [(jobs,)] = house.rows("SELECT count(*) FROM jobs_job")
        assert jobs == 12, "nothing was rendered again"
        the_trail_names_a_row_that_was_changed(house)


def nothing_is_doubled(house: House, summary: dict) -> None:
    [(attempts, booked, done)] = house.rows(
        "SELECT (SELECT count(*) FROM jobs_attempt WHERE started_at IS NOT NULL), (SELECT count(*) FROM usage_record),"
        " (SELECT count(*) FROM usage_record WHERE outcome = 'done')"
    )
    assert booked == attempts and done == 12
    [(lost,)] = house.rows(
        "SELECT count(*) FROM jobs_attempt WHERE state = 'lost' AND started_at IS NOT NULL"
    )
    assert lost == 1, "the kill hit one attempt"
    [(written, products)] = house.rows(
        "SELECT count(*), count(DISTINCT publication) FROM stores_writtenmedia"
    )
    assert written == products == summary["published"]
    assert house.rows("SELECT count(*) FROM usage_reservation") == [(0,)]
    uploads = list((house.root / "storefront").rglob("vitrine-*.jpg"))
    whole = [f for f in uploads if not f.stem.rpartition("-")[2].count("x")]
    assert len(whole) == summary["published"], "one attachment per publication in the store's library"


def a_second_run_keeps_what_was_there(house: House) -> None:
    again = house.command("demo", "--once")
    assert again.returncode == 0, again.stderr[-3000:]
    told = json.loads(again.stdout.strip().splitlines()[-1])
    assert (told["products"], told["rendered"], told["undone"]) == (12, 12, 1)
    assert told["seconds"] < 40


def the_trail_names_a_row_that_was_changed(house: House) -> None:
    assert house.command("audit", "verify").returncode == 0
    [(victim,)] = house.rows("SELECT id FROM audit_event WHERE verb = 'photo.published' ORDER BY id LIMIT 1")
    with psycopg.connect(embedded.urls(house.root).superuser_url) as db:
        db.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        db.execute("UPDATE audit_event SET actor = 'somebody else' WHERE id = %s", [victim])
        db.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
    told = house.command("audit", "verify")
    assert told.returncode == 1
    assert f"event {victim} (photo.published): its row was changed after it was sealed" in told.stdout
