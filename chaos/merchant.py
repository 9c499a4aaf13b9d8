"""The people around the house: a merchant who makes products and takes pictures back, and presses "try again"."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import requests

from chaos import photos
from chaos.house import House

TIMEOUT_S = 30.0
MOST_PHOTOS = 4
# Of the published pictures, how many are taken back, and how many products share a photo with an earlier one.
UNDO_SHARE, SAME_SHARE = 0.12, 0.03
# Products are made while the house works, but not more than so many photos ahead of it.
AHEAD = 120
# Marks the merchant's own requests in the stores: ordered faults spare them.
MINE = {"merchant": "1"}

_PUBLISHED = """
SELECT p.id, s.url FROM publishing_publication p JOIN stores_store s ON s.id = p.store_id
WHERE p.published_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM publishing_undo u WHERE u.publication_id = p.id)
ORDER BY p.id
"""
_FAILED_WRITES = """
SELECT p.id, s.url, 'retry' FROM publishing_publication p JOIN stores_store s ON s.id = p.store_id
 WHERE p.work_state = 'failed'
UNION ALL SELECT p.id, s.url, 'undo' FROM publishing_undo u JOIN publishing_publication p ON p.id = u.publication_id
 JOIN stores_store s ON s.id = p.store_id WHERE u.work_state = 'failed'
"""


@dataclass
class Merchant:
    """`uploaded` is the truth about the catalogue that the checker starts from."""

    house: House
    seed: int
    jobs: int
    stores: list[dict[str, Any]]
    uploaded: list[dict[str, Any]] = field(default_factory=list)
    made: int = 0
    undos: int = 0
    retried: int = 0
    released: int = 0
    problem: str = ""

    def fill(self, done: Callable[[], int], stop: threading.Event) -> None:
        """Make products until there are `jobs` photos. `done` says how many are rendered."""
        dice = random.Random(f"{self.seed}:catalogue")  # noqa: S311 - a game, not a secret
        keys = [self.house.store_keys(n) for n in range(len(self.stores))]
        earlier: list[list[str]] = [[] for _ in keys]
        try:
            while self.made < self.jobs and not stop.is_set():
                if self.made - done() > AHEAD:
                    stop.wait(0.5)
                    continue
                shop = dice.randrange(len(keys))
                names = [
                    f"{self.seed}/{self.made + n}"
                    for n in range(min(dice.randint(1, MOST_PHOTOS), self.jobs - self.made))
                ]
                if earlier[shop] and dice.random() < SAME_SHARE:
                    names[0] = dice.choice(earlier[shop])
                self._product(keys[shop], names)
                earlier[shop] += names
        except requests.RequestException as error:
            self.problem = f"a product could not be made: {error}"

    def _product(self, keys: dict[str, Any], names: list[str]) -> None:
        files = [photos.photo(name) for name in names]
        media = [self._upload(keys, data, name) for data, name in zip(files, names, strict=True)]
        title = f"Product {names[0]}"
        made = self._post(keys, "wc/v3/products", json={"name": title, "images": [{"id": i} for i in media]})
        hashes = [hashlib.sha256(data).hexdigest() for data in files]
        self.uploaded.append({"store_url": keys["url"], "product": made["id"], "photos": hashes})
        self.made += len(names)

    def _upload(self, keys: dict[str, Any], data: bytes, name: str) -> int:
        headers = {
            "Content-Type": "image/jpeg",
            "Content-Disposition": f'attachment; filename="photo-{name.replace("/", "-")}.jpg"',
        }
        return int(self._post(keys, "wp/v2/media", data=data, headers=headers)["id"])

    def _post(self, keys: dict[str, Any], path: str, **what: Any) -> dict[str, Any]:
        login = (keys["user"], keys["app_password"])
        answer = requests.post(
            f"{keys['url']}/wp-json/{path}", params=MINE, auth=login, timeout=TIMEOUT_S, **what
        )
        answer.raise_for_status()
        return dict(answer.json())

    # -- in the house -------------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Undo each published picture that the dice of its number chose. What does not get through is asked again."""
        for pk, url in self._rows(_PUBLISHED):
            dice = random.Random(f"{self.seed}:undo:{pk}")  # noqa: S311 - a game, not a secret
            if dice.random() < UNDO_SHARE:
                self.undos += self._ask(url, f"publications/{pk}/undo")

    def try_again(self) -> None:
        """What a person would do once the trouble is over: retry failed writes, let go what was set aside."""
        for pk, url, what in self._rows(_FAILED_WRITES):
            self.retried += self._ask(url, f"publications/{pk}/{what}")
        aside = [str(pk) for (pk,) in self._rows("SELECT id FROM jobs_job WHERE state = 'quarantined'")]
        with suppress(RuntimeError):  # the database may just be coming back; the next round asks again
            if aside:
                self.house.command("manage.py", "release", *aside)
                self.released += len(aside)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with suppress(psycopg.Error):
            return self.house.rows(sql)
        return []

    def _ask(self, url: str, path: str) -> bool:
        key = next(s["api_key"] for s in self.stores if s["url"] == url)
        try:
            answer = requests.post(
                f"{self.house.web}/api/v1/{path}/",
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT_S,
            )
        except requests.RequestException:
            return False
        return answer.status_code == 202


def until(stop: threading.Event, every_s: float, act: Callable[[], None]) -> None:
    """Do something now and then until told to stop."""
    while not stop.is_set():
        started = time.monotonic()
        act()
        stop.wait(max(0.1, every_s - (time.monotonic() - started)))
