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
    # What our keys may do was changed in the store.
    SCOPES_CHANGED = "scopes_changed"
    # A question that the store answers in its own time was answered.
    BULK_FINISHED = "bulk_finished"
    # What the merchant pays us with was agreed to, ended, or is nearly used up.
    BILLING_CHANGED = "billing_changed"
    # What the law obliges a platform to hand on: tell what we hold of a customer, forget a customer, forget the shop.
    DATA_REQUEST = "data_request"
    CUSTOMER_REDACT = "customer_redact"
    SHOP_REDACT = "shop_redact"
    PING = "ping"
    OTHER = "other"


@dataclass(frozen=True)
class Credentials:
    """What a store gave us. Never printed: `repr` shows which are set, not what they are.

    `token` is good until `expires_at`, and `refresh_token` brings the next pair until `refresh_expires_at` (ISO 8601
    with a time zone; empty for never). `scope` is what the token may do, as the platform writes it.
    """

    key: str = ""
    secret: str = ""
    user: str = ""
    app_password: str = ""
    token: str = ""
    refresh_token: str = ""
    expires_at: str = ""
    refresh_expires_at: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        return f"Credentials({', '.join(name for name, value in vars(self).items() if value)})"


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
    which the platform gives out passwords for programs, empty where it does not. `version` is the platform's, empty
    where the site does not show it to visitors; `also` is another address that the store calls itself by.
    """

    url: str
    api_root: str = ""
    name: str = ""
    password_page: str = ""
    findings: tuple[Finding, ...] = ()
    version: str = ""
    also: str = ""

    @property
    def can_connect(self) -> bool:
        return bool(self.api_root) and not any(finding.stops for finding in self.findings)


@dataclass(frozen=True)
class Here:
    """This installation, as stores see it: its address, and whether they can call it from where they are."""

    url: str
    reachable: bool

    @property
    def https(self) -> bool:
        return self.url.startswith("https://")


class Gift(StrEnum):
    """What access to a store may be good for."""

    READ = "read"
    WRITE = "write"
    UPLOAD = "upload"
    WEBHOOKS = "webhooks"


PASTE = "paste"


@dataclass(frozen=True)
class Way:
    """One way to hand over access. `code` is PASTE where a merchant copies keys by hand; every other way leads over a
    page of the store. `gives` tells what it is good for, `but` what to know of a gift, `why_not` what keeps the way
    from working at this store, from this installation."""

    code: str
    title: str
    sentence: str
    gives: frozenset[Gift]
    needs: str
    but: Mapping[Gift, str] = field(default_factory=dict)
    why_not: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        return not self.why_not


@dataclass(frozen=True)
class Asking:
    """What a page of the store has to know: who asks, under which token, and where to bring answer and merchant.

    `return_url` is opened by the merchant's browser, `callback_url` is called by the store itself. `client_id` is what
    the platform knows this installation by, where it has to be told to a platform first.
    """

    app_name: str
    token: str
    return_url: str
    callback_url: str
    client_id: str = ""


@dataclass(frozen=True)
class Handed:
    """What came back from such a page. Nothing of it can be trusted but the token, and that only if it is known.

    `credentials` is None where there are none yet; `site_url` is what the store calls itself, empty where it does not.
    """

    token: str
    credentials: Credentials | None = None
    site_url: str = ""
    refused: bool = False


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
class ImageSize:
    """One of the files that the store made of an image, or the image itself; 0 where it does not say how large."""

    src: str
    width_px: int = 0
    height_px: int = 0


@dataclass(frozen=True)
class RemoteImage:
    """An image of a product as the store lists it. `id` is the media id, `src` where shoppers load it. `made` are the
    smaller versions that the list names; `Connector.sizes` knows more."""

    id: str
    src: str
    alt: str = ""
    name: str = ""
    made: tuple[ImageSize, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class LibraryFile:
    """A file in the media library. `attached_to`: the product, post or page that it belongs to as far as the platform
    keeps that; empty for none. That one shows it is another matter."""

    id: str
    file_name: str
    attached_to: str = ""


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
    `mark` is what the last write of ours left with it (`set_images`).
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
    mark: str = ""
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

    `alt` and `name` of a kept image are left alone when empty. `instead_of` is the image whose place it takes: where
    variants can only show what the list shows, those that showed that one show this one from then on.
    """

    id: str = ""
    src: str = ""
    alt: str = ""
    name: str = ""
    instead_of: str = ""


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
    `shop` is the store by its platform's name for it, and `triggered_at` when it happened, where the platform says so.
    """

    kind: Kind
    external_id: str
    webhook_id: str
    topic: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    shop: str = ""
    triggered_at: dt.datetime | None = None
