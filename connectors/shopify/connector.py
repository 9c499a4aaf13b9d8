"""The port, spoken with a Shopify store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from connectors.base import Connector, Opening, Settings
from connectors.errors import AuthExpired
from connectors.http import Http
from connectors.shopify import finding, mapping, webhooks
from connectors.shopify.catalogue import Catalogue
from connectors.shopify.client import API_VERSION, AdminClient, part
from connectors.shopify.files import Files
from connectors.shopify.oauth import SCOPES, missing_scopes
from connectors.shopify.writing import Writing
from connectors.types import (
    Asking,
    Found,
    Handed,
    Here,
    ImageSize,
    ImageWrite,
    LibraryFile,
    Page,
    RemoteImage,
    RemoteProduct,
    RemoteVariant,
    RemoteWebhook,
    StoreInfo,
    Way,
    WebhookEvent,
)


class ShopifyConnector(Connector):
    """One Shopify store, opened."""

    platform: ClassVar[str] = "shopify"
    variants_show_the_list: ClassVar[bool] = True

    def __init__(self, opening: Opening, http: Http | None = None) -> None:
        super().__init__(opening)
        self.client = AdminClient(opening, http)
        self.catalogue = Catalogue(self.client)
        self.files = Files(self.client)
        self.pictures = Writing(self.client, self.catalogue, self.files)

    @classmethod
    def find(cls, typed: str, settings: Settings) -> Found:
        return finding.find(typed, settings)

    @classmethod
    def claims(cls, typed: str) -> bool:
        # A single word may be the name of a machine.
        return "." in typed and bool(finding.named(typed))

    # -- access -------------------------------------------------------------------------------------------

    @classmethod
    def ways(cls, found: Found, here: Here) -> tuple[Way, ...]:
        return finding.ways(found, here)

    @classmethod
    def approval_page(cls, found: Found, way: str, asking: Asking) -> str:
        return finding.approval_page(found, way, asking)

    @classmethod
    def handed_over(cls, way: str, given: Mapping[str, object]) -> Handed:
        return finding.handed_over(way, given)

    # -- inbound ------------------------------------------------------------------------------------------

    @classmethod
    def verify(cls, *, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        return webhooks.verify(headers=headers, body=body, secret=secret)

    @classmethod
    def parse(cls, *, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.parse(headers=headers, body=body)

    # -- reading ------------------------------------------------------------------------------------------

    def check(self) -> StoreInfo:
        """Who the shop is, and what the merchant let us do. `AuthExpired` if that is not even to read."""
        data = self.client.run("shop")
        shop, scopes = part(data, "shop"), _scopes(data)
        if missing_scopes(scopes, ["read_products"]):
            raise AuthExpired(
                "the store did not let us read its products: read_products", code="ACCESS_DENIED"
            )
        missing = missing_scopes(scopes, SCOPES)
        return StoreInfo(
            name=mapping.text(shop.get("name")) or self.client.shop,
            url=f"https://{self.client.shop}",
            platform_version=API_VERSION,
            can_read=True,
            # A picture becomes one of a product by a change of its file.
            can_write=not missing,
            can_upload="write_files" not in missing,
            can_webhook=True,  # they come with the app
            notes=(f"The store did not give us {', '.join(missing)}. Open Vitrine in Shopify once.",)
            if missing
            else (),
        )

    def products(self, *, modified_after: dt.datetime | None = None, page: str | None = None) -> Page:
        """Up to 15 products, or up to 250 out of a file that a large shop has put together; see `Catalogue.page`."""
        return self.catalogue.page(page, modified_after)

    def with_variants(self, product: RemoteProduct) -> RemoteProduct:
        return self.catalogue.with_variants(product)

    def product(self, product_id: str) -> RemoteProduct:
        return self.catalogue.product(product_id)

    def fetch(self, src: str) -> bytes:
        return self.client.http.fetch_image(urlsplit(src)._replace(fragment="").geturl())

    def sizes(self, image: RemoteImage) -> tuple[ImageSize, ...]:
        """The file itself, then widths that themes ask for: the CDN makes every size when it is asked for."""
        return image.made or (ImageSize(image.src),)

    # -- writing ------------------------------------------------------------------------------------------

    def upload(
        self,
        *,
        data: bytes,
        filename: str,
        content_type: str,
        alt: str = "",
        title: str = "",
        caption: str = "",
    ) -> RemoteImage:
        """A file has alternative text here, and neither title nor caption. See `Files.upload`."""
        return self.files.upload(data, filename, content_type, alt)

    def describe(self, media_id: str, *, alt: str = "", title: str = "", caption: str = "") -> None:
        if alt:
            self.files.describe(media_id, alt)

    def find_uploads(self, stem: str) -> list[RemoteImage]:
        return self.files.starting_with(stem)

    def media(self, media_id: str) -> LibraryFile:
        return self.files.one(media_id)

    def set_images(
        self, product_id: str, images: Sequence[ImageWrite], *, mark: str | None = None
    ) -> RemoteProduct:
        """Several changes, of which the mark is the last: it alone tells that all of them were made."""
        return self.pictures.set_images(product_id, images, mark)

    def set_variant_image(self, product_id: str, variant_id: str, image: ImageWrite | None) -> RemoteVariant:
        """A variant shows what its product's list shows, so the picture becomes one of that too."""
        return self.pictures.set_variant_image(product_id, variant_id, image)

    def delete_media(self, media_id: str) -> None:
        self.files.delete(media_id)

    # -- webhooks: they stand in the app's configuration, so Shopify makes and removes them with the app ---------

    def webhooks(self, *, delivery_url: str) -> list[RemoteWebhook]:
        return [RemoteWebhook(topic, topic, delivery_url, active=True) for topic in webhooks.TOPICS]

    def subscribe(self, *, delivery_url: str, secret: str) -> list[RemoteWebhook]:
        """What the configuration says; nothing is asked. They are signed with the app's secret, never with `secret`."""
        return self.webhooks(delivery_url=delivery_url)

    def unsubscribe(self, *, delivery_url: str) -> int:
        return 0


def _scopes(data: Mapping[str, object]) -> str:
    held = part(data, "currentAppInstallation").get("accessScopes")
    handles = (
        [scope.get("handle") for scope in held if isinstance(scope, Mapping)]
        if isinstance(held, list)
        else []
    )
    return ",".join(handle for handle in handles if isinstance(handle, str))
