"""A merchant's shop for tests: a workspace, a store of the twin, and a hand that runs what the wire would carry."""

from __future__ import annotations

import io
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from PIL import Image, ImageDraw, ImageFilter

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing.services import charging
from apps.flow import compliance, flow, takingback, tasks
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.jobs.services import dispatch, leases, results
from apps.publishing.models import Publication
from apps.recipes import services as recipes
from apps.review.models import Item
from apps.stores import services as stores
from apps.stores.models import Store
from connectors.fake import FULL_ACCESS, FakeStore
from connectors.types import Credentials
from gpu_worker import chunks
from gpu_worker.contract import Beat, Chunk, JobResult
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.storage import open_storage

_numbers = itertools.count(1)

TASKS = {
    "flow.approve": flow.approved,
    "flow.receive": flow.received,
    "flow.law": compliance.answer,
    "flow.sync": flow.synced,
    "flow.act": flow.acted,
    "flow.prepare": flow.prepared,
    "flow.result": flow.resulted,
    "flow.results": flow.results_came,
    "flow.publish": flow.published,
    "flow.undo": flow.undone,
    "flow.take_back": takingback.go_on,
    "flow.clean": takingback.cleaned,
    "flow.charge": charging.send,
}
assert set(TASKS) <= set(tasks.receive.app.tasks), "a task was renamed"


def photo(color: str = "#2b4a7f", size_px: int = 160, backdrop: str = "#ffffff") -> bytes:
    """A plain product on a plain backdrop, as JPEG; another colour is another photo."""
    image = Image.new("RGB", (size_px, size_px), backdrop)
    box = [size_px * 0.25, size_px * 0.2, size_px * 0.75, size_px * 0.8]
    ImageDraw.Draw(image).rounded_rectangle(box, radius=size_px // 10, fill=color)
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.6)).save(out, "JPEG", quality=95)
    return out.getvalue()


@dataclass
class Shop:
    """One merchant. `wire` holds what was sent and not yet carried out."""

    owner: User
    workspace: Workspace
    store: Store
    remote: FakeStore
    storage_url: str
    wire: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    rendered: int = 0

    # -- the store's side

    def sell(self, title: str = "Mug", *photos: bytes) -> str:
        """A new product in the store; returns its id there."""
        return self.remote.add_product(title, photos or (photo(),)).id

    def deliver(self, client: Client | None = None) -> list[int]:
        """Send what the store has to send; returns the HTTP statuses."""
        client = client or Client()
        statuses = []
        for delivery in self.remote.deliver():
            path = delivery.url.split("/", 3)[3]
            headers = dict(delivery.headers)
            answer = client.post(f"/{path}", delivery.body, content_type="application/json", headers=headers)
            statuses.append(answer.status_code)
        self.look_into_the_inbox()
        return statuses

    def look_into_the_inbox(self) -> None:
        """What the dispatcher does as soon as it is woken."""
        self.wire += [("flow.receive", (pk,)) for pk in Delivery.hints(1000)]

    # -- our side

    def carry(self, *, limit: int = 500) -> int:
        """Run every hint that was sent, and those that they send, until the wire is silent."""
        done = 0
        self.look_into_the_inbox()
        while self.wire and done < limit:
            task, args = self.wire.pop(0)
            if task in TASKS:
                TASKS[task](*args)
            done += 1
        return done

    def hand_out(self, count: int = 100) -> list[Chunk]:
        """What the dispatcher would publish now."""
        handed = []
        for lane in dispatch.lanes_by_priority():
            while len(handed) < count:
                given = dispatch.claim(
                    lane=lane, capability="cpu", region=self.store.region, limit=1, stopped=[]
                )
                if given is None:
                    break
                handed.append(given.chunk)
        return handed

    def render(self, chunk: Chunk) -> list[JobResult]:
        """What a worker makes of a chunk: the real stages, with the shipped fake engine for the cut-out."""
        storage = open_storage(self.storage_url)
        made = list(chunks.run_chunk(chunk, storage, worker="test:1", engine=FakeEngine()))
        self.rendered += len(made)
        return made

    def render_what_waits(self) -> None:
        """Hand out, render and take back, once; what follows from it stays on the wire."""
        for chunk in self.hand_out():
            for result in self.render(chunk):
                flow.resulted(result.to_dict())

    def work(self) -> None:
        """Carry, hand out, render, take back, until nothing moves."""
        for _ in range(50):
            self.carry()
            handed = self.hand_out()
            if not handed and not self.wire:
                return
            results.accept_all([r for chunk in handed for r in self.render(chunk)], then=flow.rendered)
        raise AssertionError("the work does not come to an end")

    def beat(self, *, at: float | None = None, **attempts: dict[str, str]) -> None:
        """A worker says that it lives and what it holds."""
        leases.copy_beats(
            [
                Beat(
                    worker="test:1",
                    at=at or time.time(),
                    pid=1,
                    capability="cpu",
                    region=self.store.region,
                    lanes=("urgent", "standard", "bulk"),
                    slots=1,
                    device="cpu",
                    memory_mib=100,
                    engines={},
                    jobs_done=0,
                    jobs_failed=0,
                    draining=False,
                    attempts=attempts,
                )
            ]
        )

    # -- what a test asks

    def jobs(self) -> list[Job]:
        return list(Job.objects.filter(store=self.store).order_by("pk"))

    def items(self) -> list[Item]:
        return list(Item.objects.filter(workspace=self.workspace).order_by("pk"))

    def publications(self) -> list[Publication]:
        return list(Publication.objects.filter(store=self.store).order_by("pk"))

    def image_ids(self, product: str) -> list[str]:
        return [image.id for image in self.remote.products[product].images]

    def bytes_shown(self, product: str) -> list[bytes]:
        return [self.remote.media[i][1] for i in self.image_ids(product)]


def open_shop(storage_url: str, *, review: dict[str, Any] | None = None, can_upload: bool = True) -> Shop:
    """A workspace with a connected store and an automatic recipe that approves what the fake engine makes."""
    number = next(_numbers)
    owner, workspace = accounts.create_owner(
        username=f"owner{number}", password="a long pass phrase", workspace_name=f"Shop {number}"
    )
    body = {
        **recipes.WHITE_PACKSHOT,
        "framing": {"canvas_px": [200, 200], "fill": 0.85},
        "review": {
            "min_confidence": 0.5,
            "max_delta_e_p95": 5,
            "min_border_white_share": 0.5,
            **(review or {}),
        },
    }
    recipes.create(workspace, name="White packshot", body=body, by="test", automatic=True)
    credentials = FULL_ACCESS if can_upload else Credentials(FULL_ACCESS.key, FULL_ACCESS.secret)
    remote = FakeStore(f"https://shop{number}.example", credentials=credentials)
    store = stores.connect(workspace, platform="fake", url=remote.url, credentials=credentials, by="test")
    return Shop(owner, workspace, store, remote, storage_url)
