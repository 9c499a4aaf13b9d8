"""The fault matrix's ground at Shopify: one shop on the sandbox, a product with a film between its two photos per case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apps.accounts.models import Workspace
from apps.catalog import services as catalog
from apps.catalog.models import Photo
from apps.lib.work import WorkState
from apps.publishing.services import asking
from apps.review.models import ItemState
from apps.stores import services as stores
from apps.stores import shopify as our_app
from apps.stores.connect import open_found, open_store
from apps.stores.models import Store, WrittenMedia
from connectors.sandbox.shopify.server import ShopifySandbox
from tests import factories
from tests.flow.faultmatrix import Case, Ground
from tests.shopkeeping import photo

NAME, SHOP = "north", "north.myshopify.com"


def connect(platform: ShopifySandbox, workspace: Workspace, settings: Any) -> Store:
    """The shop on the sandbox, connected as the app inside Shopify connects it."""
    settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = platform.client_id, platform.client_secret
    settings.SHOPIFY_API_ROOT = platform.api_root
    settings.ALLOW_PRIVATE_HOSTS = [urlsplit(platform.url).netloc]
    platform.site.install(NAME)
    credentials = our_app.exchange().session(SHOP, platform.site.session_token(NAME))
    found = our_app.found(SHOP)
    info = open_found("shopify", found, credentials).check()
    return stores.keep(
        workspace, platform="shopify", found=found, credentials=credentials, info=info, by="test"
    )


def surroundings(platform: ShopifySandbox) -> dict[str, str]:
    """What another process has to know of it."""
    return {
        "SHOPIFY_API_KEY": platform.client_id,
        "SHOPIFY_API_SECRET": platform.client_secret,
        "SHOPIFY_API_ROOT": platform.api_root,
        "ALLOW_PRIVATE_HOSTS": urlsplit(platform.url).netloc,
    }


def add_film(platform: ShopifySandbox, product_id: int, place: int) -> int:
    """The merchant puts a film among a product's pictures."""
    site = platform.site
    film = site.media.add(SHOP, b"", f"film-{product_id}.mp4", at_once=True)
    site.media.save(SHOP, film | {"kind": "Video", "error": "", "filename": f"film-{film['id']}.mp4"})
    doc = site.catalogue.product(SHOP, product_id)
    assert doc is not None
    doc["media"].insert(place, film["id"])
    site.catalogue.save(SHOP, doc)
    return int(film["id"])


@dataclass
class ShopifyGround(Ground):
    """As the other one, with Shopify's rules."""

    sandbox: Any

    def case(self) -> Case:
        given = {
            "title": "Blue mug",
            "option": "Colour",
            "variants": [{"title": "Blue", "photo": 0}, {"title": "Plain"}],
        }
        files = [("Blue Mug.jpg", self.original), ("Blue Mug.jpg", photo("#7f2b4a"))]
        made = self.sandbox.site.catalogue.create(SHOP, given, files)
        front, back = made["media"]
        film = add_film(self.sandbox, made["id"], 1)
        remote = open_store(self.store).product(str(made["id"]))
        mirrored = catalog.mirror(self.store, remote).product
        job = factories.JobFactory(
            photo=Photo.objects.get(product=mirrored, media_id=str(front)),
            recipe_version=self.version,
            done=True,
            render=self.render,
        )
        item = factories.ItemFactory(job=job, state=ItemState.APPROVED)
        publication, _ = asking.publish(item, by="test")
        variant = made["variants"][0]["id"]
        case = ShopifyCase(self, publication, made["id"], variant, front, back, self.attachments())
        case.film = film
        return case

    def attachments(self) -> set[int]:
        return {doc["id"] for doc in self.sandbox.site.media.files(SHOP)}


class ShopifyCase(Case):
    film: int = 0

    def delete_the_original(self) -> None:
        site = self.ground.sandbox.site
        site.media.remove(SHOP, self.front)

    def _shown(self) -> tuple[list[int], list[list[int]]]:
        """The media in order, and what each variant shows."""
        doc = self.ground.sandbox.site.catalogue.product(SHOP, self.product)
        assert doc is not None
        return doc["media"], [variant["media"] for variant in doc["variants"]]

    def _not_back(self) -> list[str]:
        assert self.undo is not None
        site, found = self.ground.sandbox.site, []
        self.undo.refresh_from_db()
        if self.undo.work_state != WorkState.DONE:
            return [f"not taken back: {self.undo.work_state}, {self.undo.error}"]
        media, variants = self._shown()
        first, *rest = media
        if rest != [self.film, self.back] or variants != [[first], []]:
            found.append(f"media {media}, variants {variants}")
        shown = site.media.media(SHOP, first)
        if shown is None or site.media.bytes_of(shown) != self.ground.original:
            found.append("the original's bytes are not back")
        ours = {int(self.publication.media_id)}
        gone = set() if first == self.front else {first}
        if more := self.ground.attachments() - self.before - ours - gone:
            found.append(f"files {sorted(more)} too many")
        if ours - self.ground.attachments():
            found.append("our picture was deleted, not taken off")
        self.publication.refresh_from_db()
        snapshot = self.publication.snapshot
        if self.publication.undone_at is None or self.undo.restored_sha256 != snapshot.replaced_sha256:
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
        media, variants = self._shown()
        if media != [ours, self.film, self.back]:
            found.append(f"media {media} instead of {[ours, self.film, self.back]}")
        if variants != [[ours], []]:
            found.append(f"variants show {variants} instead of {ours}")
        more = self.ground.attachments() - self.before
        if more != {ours}:
            found.append(f"files {sorted(more)} instead of {ours} alone")
        if self.front not in self.ground.attachments():
            found.append("the original was deleted")
        file = site.media.media(SHOP, ours)
        if file is None or file["alt"] != "Blue mug":
            found.append("its alt text is missing")
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
