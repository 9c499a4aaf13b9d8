"""The monkey: a plan that its seed decides, and a hand that carries it out and writes down what it did."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from chaos.house import House

KILLS = (
    "kill_render",
    "kill_control",
    "kill_dispatcher",
    "kill_web",
    "kill_scheduler",
    "kill_servers_keeper",
)
SERVERS = ("broker_killed", "broker_emptied", "postgres_immediate", "postgres_fast", "postgres_killed")
STORE = (
    *("store_rate_limited", "store_unavailable", "store_page", "store_hangs", "store_cuts"),
    *("store_late", "store_done_then_cut", "store_half_an_answer"),
)
DISK, POWER = ("disk_full",), ("power_cut",)
ALL = (*KILLS, *SERVERS, *STORE, *DISK, *POWER)
# Twice in a round: they meet work most often.
OFTEN = ("kill_render", "kill_control")

# Requests of the merchant are spared (chaos.merchant.MINE). Writes are hit more often than reads would be by chance.
EVERYTHING = r"^(?!.*merchant=1)"
WRITES = r"^(?:POST|PUT) /wp-json/(?!.*merchant=1)"
FAULTS: dict[str, dict[str, Any]] = {
    "store_rate_limited": {"kind": "rate_limited", "retry_after_s": 1},
    "store_unavailable": {"kind": "unavailable"},
    "store_page": {"kind": "html"},
    "store_hangs": {"kind": "hang"},
    "store_cuts": {"kind": "close_before"},
    "store_late": {"kind": "late"},
    "store_done_then_cut": {"kind": "close_after"},
    "store_half_an_answer": {"kind": "truncate"},
}
# A worker is hit while it works, if it comes to work within WORK_S; a program that is not up is waited for, up to UP_S.
AT_WORK = {
    "kill_render": "SELECT 1 FROM jobs_attempt WHERE state = 'running' LIMIT 1",
    "kill_control": "SELECT 1 FROM publishing_publication WHERE work_state = 'running' UNION ALL "
    "SELECT 1 FROM publishing_undo WHERE work_state = 'running' LIMIT 1",
}
WORK_S, UP_S = 3.0, 20.0
PAGES = ("maintenance", "cloudflare", "plain")


@dataclass(frozen=True)
class Act:
    """What is done, how long after the act before it (seconds), and how."""

    number: int
    kind: str
    after_s: float
    how: dict[str, Any] = field(default_factory=dict)


def plan(seed: int, *, acts: int, pace_s: float, kinds: Sequence[str] = ALL, stores: int = 1) -> list[Act]:
    """So many acts, about `pace_s` apart. The same arguments are the same plan; each round holds every kind."""
    dice = random.Random(f"{seed}:monkey")  # noqa: S311 - a game, not a secret
    planned: list[Act] = []
    while len(planned) < acts:
        round_ = [*kinds, *(kind for kind in OFTEN if kind in kinds)]
        dice.shuffle(round_)
        for kind in round_:
            after_s = round(dice.uniform(0.5, 1.5) * pace_s, 2)
            planned.append(Act(len(planned) + 1, kind, after_s, _how(kind, dice, stores)))
    return planned[:acts]


def _how(kind: str, dice: random.Random, stores: int) -> dict[str, Any]:
    if kind in FAULTS:
        how = {
            **FAULTS[kind],
            "times": dice.randint(2, 8),
            "match": dice.choice((WRITES, WRITES, EVERYTHING)),
        }
        if how["kind"] in {"hang", "late"}:
            how |= {"seconds": round(dice.uniform(0.5, 2.5), 2), "times": dice.randint(1, 4)}
        if how["kind"] == "html":
            how["page"] = dice.choice(PAGES)
        return {"store": dice.randrange(stores), **how}
    if kind == "disk_full":
        return {"seconds": round(dice.uniform(1.0, 4.0), 2)}
    if kind == "kill_render":
        return {"which": dice.randrange(16)}
    return {}


@dataclass
class Monkey:
    """Carries a plan out. `log` gets one JSON line per act: when it was done and whether it hit anything."""

    house: House
    acts: Sequence[Act]
    log: Path
    say: Callable[[str], None]
    done: int = 0
    hits: int = 0

    def run(self, enough: Callable[[], bool], stop: threading.Event) -> None:
        """Until the plan is over, or every kind was there and `enough` says so. Takes its faults back at the end."""
        kinds = {act.kind for act in self.acts}
        seen: set[str] = set()
        started = time.monotonic()
        try:
            with self.log.open("a", encoding="utf-8") as log:
                for act in self.acts:
                    if stop.wait(act.after_s) or (seen == kinds and enough()):
                        return
                    at_s = round(time.monotonic() - started, 2)
                    hit = self._do(act)
                    seen.add(act.kind)
                    self.done += 1
                    self.hits += hit
                    log.write(json.dumps({**asdict(act), "at_s": at_s, "hit": hit}) + "\n")
                    log.flush()
        finally:
            self.calm()

    def calm(self) -> None:
        """The store behaves again, the disk has room again."""
        self.house.disk_full.unlink(missing_ok=True)
        for number in range(self.house.stores):
            self._store(number, "DELETE", {})

    def _do(self, act: Act) -> bool:
        self.say(f"monkey {act.number}: {act.kind}")
        if act.kind in FAULTS:
            order = {k: v for k, v in act.how.items() if k != "store"}
            return self._store(act.how["store"], "POST", order)
        if act.kind == "disk_full":
            self.house.disk_full.touch()
            time.sleep(act.how["seconds"])
            self.house.disk_full.unlink(missing_ok=True)
            return True
        _patiently(WORK_S, lambda: self._at_work(act.kind))
        return _patiently(UP_S, lambda: self._to_the_house(act))

    def _at_work(self, kind: str) -> bool:
        if kind not in AT_WORK:
            return True
        with suppress(psycopg.Error):
            return bool(self.house.rows(AT_WORK[kind]))
        return False

    def _to_the_house(self, act: Act) -> bool:
        match act.kind:
            case "kill_render":
                workers = sorted(name for name in self.house.pids() if name.startswith("render"))
                return bool(workers) and self.house.kill(workers[act.how["which"] % len(workers)])
            case "broker_killed" | "broker_emptied":
                return self.house.kill_broker(forget=act.kind == "broker_emptied")
            case "postgres_immediate":
                return self.house.signal_postgres(signal.SIGQUIT)
            case "postgres_fast":
                return self.house.signal_postgres(signal.SIGINT)
            case "postgres_killed":
                return self.house.signal_postgres(signal.SIGKILL)
            case "kill_servers_keeper":
                return self.house.kill("servers")
            case "power_cut":
                self.house.cut_power()
                return True
            case _:
                return self.house.kill(act.kind.removeprefix("kill_"))

    def _store(self, number: int, method: str, order: dict[str, Any]) -> bool:
        keys = self.house.store_keys(number)
        try:
            answer = requests.request(
                method, f"{keys['url']}/_admin/faults", json=order, timeout=10,
                headers={"X-Admin-Token": keys["admin_token"]},
            )  # fmt: skip
        except requests.RequestException:
            return False
        return answer.ok


def _patiently(seconds: float, act: Callable[[], bool]) -> bool:
    """Try until it worked or time is up."""
    until = time.monotonic() + seconds
    while not (done := act()) and time.monotonic() < until:
        time.sleep(0.05)
    return done
