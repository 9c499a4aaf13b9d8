"""Ground for the fault matrix: a WooCommerce sandbox that misbehaves at one step, and a writer that is really killed."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Photo
from apps.jobs.models import Render
from apps.lib import blobs
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.publishing.services import asking, undoing, writing
from apps.review.models import ItemState
from apps.stores.connect import open_store
from apps.stores.models import Store, WrittenMedia
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from tests import factories
from tests.shopkeeping import photo

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_TRIES = 8

# Runs one write or undo per line of stdin, each in a process of its own that waits for a word, and may be killed.
_WRITER = """
import os, sys
import django
django.setup()
from apps.publishing.services import undoing, writing
for line in iter(sys.stdin.readline, ""):
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(ready, 1)
        what, pk = line.split()
        {"write": writing, "undo": undoing}[what].write(int(pk))
        os._exit(0)
    print(pid, flush=True)
    sys.stdin.readline()
    os.write(go, b"x")
    print(os.waitpid(pid, 0)[1], flush=True)
    os.close(ready); os.close(go)
"""


class Writer:
    """Another process that writes, as a Celery worker would."""

    def __init__(self, **env: str) -> None:
        command = [sys.executable, "-c", _WRITER]
        self._process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "apps.config.settings", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self, what: str, pk: int, before: Callable[[int], None]) -> int:
        """Carry out a ``write`` or an ``undo``; `before` is told the process's id before it begins. The wait status."""
        pid = int(self._said(f"{what} {pk}\n"))
        before(pid)
        return int(self._said("\n"))

    def _said(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


@dataclass
class Ground:
    """One store and one finished render, which every case publishes to a product of its own."""

    sandbox: Sandbox
    store: Store
    render: Render
    version: Any
    writer: Writer
    original: bytes

    def case(self) -> Case:
        """A variable product with two photos, the first of them on a variation; a publication for that one waits."""
        shop = Catalogue(self.sandbox.site)
        add = self.sandbox.site.media_library.add
        files = (self.original, photo("#7f2b4a"))
        front, back = (add(data, "Blue Mug.jpg", accepts=BY_UPLOAD).id for data in files)
        options = [{"name": "Colour", "options": ["Blue"], "variation": True}]
        product = shop.create(
            {
                "name": "Blue mug",
                "type": "variable",
                "attributes": options,
                "images": [{"id": front}, {"id": back}],
            }
        )
        chosen = [{"name": "Colour", "option": "Blue"}]
        variation = shop.create_variation(product.id, {"image": {"id": front}, "attributes": chosen})
        remote = open_store(self.store).product(str(product.id))
        mirrored = catalog.mirror(self.store, remote).product
        job = factories.JobFactory(
            photo=Photo.objects.get(product=mirrored, media_id=str(front)),
            recipe_version=self.version,
            done=True,
            render=self.render,
        )
        item = factories.ItemFactory(job=job, state=ItemState.APPROVED)
        publication, _ = asking.publish(item, by="test")
        return Case(self, publication, product.id, variation.id, front, back, self.attachments())

    def attachments(self) -> set[int]:
        return {post.id for post in self.sandbox.site.state.posts("kind = 'attachment'")}


@dataclass
class Case:
    ground: Ground
    publication: Publication
    product: int
    variation: int
    front: int
    back: int
    before: set[int]
    undo: Undo | None = None

    def go_back(self, *, original_is_gone: bool) -> None:
        """From now on it is about taking the picture back, which is in the store."""
        self.carry_out()
        if original_is_gone:
            self.delete_the_original()
        self.undo, _ = asking.undo(self.publication, by="test")

    def delete_the_original(self) -> None:
        site = self.ground.sandbox.site
        front = site.state.post(self.front, "attachment")
        assert front is not None
        site.media_library.remove(front)

    @property
    def work(self) -> Publication | Undo:
        return self.undo or self.publication

    def carry_out(self) -> None:
        """Do it as the house does: when it is due, again and again, until it has ended."""
        work = self.work
        for _ in range(MOST_TRIES):
            work.refresh_from_db()
            if work.work_state in {WorkState.DONE, WorkState.FAILED}:
                return
            wait_s = (work.not_before - timezone.now()).total_seconds()
            time.sleep(max(0.0, wait_s))
            (undoing if self.undo else writing).write(work.pk)

    def killed(self, match: str, kind: str) -> None:
        """Begun by another process that ends with the request, before or after the store has done it."""
        work, faults = self.work, self.ground.sandbox.faults

        def order(pid: int) -> None:
            faults.add(match, kind, then=lambda: os.kill(pid, signal.SIGKILL))

        status = self.ground.writer.write("undo" if self.undo else "write", work.pk, order)
        assert os.WIFSIGNALED(status), "the writer should have been killed"
        # Its lease ends by itself; nobody waits for that here.
        past = timezone.now() - dt.timedelta(seconds=1)
        type(work)._default_manager.filter(pk=work.pk).update(lease_until=past)

    def problems(self) -> list[str]:
        """What is not as it has to be now; empty where all is well."""
        return self._not_back() if self.undo else self._not_written()

    def _not_back(self) -> list[str]:
        """The original's bytes in list and variation, once, and our picture nowhere."""
        assert self.undo is not None
        site, found = self.ground.sandbox.site, []
        self.undo.refresh_from_db()
        if self.undo.work_state != WorkState.DONE:
            return [f"not taken back: {self.undo.work_state}, {self.undo.error}"]
        product, variation = (site.state.post(i, *k) for i, k in self._posts())
        assert product is not None and variation is not None
        first, *rest = product.doc["image_ids"]
        if rest != [self.back] or variation.doc["image_ids"] != [first]:
            found.append(f"list {product.doc['image_ids']}, variation {variation.doc['image_ids']}")
        shown = site.state.post(first, "attachment")
        assert shown is not None
        if (site.media_library.root / shown.doc["file"]).read_bytes() != self.ground.original:
            found.append("the original's bytes are not back")
        ours = {int(self.publication.media_id)}
        gone = set() if first == self.front else {first}
        if more := self.ground.attachments() - self.before - ours - gone:
            found.append(f"attachments {sorted(more)} too many")
        self.publication.refresh_from_db()
        if (
            self.publication.undone_at is None
            or self.undo.restored_sha256 != self.publication.snapshot.replaced_sha256
        ):
            found.append("not noted as taken back")
        seen = catalog.mirror(self.ground.store, open_store(self.ground.store).product(str(self.product)))
        if seen.fresh:
            found.append(f"{len(seen.fresh)} photos taken for new ones")
        return found

    def _not_written(self) -> list[str]:
        site, found = self.ground.sandbox.site, []
        self.publication.refresh_from_db()
        if not self.publication.live:
            return [f"not live: {self.publication.work_state}, {self.publication.error}"]
        ours = int(self.publication.media_id)
        product, variation = (site.state.post(i, *k) for i, k in self._posts())
        assert product is not None and variation is not None
        if product.doc["image_ids"] != [ours, self.back]:
            found.append(f"list {product.doc['image_ids']} instead of {[ours, self.back]}")
        if variation.doc["image_ids"] != [ours]:
            found.append(f"variation shows {variation.doc['image_ids']} instead of {ours}")
        more = self.ground.attachments() - self.before
        if more != {ours}:
            found.append(f"attachments {sorted(more)} instead of {ours} alone")
        attachment = site.state.post(ours, "attachment")
        if attachment is None or (attachment.doc["alt"], attachment.doc["title"]) != ("Blue mug", "Blue mug"):
            found.append("its alt text or title is missing")
        ledger = list(
            WrittenMedia.objects.filter(publication=self.publication.pk).values_list("media_id", flat=True)
        )
        if ledger != [str(ours)]:
            found.append(f"the ledger says {ledger}")
        if states := set(self.publication.steps.exclude(state="verified").values_list("name", "state")):
            found.append(f"steps {states}")
        seen = catalog.mirror(self.ground.store, open_store(self.ground.store).product(str(self.product)))
        if seen.fresh:
            found.append(f"{len(seen.fresh)} of its pictures taken for the merchant's")
        return found

    def _posts(self) -> list[tuple[int, tuple[str, ...]]]:
        return [(self.product, ("product",)), (self.variation, ("variation",))]


def database_url() -> str:
    """This worker's own test database, for another process."""
    name = connection.settings_dict["NAME"]
    return os.environ["DATABASE_URL"].replace("/vitrine?", f"/{name}?")


def finished_render(store: Store) -> Render:
    """A picture of 400 px, so that the store makes smaller versions of it."""
    data = photo("#2b4a7f", 400)
    key, sha256 = blobs.put(
        data, workspace=store.workspace_id, store=store.pk, kind="renders", extension="jpg"
    )
    main = {"name": "main", "key": key, "sha256": sha256, "size_bytes": len(data), "format": "jpeg"}
    return factories.RenderFactory(store=store, files=[main | {"width_px": 400, "height_px": 400}])
