"""A merchant's WooCommerce shop on the sandbox, over HTTP, with Vitrine at work for it: what either of them does there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import requests

from apps.catalog import services as catalog
from apps.flow import flow
from apps.jobs.services import results
from apps.publishing.models import Publication
from apps.stores import services as stores
from apps.stores.connect import open_store
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from connectors.types import RemoteProduct
from tests.shopkeeping import Shop, open_shop, photo

COLOURS = ("#2b4a7f", "#a33333", "#33a344")


@dataclass
class ConnectedShop:
    """A merchant's WooCommerce shop with one mug, photographed from three sides, and Vitrine at work for it."""

    shop: Shop
    site: Sandbox
    mug: str = ""

    # -- the merchant's hands

    def upload(self, data: bytes, alt: str = "") -> int:
        media = self.site.site.media_library.add(data, "photo.jpg", accepts=BY_UPLOAD)
        self.describe(media.id, alt)
        return media.id

    def describe(self, media: int | str, alt: str) -> None:
        """Change the alternative text in the media library."""
        post = self.site.site.state.post(int(media), "attachment")
        assert post is not None
        post.doc["alt"] = alt
        self.site.site.state.save_post(post)

    def arrange(self, images: list[int | str]) -> None:
        """Save the product's gallery in the admin."""
        Catalogue(self.site.site).update(int(self.mug), {"images": [{"id": int(i)} for i in images]})

    def exchange_file(self, media: int | str, data: bytes) -> None:
        """Put other bytes under the same number, as plugins that replace media do."""
        post = self.site.site.state.post(int(media), "attachment")
        assert post is not None
        (self.site.site.media_library.root / post.doc["file"]).write_bytes(data)

    def delete_file(self, media: int | str) -> None:
        post = self.site.site.state.post(int(media), "attachment")
        assert post is not None
        self.site.site.media_library.remove(post)

    def trash(self) -> None:
        Catalogue(self.site.site).delete(int(self.mug), force=False)

    def delete(self) -> None:
        Catalogue(self.site.site).delete(int(self.mug), force=True)

    # -- what shoppers see

    def product(self) -> RemoteProduct:
        return open_store(self.shop.store).product(self.mug)

    def shown(self) -> list[str]:
        return [image.id for image in self.product().images]

    def texts(self) -> list[tuple[str, str]]:
        return [(image.alt, image.name) for image in self.product().images]

    def sha256s(self) -> list[str]:
        return [
            hashlib.sha256(requests.get(i.src, timeout=10).content).hexdigest() for i in self.product().images
        ]

    def writes(self) -> int:
        return len(self.site.faults.requests(f"^PUT /wp-json/wc/v3/products/{self.mug}"))

    # -- Vitrine

    def work(self) -> None:
        """Until nothing moves."""
        for _ in range(20):
            self.shop.carry()
            handed = self.shop.hand_out()
            if not handed and not self.shop.wire:
                return
            made = [result for chunk in handed for result in self.shop.render(chunk)]
            results.accept_all(made, then=flow.rendered)

    def read(self) -> None:
        """Look at the store as a webhook would have us do, and work on what is new."""
        sync, _ = catalog.ask_sync(self.shop.store, by="test", start_work=True)
        flow.synced(sync.pk)
        self.work()

    def publications(self) -> list[Publication]:
        return self.shop.publications()

    def undo(self, *publications: Publication) -> list[Publication]:
        for publication in publications:
            flow.undo(publication, by="user:1")
        self.work()
        return [Publication.objects.select_related("undo").get(pk=p.pk) for p in publications]


def connect_a_shop(site: Sandbox, storage_url: str) -> ConnectedShop:
    """Connected, with a mug that nobody has read yet."""
    shop = open_shop(storage_url)
    shop.store = stores.connect(
        shop.workspace, platform="woocommerce", url=site.url, credentials=site.credentials, by="test"
    )
    front = ConnectedShop(shop, site)
    images = [{"id": front.upload(photo(c), f"Mug, side {n}")} for n, c in enumerate(COLOURS, start=1)]
    front.mug = str(Catalogue(site.site).create({"name": "Blue mug", "images": images}).id)
    return front
