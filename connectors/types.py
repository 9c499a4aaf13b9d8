"""The words a connector speaks: plain frozen values, no vendor's field names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a webhook tells. Every one of them means "look again": its body is not trusted as current."""

    PRODUCT_CREATED = "product_created"
    PRODUCT_CHANGED = "product_changed"
    PRODUCT_DELETED = "product_deleted"
    PRODUCT_RESTORED = "product_restored"
    UNINSTALLED = "uninstalled"
    BLINDED = (
        "blinded"  # something changed, but the store may not tell us what: the webhook's owner lost the right
    )
    PING = "ping"
    OTHER = "other"


@dataclass(frozen=True)
class Credentials:
    """What a store gave us. Never printed: `repr` shows which are set, not what they are."""

    key: str = ""
    secret: str = ""
    user: str = ""
    app_password: str = ""

    def __repr__(self) -> str:
        have = ", ".join(n for n in ("key", "secret", "user", "app_password") if getattr(self, n))
        return f"Credentials({have})"


@dataclass(frozen=True)
class Finding:
    """Something a merchant should know before connecting. `stops`: it has to be changed first."""

    code: str
    sentence: str
    stops: bool = False


@dataclass(frozen=True)
class Found:
    """The store behind what a merchant typed, or what keeps it from being one (`findings` that stop).

    `url` is its own address, `api_root` where its API is, empty where none was found; `password_page` is the page on
    which the platform gives out passwords for programs, empty where it does not.
    """

    url: str
    api_root: str = ""
    name: str = ""
    password_page: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def can_connect(self) -> bool:
        return bool(self.api_root) and not any(finding.stops for finding in self.findings)


@dataclass(frozen=True)
class StoreInfo:
    """What a store said of itself and what our keys may do there."""

    name: str
    url: str
    platform_version: str
    can_read: bool
    can_write: bool
    can_upload: bool
    can_webhook: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoteImage:
    """An image of a product as the store lists it. `id` is the media id, `src` where shoppers load it."""

    id: str
    src: str
    alt: str = ""
    name: str = ""


@dataclass(frozen=True)
class RemoteVariant:
    id: str
    title: str
    sku: str = ""
    image: RemoteImage | None = None


@dataclass(frozen=True)
class RemoteProduct:
    """A product as the store has it now. `images` are in display order, the first is the featured one.

    `created_at` is None where the store does not say, `in_stock` where it does not say or does not count.
    `variants_told` is False where a list knew no more of the variants than that they are there. `attributes`: name →
    options, in the store's order. Prices are texts as the store writes them, "" where it has none: `price` is what a
    shopper pays now (of a product with variants the lowest); `on_sale` is None where the store does not say.
    """

    id: str
    title: str
    url: str
    status: str
    type: str
    modified_at: dt.datetime
    created_at: dt.datetime | None = None
    images: tuple[RemoteImage, ...] = ()
    variants: tuple[RemoteVariant, ...] = ()
    variants_told: bool = True
    parent_id: str = ""
    sku: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    vendor: str = ""
    in_stock: bool | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    price: str = ""
    regular_price: str = ""
    sale_price: str = ""
    on_sale: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Page:
    """One page of a catalogue; `next` is an opaque token, None at the end; `total` as the store counts."""

    products: tuple[RemoteProduct, ...]
    next: str | None
    total: int | None = None


@dataclass(frozen=True)
class ImageWrite:
    """One entry of a product's new image list: keep `id`, or (no id) let the store download `src`.

    `alt` and `name` of a kept image are left alone when empty.
    """

    id: str = ""
    src: str = ""
    alt: str = ""
    name: str = ""


@dataclass(frozen=True)
class RemoteWebhook:
    id: str
    topic: str
    delivery_url: str
    active: bool


@dataclass(frozen=True)
class WebhookEvent:
    """A delivery, understood. `webhook_id` is unsigned on WooCommerce; the store is known by our own URL token.

    `external_id` is the product to look at again (the parent, for a variation); empty where the body names none.
    """

    kind: Kind
    external_id: str
    webhook_id: str
    topic: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
