"""The twin: a store in memory that behaves, where callers feel it, like the real ones.

Its nasty sides are theirs: a written image list replaces the old one, a `src` is downloaded each time, images
that left a product stay in the library, our own writes come back as events, bodies are built when they are
delivered.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import parse_qs

from connectors.base import Connector, Opening, Settings
from connectors.errors import (
    AuthExpired,
    ConnectorError,
    NotFound,
    Rejected,
    TooLarge,
    Unavailable,
    Unsupported,
)
from connectors.typed import address
from connectors.types import (
    Credentials,
    Found,
    ImageSize,
    ImageWrite,
    Kind,
    LibraryFile,
    Page,
    RemoteImage,
    RemoteProduct,
    RemoteVariant,
    RemoteWebhook,
    StoreInfo,
    WebhookEvent,
)

PAGE_SIZE = 100
TOPICS = {
    "created": Kind.PRODUCT_CREATED,
    "changed": Kind.PRODUCT_CHANGED,
    "deleted": Kind.PRODUCT_DELETED,
    "restored": Kind.PRODUCT_RESTORED,
}
FULL_ACCESS = Credentials(key="fake-key", secret="fake-secret", user="owner", app_password="fake-password")  # noqa: S106


@dataclass(frozen=True)
class Delivery:
    """One request that the store would make to us."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Failure:
    """An ordered fault: the next call named `call` (or any) raises `error`, before or after the work."""

    error: ConnectorError
    call: str = ""
    after: bool = False


@dataclass(frozen=True)
class _Hook:
    webhook: RemoteWebhook
    secret: str


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


class FakeStore:
    """One store. Connectors find it by its address."""

    _open: ClassVar[dict[str, FakeStore]] = {}

    def __init__(
        self,
        url: str = "https://fake.example",
        credentials: Credentials = FULL_ACCESS,
        now: Callable[[], dt.datetime] = _now,
    ) -> None:
        self.url = url.rstrip("/")
        self.credentials = credentials
        self.now = now
        self.products: dict[str, RemoteProduct] = {}
        self.media: dict[str, tuple[RemoteImage, bytes]] = {}
        self.attached: dict[str, str] = {}  # media → the post or product it was attached to
        self.web: dict[str, bytes] = {}  # what addresses elsewhere hand out when the store downloads a `src`
        self.hooks: dict[str, _Hook] = {}
        self.failures: list[Failure] = []
        self.calls: list[str] = []
        self.down = self.images_down = False
        self.calls_while_down: list[str] = []
        self._queue: list[tuple[str, str]] = []
        self._ids = itertools.count(1)
        FakeStore._open[self.url] = self

    @classmethod
    def at(cls, url: str) -> FakeStore:
        """The store at this address. Raises `Unsupported`."""
        try:
            return cls._open[url.rstrip("/")]
        except KeyError:
            raise Unsupported(f"there is no store in memory at {url}") from None

    # -- what the merchant does ---------------------------------------------------------------------------

    def add_product(self, title: str, photos: Sequence[bytes] = (), **fields: Any) -> RemoteProduct:
        """A new product with these photos."""
        product_id = str(next(self._ids))
        images = tuple(self.add_media(data, f"photo-{product_id}.jpg") for data in photos)
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower())
        product = RemoteProduct(
            **{
                "id": product_id,
                "title": title,
                "url": f"{self.url}/product/{slug}/",
                "status": "publish",
                "type": "simple",
                "modified_at": self.now(),
                "created_at": self.now(),
                "images": images,
                **fields,
            }
        )
        self.products[product_id] = product
        self._event("created", product_id)
        return product

    def change_product(self, product_id: str, **fields: Any) -> RemoteProduct:
        """Any save, also one that changes nothing: the date moves and an event goes out."""
        product = replace(self.products[product_id], modified_at=self.now(), **fields)
        self.products[product_id] = product
        self._event("changed", product_id)
        return product

    def trash_product(self, product_id: str) -> None:
        """Into the trash: told by an event, gone from the catalogue."""
        self.products[product_id] = replace(self.products[product_id], status="trash", modified_at=self.now())
        self._event("deleted", product_id)

    def restore_product(self, product_id: str) -> None:
        """Out of the trash."""
        self.products[product_id] = replace(
            self.products[product_id], status="publish", modified_at=self.now()
        )
        self._event("restored", product_id)

    def delete_product(self, product_id: str) -> None:
        """For good: nothing tells of it."""
        del self.products[product_id]

    def add_media(self, data: bytes, filename: str, alt: str = "", title: str = "") -> RemoteImage:
        """A file in the library, under a name made unique."""
        path = PurePosixPath(filename)
        taken = {PurePosixPath(image.src).name for image, _ in self.media.values()}
        names = (f"{path.stem}{f'-{n}' if n else ''}{path.suffix}" for n in itertools.count())
        name = next(candidate for candidate in names if candidate not in taken)
        image = RemoteImage(
            str(next(self._ids)), f"{self.url}/uploads/{name}", alt, title or PurePosixPath(name).stem
        )
        self.media[image.id] = (image, data)
        return image

    # -- what tests order ---------------------------------------------------------------------------------

    def fail(self, error: ConnectorError, call: str = "", *, after: bool = False) -> None:
        """Let the next call (named `call`, if given) raise `error`; with `after`, once the work is done."""
        self.failures.append(Failure(error, call, after))

    def deliver(self) -> list[Delivery]:
        """What the store sends now: one per webhook and product, built from the product as it is now."""
        pending, self._queue = dict.fromkeys(self._queue), []
        return [
            self._delivery(self.hooks[hook_id], product_id)
            for hook_id, product_id in pending
            if hook_id in self.hooks
        ]

    def ping(self, webhook_id: str) -> Delivery:
        """The unsigned request that announces a webhook."""
        hook = self.hooks[webhook_id]
        return Delivery(hook.webhook.delivery_url, {}, f"webhook_id={webhook_id}".encode())

    def _delivery(self, hook: _Hook, product_id: str) -> Delivery:
        product = self.products.get(product_id)
        topic = hook.webhook.topic
        body = json.dumps(_told_of(product) if product else {"error": "no such product"}).encode()
        headers = {
            "X-Fake-Topic": topic,
            "X-Fake-Webhook": hook.webhook.id,
            "X-Fake-Signature": _signature(body, hook.secret),
        }
        return Delivery(hook.webhook.delivery_url, headers, body)

    def _event(self, topic: str, product_id: str) -> None:
        self._queue += [(h.webhook.id, product_id) for h in self.hooks.values() if h.webhook.topic == topic]

    def next_id(self) -> str:
        """A number nothing else has."""
        return str(next(self._ids))


class FakeConnector(Connector):
    """The port, spoken with a `FakeStore`."""

    platform: ClassVar[str] = "fake"

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.store = FakeStore.at(opening.url)

    @classmethod
    def find(cls, typed: str, settings: Settings) -> Found:
        url = address(typed)
        return Found(url, f"{url}/api/", "Fake store")

    @classmethod
    def verify(cls, *, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        claimed = _lower(headers).get("x-fake-signature", "")
        if not claimed or not secret:
            return False
        return hmac.compare_digest(claimed.encode("utf-8", "replace"), _signature(body, secret).encode())

    @classmethod
    def parse(cls, *, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        given = _lower(headers)
        topic = given.get("x-fake-topic", "")
        if not topic:
            webhook_id = parse_qs(body[:200].decode("utf-8", "replace")).get("webhook_id", [""])[0]
            if not webhook_id.isdigit():
                raise Rejected("neither a delivery nor a ping", code="bad_webhook")
            return WebhookEvent(Kind.PING, "", webhook_id, "ping")
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            raise Rejected("the delivery is not a JSON object", code="bad_webhook")
        external_id = str(payload.get("parent_id") or payload.get("id") or "")
        kind = TOPICS.get(topic, Kind.OTHER) if external_id else Kind.OTHER
        return WebhookEvent(kind, external_id, given.get("x-fake-webhook", ""), topic, payload)

    def check(self) -> StoreInfo:
        with self._call("check"):
            upload = bool(self.opening.credentials.app_password)
            return StoreInfo("Fake store", self.store.url, "1", True, True, upload, True)

    def products(self, *, modified_after: dt.datetime | None = None, page: str | None = None) -> Page:
        with self._call("products"):
            if page is not None and not page.isdigit():
                raise Rejected("that is not a page of this catalogue", code="bad_page")
            rows = [p for p in self.store.products.values() if p.status != "trash"]
            if modified_after is not None:
                rows = [p for p in rows if p.modified_at > modified_after]
            rows = sorted(map(_as_read, rows), key=lambda p: int(p.id))
            start = (int(page or 1) - 1) * PAGE_SIZE
            more = len(rows) > start + PAGE_SIZE
            return Page(
                tuple(rows[start : start + PAGE_SIZE]), str(int(page or 1) + 1) if more else None, len(rows)
            )

    def with_variants(self, product: RemoteProduct) -> RemoteProduct:
        return product  # this store's lists tell all

    def product(self, product_id: str) -> RemoteProduct:
        with self._call("product"):
            return _as_read(self._known(product_id))

    def fetch(self, src: str) -> bytes:
        with self._call("fetch"):
            data = self._download(src)
            if data is None:
                raise NotFound("the image is no longer there", status=404)
            if len(data) > self.opening.settings.max_image_bytes:
                raise TooLarge(f"more than {self.opening.settings.max_image_bytes} bytes")
            return data

    def sizes(self, image: RemoteImage) -> tuple[ImageSize, ...]:
        with self._call("sizes"):
            if image.id not in self.store.media:
                raise NotFound("Invalid post ID.", status=404)
            return (ImageSize(self.store.media[image.id][0].src),)

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
        with self._call("upload"):
            self._need_library()
            if not content_type.startswith("image/"):
                raise Rejected("you are not allowed to upload this file type", code="bad_type")
            return self.store.add_media(data, filename, alt, title)

    def describe(self, media_id: str, *, alt: str = "", title: str = "", caption: str = "") -> None:
        with self._call("describe"):
            self._need_library()
            image, data = self.store.media[media_id]
            self.store.media[media_id] = (
                replace(image, alt=alt or image.alt, name=title or image.name),
                data,
            )

    def find_uploads(self, stem: str) -> list[RemoteImage]:
        with self._call("find_uploads"):
            self._need_library()
            named = re.compile(re.escape(stem) + r"(?![0-9a-z])", re.IGNORECASE)
            library = (image for image, _ in self.store.media.values())
            return [image for image in library if named.match(PurePosixPath(image.src).name)]

    def media(self, media_id: str) -> LibraryFile:
        with self._call("media"):
            self._need_library()
            if media_id not in self.store.media:
                raise NotFound("Invalid post ID.", status=404)
            name = PurePosixPath(self.store.media[media_id][0].src).name
            return LibraryFile(media_id, name, self.store.attached.get(media_id, ""))

    def set_images(
        self, product_id: str, images: Sequence[ImageWrite], *, mark: str | None = None
    ) -> RemoteProduct:
        with self._call("set_images"):
            marked = self._known(product_id).mark if mark is None else mark
            written = tuple(self._written(entry) for entry in images)
            return _as_read(self.store.change_product(product_id, images=written, mark=marked))

    def set_variant_image(self, product_id: str, variant_id: str, image: ImageWrite | None) -> RemoteVariant:
        with self._call("set_variant_image"):
            variants = self._known(product_id).variants
            if variant_id not in {v.id for v in variants}:
                raise NotFound("Invalid ID.", status=404)
            shown = self._written(image) if image else None
            changed = tuple(replace(v, image=shown) if v.id == variant_id else v for v in variants)
            read = _as_read(self.store.change_product(product_id, variants=changed))
            return next(v for v in read.variants if v.id == variant_id)

    def delete_media(self, media_id: str) -> None:
        with self._call("delete_media"):
            self._need_library()
            self.store.media.pop(media_id, None)
            for product in list(self.store.products.values()):
                self.store.products[product.id] = _without(product, media_id)

    def webhooks(self, *, delivery_url: str) -> list[RemoteWebhook]:
        with self._call("webhooks"):
            return self._hooks_to(delivery_url)

    def subscribe(self, *, delivery_url: str, secret: str) -> list[RemoteWebhook]:
        with self._call("subscribe"):
            active = {hook.topic: hook.id for hook in self._hooks_to(delivery_url) if hook.active}
            for hook in self._hooks_to(delivery_url):
                if active.get(hook.topic) != hook.id:
                    del self.store.hooks[hook.id]
            for topic in TOPICS:
                hook_id = active.get(topic) or self.store.next_id()
                webhook = RemoteWebhook(hook_id, topic, delivery_url, active=True)
                self.store.hooks[hook_id] = _Hook(webhook, secret)
            return sorted(self._hooks_to(delivery_url), key=lambda hook: list(TOPICS).index(hook.topic))

    def unsubscribe(self, *, delivery_url: str) -> int:
        with self._call("unsubscribe"):
            ours = self._hooks_to(delivery_url)
            for hook in ours:
                del self.store.hooks[hook.id]
            return len(ours)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        """Around every call: the throttle, the keys, the fault somebody ordered, and word of how it went."""
        images = name == "fetch"
        if self.opening.throttle is not None:
            self.opening.throttle(images=images)
        heard = self.opening.heard
        try:
            with self._failing(name):
                yield
        except ConnectorError as error:
            error.images = images
            if heard is not None:
                heard(error, images=images)
            raise
        if heard is not None:
            heard(None, images=images)

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        self.store.calls.append(name)
        if self.store.down or (self.store.images_down and name == "fetch"):
            self.store.calls_while_down.append(name)
            raise Unavailable("no connection: refused")
        failure = next((f for f in self.store.failures if f.call in {"", name}), None)
        if failure is not None:
            self.store.failures.remove(failure)
            if not failure.after:
                raise failure.error
        have, wanted = self.opening.credentials, self.store.credentials
        if (have.key, have.secret) != (wanted.key, wanted.secret):
            raise AuthExpired("the keys are not known here", status=401)
        yield
        if failure is not None:
            raise failure.error

    def _known(self, product_id: str) -> RemoteProduct:
        if product_id not in self.store.products:
            raise NotFound("Invalid ID.", status=404)
        return self.store.products[product_id]

    def _written(self, entry: ImageWrite) -> RemoteImage:
        if entry.id:
            if entry.id not in self.store.media:
                raise Rejected(f"#{entry.id} is an invalid image ID.", status=400, code="invalid_image_id")
            image, data = self.store.media[entry.id]
            image = replace(image, alt=entry.alt or image.alt, name=entry.name or image.name)
            self.store.media[entry.id] = (image, data)
            return image
        downloaded = self._download(entry.src)
        if downloaded is None:
            # What was downloaded before this entry stays in the library, in no product.
            raise Rejected("Error getting remote image", status=400, code="image_upload_error")
        return self.store.add_media(downloaded, PurePosixPath(entry.src).name, entry.alt, entry.name)

    def _download(self, src: str) -> bytes | None:
        own = next((data for image, data in self.store.media.values() if image.src == src), None)
        return own if own is not None else self.store.web.get(src)

    def _need_library(self) -> None:
        if not self.opening.credentials.app_password:
            raise Unsupported("the media library needs an application password")

    def _hooks_to(self, delivery_url: str) -> list[RemoteWebhook]:
        return [h.webhook for h in self.store.hooks.values() if h.webhook.delivery_url == delivery_url]


def _as_read(product: RemoteProduct) -> RemoteProduct:
    """As WooCommerce tells it: a variant without an image of its own shows the product's first one, under its id."""
    first = product.images[0] if product.images else None
    return replace(product, variants=tuple(replace(v, image=v.image or first) for v in product.variants))


def _without(product: RemoteProduct, media_id: str) -> RemoteProduct:
    """The product when a media item is gone: its date of change does not move."""
    variants = tuple(
        replace(v, image=None) if v.image and v.image.id == media_id else v for v in product.variants
    )
    images = tuple(image for image in product.images if image.id != media_id)
    return replace(product, images=images, variants=variants)


def _told_of(product: RemoteProduct) -> dict[str, Any]:
    """A body tells of the product as it is now, so that two changes are two bodies."""
    return {
        "id": product.id,
        "title": product.title,
        "parent_id": product.parent_id,
        "modified": product.modified_at.isoformat(),
        "tags": product.tags,
        "in_stock": product.in_stock,
        "price": product.price,
    }


def _signature(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
