"""One seed from start to end: the house up, merchants and monkey at work, then quiet, then the count."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from chaos.house import CHECKOUT, House
from chaos.merchant import Merchant, until
from chaos.monkey import ALL, Monkey, plan
from chaos.post import Post

_PROGRESS = """
SELECT (SELECT count(*) FROM jobs_job WHERE state = 'done'),
 (SELECT count(*) FROM jobs_job),
 (SELECT count(*) FROM publishing_publication WHERE published_at IS NOT NULL),
 (SELECT count(*) FROM publishing_publication WHERE undone_at IS NOT NULL)
"""
# What has to be 0 before anything is counted. Stores are polled for ever, so syncs are no part of it.
RESTLESS = {
    "jobs": "jobs_job WHERE state IN ('preparing', 'queued', 'dispatched', 'running')",
    "jobs set aside": "jobs_job WHERE state = 'quarantined'",
    "attempts": "jobs_attempt WHERE state IN ('dispatched', 'running')",
    "preparations": "jobs_preparation WHERE work_state IN ('waiting', 'running')",
    "triggers": "automation_trigger WHERE state = 'waiting'",
    "deliveries": "ingest_delivery WHERE work_state IN ('waiting', 'running')",
    "publications": "publishing_publication WHERE work_state <> 'done'",
    "undos": "publishing_undo WHERE work_state <> 'done'",
    "unsealed events": "audit_pending",
}
_RESTLESS = "SELECT " + ", ".join(f"(SELECT count(*) FROM {what})" for what in RESTLESS.values())  # noqa: S608
MUST_BE_ZERO = ("lost", "doubled", "orphans", "usage_doubled", "usage_missing", "wrong", "failed")


@dataclass(frozen=True)
class Asked:
    """What one run is to do. `settle_s`: within so long after the monkey stopped everything must have come right."""

    seed: int
    jobs: int
    acts: int
    pace_s: float
    settle_s: float
    stores: int
    render_workers: int
    poll_s: float
    out: Path
    keep: bool = False
    kinds: tuple[str, ...] = ALL


def run(asked: Asked, say: Callable[[str], None]) -> dict[str, Any]:
    """The JSON object of one seed. Raises RuntimeError where the house can't be started at all."""
    started, cpu_s = time.monotonic(), _cpu_s()
    asked.out.mkdir(parents=True, exist_ok=True)
    log = asked.out / f"seed-{asked.seed}.jsonl"
    log.unlink(missing_ok=True)
    with (
        Post(asked.seed) as post,
        House(asked.stores, asked.render_workers, post.port, asked.poll_s, keep=asked.keep) as house,
    ):
        post.deliver_to(house.web_port)
        say(f"seed {asked.seed}: the house is up in {house.root}")
        keys = [str(house.store_folder(n) / "keys.json") for n in range(asked.stores)]
        stores = json.loads(house.command("-m", "chaos.opening", *keys).splitlines()[-1])
        scene = Scene(asked, house, post, Merchant(house, asked.seed, asked.jobs, stores), say)
        acts = plan(asked.seed, acts=asked.acts, pace_s=asked.pace_s, kinds=asked.kinds, stores=asked.stores)
        scene.monkey = Monkey(house, acts, log, say)
        told = scene.play()
        counted = _count(house, scene.merchant, stores, asked)
        if not sound({**told, **counted}):
            _keep_logs(house, asked.out / f"seed-{asked.seed}-logs")
    return {
        "seed": asked.seed,
        "jobs": asked.jobs,
        **{name: counted[name] for name in ("lost", "doubled", "orphans", "usage_doubled")},
        "audit_ok": counted["audit_ok"],
        "seconds": round(time.monotonic() - started, 1),
        **{name: counted[name] for name in ("wrong", "usage_missing", "failed")},
        **told,
        "cpu_s": round(_cpu_s() - cpu_s, 1),
        "cases": counted["cases"],
    }


def _cpu_s() -> float:
    """CPU seconds of all programs that have ended; PostgreSQL and Valkey, which are daemons, are not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sound(told: dict[str, Any]) -> bool:
    """Whether nothing went wrong in this run."""
    return bool(told["audit_ok"]) and not told["restless"] and not any(told[name] for name in MUST_BE_ZERO)


@dataclass
class Scene:
    """The time in which everybody is at work, and the time until it is quiet again."""

    asked: Asked
    house: House
    post: Post
    merchant: Merchant
    say: Callable[[str], None]
    monkey: Monkey | None = None
    rendered: int = 0
    last_word: str = ""

    def play(self) -> dict[str, Any]:
        """Returns what is told besides the checker's counts. `restless` names what was not over in time."""
        assert self.monkey is not None
        stop = threading.Event()
        people = [
            threading.Thread(target=self.merchant.fill, args=(lambda: self.rendered, stop)),
            threading.Thread(target=until, args=(stop, 2.0, self.merchant.take_back)),
            threading.Thread(target=until, args=(stop, 1.0, self._look)),
        ]
        for person in people:
            person.start()
        try:
            self.monkey.run(self._nearly_done, stop)
            self.say(f"the monkey went after {self.monkey.done} acts, {self.monkey.hits} hits")
            quiet_at = time.monotonic()
            people[0].join(self.asked.settle_s)
            restless = self._settle(quiet_at)
        finally:
            stop.set()
            for person in people:
                person.join()
        published, undone = self._progress()[2:]
        return {
            "restless": restless,
            "problem": self.merchant.problem,
            "settled_s": round(time.monotonic() - quiet_at, 1),
            "acts": self.monkey.done,
            "published": published,
            "undone": undone,
            "webhooks": self.post.taken,
            "webhook_copies": self.post.delivered + self.post.undeliverable,
            "retried": self.merchant.retried,
            "released": self.merchant.released,
        }

    def _look(self) -> None:
        done, jobs, published, undone = self._progress()
        self.rendered = max(self.rendered, done)
        word = f"{self.merchant.made} photos, {jobs} jobs, {done} rendered, {published} published, {undone} undone"
        if word != self.last_word:
            self.say(word)
        self.last_word = word

    def _progress(self) -> tuple[int, ...]:
        try:
            return self.house.rows(_PROGRESS)[0]
        except psycopg.Error:
            return (0, 0, 0, 0)

    def _nearly_done(self) -> bool:
        return self.rendered >= 0.9 * self.asked.jobs

    def _settle(self, since: float) -> dict[str, int]:
        """Wait until nothing is under way, twice in a row; what still is when time is up, by name."""
        quiet = 0
        restless: dict[str, int] = {"everything": 1}
        while time.monotonic() - since < self.asked.settle_s:
            self.merchant.try_again()
            self.merchant.take_back()
            restless = self._restless()
            quiet = 0 if restless else quiet + 1
            if quiet == 2:
                return {}
            time.sleep(1.0)
        return restless or {"barely quiet": 1}

    def _restless(self) -> dict[str, int]:
        try:
            counts = self.house.rows(_RESTLESS)[0]
            missing = self.asked.jobs - self.house.rows("SELECT count(*) FROM jobs_job")[0][0]
        except psycopg.Error:
            return {"the database": 1}
        named = dict(zip(RESTLESS, counts, strict=True))
        named |= {"photos without a job": max(0, missing), "webhooks": self.post.waiting()}
        # What nobody names any more goes with the next sweeps.
        named["attempts' folders"] = sum(1 for _ in (self.house.root / "storage").glob("*/*/attempts/*"))
        named["files that nobody names"] = self._leftovers()
        return {name: count for name, count in named.items() if count}

    def _leftovers(self) -> int:
        return sum(1 for _ in (self.house.root / "storage").rglob(".part-*"))


def _count(house: House, merchant: Merchant, stores: list[dict[str, Any]], asked: Asked) -> dict[str, Any]:
    given = house.root / "given.json"
    words = {
        "database": house.urls.superuser_url,
        "storage": str(house.root / "storage"),
        "stores": {s["url"]: str(house.store_folder(n)) for n, s in enumerate(stores)},
        "uploaded": merchant.uploaded,
    }
    given.write_text(json.dumps(words), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "chaos.checker", str(given)], cwd=CHECKOUT, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    if not done.stdout.strip():
        raise RuntimeError(f"the checker failed: {done.stderr.strip()[-1500:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _keep_logs(house: House, folder: Path) -> None:
    """The programs' logs, to find out what went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in house.logs.rglob("*.log"):
        (folder / file.name).write_bytes(file.read_bytes())
