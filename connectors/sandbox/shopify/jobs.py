"""Work that a mutation leaves to the background: moving pictures of a product into another order."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.sandbox.shopify.payloads import gid

if TYPE_CHECKING:
    from connectors.sandbox.shopify.site import Site


class Jobs:
    """Jobs that get done in their own time; what they do is done when somebody looks after that."""

    def __init__(self, site: Site, takes_s: float) -> None:
        self._site, self._takes_s = site, takes_s

    def reorder(self, shop: str, product_id: int, moves: Sequence[tuple[int, int]]) -> str:
        """Move pictures, each (number, place counted from 0), one move after the other; the id of the job."""
        job, ready = gid("Job", str(uuid.uuid4())), self._site.clock.now() + self._takes_s
        self._site.memory.run(
            "INSERT INTO jobs (id, shop, ready, doc) VALUES (?, ?, ?, ?)",
            *(job, shop, ready, json.dumps({"product": product_id, "moves": list(moves)})),
        )
        return job

    def done(self, shop: str, job: str) -> bool | None:
        """Whether a job is done; None for no job of this shop."""
        self.settle()
        row = self._site.memory.row("SELECT done FROM jobs WHERE id = ? AND shop = ?", job, shop)
        return None if row is None else bool(row["done"])

    def pending(self, shop: str, product_id: int) -> bool:
        """Whether a product's pictures are being moved."""
        self.settle()
        return bool(
            self._site.memory.row(
                "SELECT 1 FROM jobs WHERE shop = ? AND done = 0 AND json_extract(doc, '$.product') = ?",
                *(shop, product_id),
            )
        )

    def settle(self) -> None:
        """Carry out what is due."""
        with self._site.memory.change():
            due = self._site.memory.rows(
                "SELECT * FROM jobs WHERE done = 0 AND ready <= ? ORDER BY ready", self._site.clock.now()
            )
            for row in due:
                told = json.loads(row["doc"])
                product = self._site.catalogue.product(row["shop"], told["product"])
                if product is not None:
                    for media_id, place in told["moves"]:
                        if media_id in product["media"]:
                            product["media"].remove(media_id)
                            product["media"].insert(place, media_id)
                    self._site.catalogue.save(row["shop"], product)
                self._site.memory.run("UPDATE jobs SET done = 1 WHERE id = ?", row["id"])
