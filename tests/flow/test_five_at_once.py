"""Five photos of one product, approved at the same moment by five requests, written by five workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts import services as accounts
from apps.catalog import services as catalog
from apps.catalog.models import Photo
from apps.flow import flow
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.lib import blobs
from apps.publishing.models import Publication
from apps.recipes import services as recipes
from apps.stores import services as stores
from apps.stores.connect import open_store
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from tests import factories
from tests.conftest import on_the_wire
from tests.shopkeeping import Shop, photo

COLOURS = ("#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f6b2b", "#2b7f7b")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "front", environment="local", webhook_interval_s=None) as running:
        yield running


@pytest.fixture
def woo(
    transactional_db: None,
    sandbox: Sandbox,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
    owner, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="Anna's shop"
    )
    store = stores.connect(
        workspace, platform="woocommerce", url=sandbox.url, credentials=sandbox.credentials, by="test"
    )
    shop = Shop(owner, workspace, store, None, f"file://{storage_root}")  # type: ignore[arg-type]
    on_the_wire(shop, monkeypatch)
    return shop


def a_product(shop: Shop, sandbox: Sandbox) -> tuple[int, list[int]]:
    """With a photo per colour; each has a picture that waits for a person."""
    photos = [sandbox.site.media_library.add(photo(c), "mug.jpg", accepts=BY_UPLOAD).id for c in COLOURS]
    product = Catalogue(sandbox.site).create({"name": "Mug", "images": [{"id": i} for i in photos]})
    mirrored = catalog.mirror(shop.store, open_store(shop.store).product(str(product.id))).product
    version = recipes.create(shop.workspace, name="White", body=recipes.WHITE_PACKSHOT, by="test")
    for media_id, colour in zip(photos, COLOURS, strict=True):
        data = photo(colour, 300, "#fefefe")
        key, sha256 = blobs.put(
            data, workspace=shop.workspace.pk, store=shop.store.pk, kind="renders", extension="jpg"
        )
        main = {"name": "main", "key": key, "sha256": sha256, "size_bytes": len(data), "format": "jpeg"}
        factories.ItemFactory(
            job=factories.JobFactory(
                photo=Photo.objects.get(product=mirrored, media_id=str(media_id)),
                recipe_version=version,
                done=True,
                render=factories.RenderFactory(
                    store=shop.store, files=[main | {"width_px": 300, "height_px": 300}]
                ),
            )
        )
    return product.id, photos


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """Each in a thread of its own, all released together."""
    gate, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        try:
            gate.wait(10)
            results[number] = acts[number]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def approve(shop: Shop, item: int) -> int:
    client = Client()
    client.force_login(shop.owner)
    return client.post(f"/review/{item}/decide/", {"decision": "approve"}).status_code


def test_all_five_are_in_the_store_in_order_by_one_or_few_writes(woo: Shop, sandbox: Sandbox) -> None:
    product, photos = a_product(woo, sandbox)
    answers = at_once([lambda pk=item.pk: approve(woo, pk) for item in woo.items()])
    assert answers == [302] * 5
    hints = [args[0] for task, args in woo.wire if task == "flow.publish"]
    woo.wire.clear()
    assert sorted(hints) == sorted(p.pk for p in woo.publications())
    at_once([lambda pk=pk: flow.published(pk) for pk in hints])
    woo.carry()

    made = woo.publications()
    assert [p.live for p in made] == [True] * 5, [p.error for p in made]
    post = sandbox.site.state.post(product, "product")
    assert post is not None
    by_photo = {int(p.photo.media_id): int(p.media_id) for p in made}
    assert post.doc["image_ids"] == [by_photo[i] for i in photos]
    assert len(sandbox.faults.requests(r"^PUT /wp-json/wc/v3/products/\d+$")) <= 2
    assert sandbox.site.state.count("kind = 'attachment'") == 10, "five photos, five pictures, nothing else"

    undo_all_at_once(woo)
    post = sandbox.site.state.post(product, "product")
    assert post is not None and post.doc["image_ids"] == photos, "and back again"


def undo_all_at_once(shop: Shop) -> None:
    wishes = [flow.undo(p, by="test").pk for p in Publication.objects.filter(store=shop.store)]
    shop.wire.clear()
    at_once([lambda pk=pk: flow.undone(pk) for pk in wishes])
    shop.carry()


def test_what_the_store_tells_of_them_afterwards_causes_nothing(woo: Shop, sandbox: Sandbox) -> None:
    a_product(woo, sandbox)
    sandbox.site.remote.post = post_to_us  # type: ignore[method-assign]
    at_once([lambda pk=item.pk: approve(woo, pk) for item in woo.items()])
    woo.carry()
    jobs, photos = Job.objects.count(), Photo.objects.filter(ours=False).count()
    sandbox.hooks.deliver_due()
    woo.carry()
    told = Delivery.objects.filter(kind__startswith="product")
    assert told.exists() and not told.exclude(work_state="done").exists()
    assert (Job.objects.count(), Photo.objects.filter(ours=False).count()) == (jobs, photos)


def post_to_us(url: str, body: bytes, headers: dict[str, str]) -> int:
    """What the store would send over the network."""
    if body.startswith(b"webhook_id="):
        return 200  # a ping, from another thread
    kind = headers.pop("Content-Type")
    return Client().post("/" + url.split("/", 3)[3], body, content_type=kind, headers=headers).status_code
