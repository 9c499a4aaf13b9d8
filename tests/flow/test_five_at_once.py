"""Five photos of one product, approved at the same moment by five requests, written by five workers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

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
from apps.stores import shopify as our_app
from apps.stores.connect import open_store
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from connectors.sandbox.shopify.server import ShopifySandbox
from tests import factories
from tests.conftest import on_the_wire
from tests.flow.shopifymatrix import NAME, SHOP, connect
from tests.shopkeeping import Shop, photo

COLOURS = ("#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f6b2b", "#2b7f7b")


@dataclass
class Front(ABC):
    """A store of either platform: what its merchant does there, what it shows, and how often its lists were written."""

    shop: Shop
    site: Any

    @abstractmethod
    def add(self) -> tuple[str, list[str]]:
        """A product with a photo per colour; its id and theirs."""

    @abstractmethod
    def files(self) -> int:
        """How many files it has."""

    @abstractmethod
    def writes(self) -> int:
        """How often a list was written."""

    @abstractmethod
    def tell(self) -> None:
        """What it has to tell goes to our door."""

    def shown(self, product: str) -> list[str]:
        return [image.id for image in open_store(self.shop.store).product(product).images]


class WooFront(Front):
    def add(self) -> tuple[str, list[str]]:
        library = self.site.site.media_library
        photos = [library.add(photo(c), "mug.jpg", accepts=BY_UPLOAD).id for c in COLOURS]
        made = Catalogue(self.site.site).create({"name": "Mug", "images": [{"id": i} for i in photos]})
        return str(made.id), [str(i) for i in photos]

    def files(self) -> int:
        return int(self.site.site.state.count("kind = 'attachment'"))

    def writes(self) -> int:
        return len(self.site.faults.requests(r"^PUT /wp-json/wc/v3/products/\d+$"))

    def tell(self) -> None:
        self.site.site.remote.post = post_to_us
        self.site.hooks.deliver_due()


class ShopifyFront(Front):
    def add(self) -> tuple[str, list[str]]:
        files = [(f"mug-{n}.jpg", photo(colour)) for n, colour in enumerate(COLOURS)]
        made = self.site.site.catalogue.create(SHOP, {"title": "Mug"}, files)
        return str(made["id"]), [str(i) for i in made["media"]]

    def files(self) -> int:
        return len(self.site.site.media.files(SHOP))

    def writes(self) -> int:
        return len(self.site.faults.requests(" ProductReorderMedia$"))

    def tell(self) -> None:
        self.site.hooks._remote.post = post_to_us
        self.site.hooks.deliver_due()


@pytest.fixture(params=["woocommerce", "shopify"])
def front(
    transactional_db: None,
    tmp_path: Path,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Front]:
    owner, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="Anna's shop"
    )
    shop = Shop(owner, workspace, None, None, f"file://{storage_root}")  # type: ignore[arg-type]
    on_the_wire(shop, monkeypatch)
    if request.param == "shopify":
        with ShopifySandbox(tmp_path / "front", shops=(NAME,), webhook_interval_s=None) as platform:
            shop.store = connect(platform, workspace, settings)
            deploy(platform)
            yield ShopifyFront(shop, platform)
        return
    with Sandbox(tmp_path / "front", environment="local", webhook_interval_s=None) as sandbox:
        settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
        shop.store = stores.connect(
            workspace, platform="woocommerce", url=sandbox.url, credentials=sandbox.credentials, by="test"
        )
        yield WooFront(shop, sandbox)


def deploy(platform: ShopifySandbox) -> None:
    """The app as it is today, which names the webhooks."""
    text = our_app.app_file(
        home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
    )
    platform.site.deploy(text)


def a_product(front: Front) -> tuple[str, list[str]]:
    """With a photo per colour; each has a picture that waits for a person."""
    shop, (product, photos) = front.shop, front.add()
    mirrored = catalog.mirror(shop.store, open_store(shop.store).product(product)).product
    version = recipes.create(shop.workspace, name="White", body=recipes.WHITE_PACKSHOT, by="test")
    for media_id, colour in zip(photos, COLOURS, strict=True):
        data = photo(colour, 300, "#fefefe")
        key, sha256 = blobs.put(
            data, workspace=shop.workspace.pk, store=shop.store.pk, kind="renders", extension="jpg"
        )
        main = {"name": "main", "key": key, "sha256": sha256, "size_bytes": len(data), "format": "jpeg"}
        factories.ItemFactory(
            job=factories.JobFactory(
                photo=Photo.objects.get(product=mirrored, media_id=media_id),
                recipe_version=version,
                done=True,
                render=factories.RenderFactory(
                    store=shop.store, files=[main | {"width_px": 300, "height_px": 300}]
                ),
            )
        )
    return product, photos


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


def test_all_five_are_in_the_store_in_order_by_one_or_few_writes(front: Front) -> None:
    shop, (product, photos) = front.shop, a_product(front)
    answers = at_once([lambda pk=item.pk: approve(shop, pk) for item in shop.items()])
    assert answers == [302] * 5
    hints = [args[0] for task, args in shop.wire if task == "flow.publish"]
    shop.wire.clear()
    assert sorted(hints) == sorted(p.pk for p in shop.publications())
    at_once([lambda pk=pk: flow.published(pk) for pk in hints])
    shop.carry()

    made = shop.publications()
    assert [p.live for p in made] == [True] * 5, [p.error for p in made]
    by_photo = {p.photo.media_id: p.media_id for p in made}
    assert front.shown(product) == [by_photo[i] for i in photos]
    assert front.writes() <= 2
    assert front.files() == 10, "five photos, five pictures, nothing else"

    undo_all_at_once(shop)
    assert front.shown(product) == photos, "and back again"


def undo_all_at_once(shop: Shop) -> None:
    wishes = [flow.undo(p, by="test").pk for p in Publication.objects.filter(store=shop.store)]
    shop.wire.clear()
    at_once([lambda pk=pk: flow.undone(pk) for pk in wishes])
    shop.carry()


def test_what_the_store_tells_of_them_afterwards_causes_nothing(front: Front) -> None:
    shop = front.shop
    a_product(front)
    at_once([lambda pk=item.pk: approve(shop, pk) for item in shop.items()])
    shop.carry()
    assert all(p.live for p in shop.publications()), [p.error for p in shop.publications()]
    jobs, photos = Job.objects.count(), Photo.objects.filter(ours=False).count()
    front.tell()
    shop.carry()
    told = Delivery.objects.filter(kind__startswith="product")
    assert told.exists() and not told.exclude(work_state="done").exists()
    assert (Job.objects.count(), Photo.objects.filter(ours=False).count()) == (jobs, photos)


def post_to_us(url: str, body: bytes, headers: dict[str, str]) -> int:
    """What the store would send over the network."""
    if body.startswith(b"webhook_id="):
        return 200  # a ping, from another thread
    kind = headers.pop("Content-Type")
    return Client().post("/" + url.split("/", 3)[3], body, content_type=kind, headers=headers).status_code
