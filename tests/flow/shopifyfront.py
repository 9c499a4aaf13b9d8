"""A merchant's Shopify shop on the sandbox, over HTTP, with Vitrine at work for it: what either of them does there."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from apps.automation.models import Rule
from apps.publishing.models import Publication
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from connectors.sandbox.shopify.server import ShopifySandbox
from tests.connected_shop import COLOURS, ConnectedShop
from tests.flow.shopifymatrix import SHOP, connect
from tests.shopkeeping import open_shop, photo


class ShopifyFront(ConnectedShop):
    """One mug, photographed from three sides, its two variants showing the first and the second photo."""

    site: Any

    # -- the merchant's hands

    @property
    def _doc(self) -> dict[str, Any]:
        found = self.site.site.catalogue.product(SHOP, int(self.mug))
        assert found is not None
        return dict(found)

    def upload(self, data: bytes, alt: str = "") -> int:
        return int(self.site.site.media.add(SHOP, data, "photo.jpg", alt=alt, at_once=True)["id"])

    def describe(self, media: int | str, alt: str) -> None:
        doc = self.site.site.media.media(SHOP, int(media))
        self.site.site.media.save(SHOP, {**doc, "alt": alt})

    def arrange(self, images: list[int | str]) -> None:
        """Put the product's pictures in this order; those that are left out are taken off."""
        catalogue, media = self.site.site.catalogue, self.site.site.media
        doc = self._doc
        for number in doc["media"]:
            if number not in {int(i) for i in images}:
                catalogue.detach(SHOP, doc, media.media(SHOP, number))
        catalogue.attach(SHOP, doc, media.many(SHOP, [int(i) for i in images]))
        catalogue.save(SHOP, {**doc, "media": [int(i) for i in images]})

    def delete_file(self, media: int | str) -> None:
        site, number = self.site.site, int(media)
        doc, found = self._doc, site.media.media(SHOP, number)
        site.catalogue.detach(SHOP, doc, found)
        site.catalogue.save(SHOP, doc)
        site.media.remove(SHOP, number)

    def delete(self) -> None:
        self.site.site.catalogue.delete(SHOP, int(self.mug))

    # -- what shoppers see

    def on_variants(self) -> list[str]:
        return [v.image.id if v.image else "" for v in self.product().variants]

    def files(self) -> int:
        return len(self.site.site.media.files(SHOP))

    def sent(self, operation: str) -> int:
        return len(self.site.faults.requests(f" {operation}$"))

    # -- Vitrine

    def publish(self, mode: str = "replace") -> list[Publication]:
        """All three photos' pictures in the shop, in their order; nothing starts by itself any more."""
        recipe = Recipe.objects.get(workspace=self.shop.workspace)
        body = recipe.versions.latest("number").body
        add_version(recipe, body={**body, "publish": {"mode": mode}}, by="test")
        self.read()
        Rule.objects.update(on=False)
        return self.in_order()

    def in_order(self) -> list[Publication]:
        """What was made for the mug, by its photos' places."""
        mine = [p for p in self.publications() if p.product.external_id == self.mug]
        return sorted(mine, key=lambda p: p.photo.position)

    def go_on(self, rounds: int = 1) -> list[Publication]:
        """Time passes, so that what waits is due; so often at most."""
        for _ in range(rounds):
            waiting = Publication.objects.filter(work_state="waiting")
            if not waiting.exists():
                break
            waiting.update(not_before=timezone.now())
            self.shop.wire += [("flow.publish", (pk,)) for pk in waiting.values_list("pk", flat=True)]
            self.work()
        return self.in_order()


def connect_a_shopify_shop(platform: ShopifySandbox, storage_url: str, settings: Any) -> ShopifyFront:
    """Connected, with a mug that nobody has read yet."""
    shop = open_shop(storage_url)
    shop.store = connect(platform, shop.workspace, settings)
    front = ShopifyFront(shop, platform)
    given = {
        "title": "Blue mug",
        "option": "Colour",
        "variants": [{"title": "Blue", "photo": 0}, {"title": "Red", "photo": 1}, {"title": "Plain"}],
    }
    photos = [(f"mug-{n}.jpg", photo(colour)) for n, colour in enumerate(COLOURS, start=1)]
    made = platform.site.catalogue.create(SHOP, given, photos)
    front.mug = str(made["id"])
    for n, media in enumerate(made["media"], start=1):
        front.describe(media, f"Mug, side {n}")
    return front
