"""The port, spoken with a WooCommerce store."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from connectors.base import Connector, Opening, Settings
from connectors.errors import (
    AuthExpired,
    ConnectorError,
    NotFound,
    NotJson,
    OutcomeUnknown,
    Rejected,
    Retry,
    Unsupported,
)
from connectors.http import Answer, Http
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
from connectors.woocommerce import approving, discovery, mapping, webhooks
from connectors.woocommerce.client import Params, WooClient

PER_PAGE = 100  # WooCommerce's own limit
_MAX_LIST_PAGES = 100  # of webhooks or variations: a bound, not a limit that a real store meets


class WooCommerceConnector(Connector):
    """One WooCommerce store, opened."""

    platform: ClassVar[str] = "woocommerce"

    def __init__(self, opening: Opening, http: Http | None = None) -> None:
        super().__init__(opening)
        self.client = WooClient(opening, http)

    @classmethod
    def find(cls, typed: str, settings: Settings) -> Found:
        return discovery.discover(typed, settings)

    # -- access -------------------------------------------------------------------------------------------

    @classmethod
    def ways(cls, found: Found, here: Here) -> tuple[Way, ...]:
        return approving.ways(found, here)

    @classmethod
    def approval_page(cls, found: Found, way: str, asking: Asking) -> str:
        return approving.page(found, way, asking)

    @classmethod
    def handed_over(cls, way: str, given: Mapping[str, object]) -> Handed:
        return approving.handed_over(way, given)

    # -- inbound ------------------------------------------------------------------------------------------

    @classmethod
    def verify(cls, *, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        return webhooks.verify(headers=headers, body=body, secret=secret)

    @classmethod
    def parse(cls, *, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.parse(headers=headers, body=body)

    # -- reading ------------------------------------------------------------------------------------------

    def check(self) -> StoreInfo:
        """Probe the store. `AuthExpired` if the keys can't read, `Unsupported` if there is no WooCommerce."""
        index = _mapping(self._index())
        if "wc/v3" not in index.get("namespaces", ()):
            raise Unsupported("WordPress answers, but WooCommerce is not active there", code="no_woocommerce")
        self.client.wc("GET", "products", {"per_page": 1, "_fields": "id"})
        notes = []
        can_upload = self._can_upload()
        if not can_upload:
            notes.append("The media library can't be written; images are handed over by address instead.")
        can_write = self._may("POST", "products/batch", json={"update": []})
        return StoreInfo(
            name=mapping.text(index.get("name")),
            url=mapping.text(index.get("home")) or self.client.url,
            platform_version=self._version(),
            can_read=True,
            can_write=can_write,
            can_upload=can_upload,
            can_webhook=can_write and self._may("GET", "webhooks", {"per_page": 1, "_fields": "id"}),
            notes=tuple(notes),
        )

    def products(self, *, modified_after: dt.datetime | None = None, page: str | None = None) -> Page:
        """One page of at most 100. Variants carry their ids only; `product` tells the rest."""
        number = _page_number(page)
        params: dict[str, str | int | bool] = {
            "per_page": PER_PAGE,
            "page": number,
            "orderby": "id",
            "order": "asc",
            "_fields": mapping.PRODUCT_FIELDS,
        }
        if modified_after is not None:
            # Without dates_are_gmt WooCommerce compares in the site's own time zone.
            params["modified_after"] = f"{modified_after.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S}"
            params["dates_are_gmt"] = True
        answer = self.client.wc("GET", "products", params)
        rows = _list(answer)
        return Page(
            products=tuple(mapping.product(row) for row in rows),
            next=str(number + 1) if _has_more(answer, number, len(rows)) else None,
            total=_number(answer.headers.get("X-WP-Total")),
        )

    def with_variants(self, product: RemoteProduct) -> RemoteProduct:
        """One call of `products/{id}/variations` for 100 of them."""
        return product if product.variants_told else self._with_variations(product.raw)

    def product(self, product_id: str) -> RemoteProduct:
        data = _mapping(self.client.wc("GET", f"products/{_id(product_id)}"))
        return self._with_variations(data)

    def fetch(self, src: str) -> bytes:
        """The image behind `src`. A store on https whose old addresses still say http is asked over https."""
        parts, store = urlsplit(src), urlsplit(self.client.url)
        if parts.scheme == "http" and store.scheme == "https" and parts.netloc == store.netloc:
            parts = parts._replace(scheme="https")
        # File names with spaces or letters beyond ASCII come unquoted in some stores' answers.
        path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
        return self.client.http.fetch_image(urlunsplit(parts._replace(path=path, fragment="")))

    def sizes(self, image: RemoteImage) -> tuple[ImageSize, ...]:
        """Of a media item all that WordPress made. Without an application password the file itself, and what the
        product's list named of it."""
        if not self.client.has_app_password:
            return (ImageSize(image.src), *(size for size in image.made if size.src != image.src))
        item = self.client.wp("GET", f"media/{_id(image.id)}", {"_fields": mapping.MEDIA_FIELDS})
        return mapping.media_sizes(_mapping(item))

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
        """Raw upload, which PHP's upload limits do not bind, then alt text, title and caption in a second call.

        The file name may come back changed (``-1``, ``-scaled``, another extension): keep the id. If the
        second call breaks off, `OutcomeUnknown` is raised although the file is there: `find_upload` finds it.
        If the second call is refused, the image comes back without its alt text.
        """
        headers = {
            "Content-Type": content_type,
            "Content-Disposition": f'attachment; filename="{_safe_filename(filename)}"',
            "Content-MD5": hashlib.md5(
                data, usedforsecurity=False
            ).hexdigest(),  # a cut body is refused with 412
        }
        item = _mapping(self.client.wp("POST", "media", data=data, headers=headers))
        wanted = {k: v for k, v in (("alt_text", alt), ("title", title), ("caption", caption)) if v}
        if not wanted:
            return mapping.media(item)
        try:
            return mapping.media(_mapping(self.client.wp("POST", f"media/{item['id']}", json=wanted)))
        except Retry as error:
            failure = OutcomeUnknown(f"uploaded, but not described: {error.detail}", status=error.status)
        except ConnectorError:
            return mapping.media(item)
        raise failure

    def describe(self, media_id: str, *, alt: str = "", title: str = "", caption: str = "") -> None:
        wanted = {k: v for k, v in (("alt_text", alt), ("title", title), ("caption", caption)) if v}
        if wanted:
            self.client.wp("POST", f"media/{_id(media_id)}", json=wanted)

    def find_uploads(self, stem: str) -> list[RemoteImage]:
        """The media items whose file is named `stem`, or `stem` and then no letter or digit."""
        params: Params = {
            "search": stem,
            "per_page": PER_PAGE,
            "orderby": "id",
            "order": "asc",
            "_fields": mapping.MEDIA_FIELDS,
        }
        named = re.compile(re.escape(_safe_filename(stem)) + r"(?![0-9a-z])", re.IGNORECASE)
        items = _list(self.client.wp("GET", "media", params))
        return [mapping.media(item) for item in items if named.match(mapping.media_file(item))]

    def media(self, media_id: str) -> LibraryFile:
        item = _mapping(
            self.client.wp("GET", f"media/{_id(media_id)}", {"_fields": f"{mapping.MEDIA_FIELDS},post"})
        )
        return LibraryFile(
            id=str(item.get("id", media_id)),
            file_name=mapping.media_file(item),
            attached_to=str(item.get("post") or ""),
        )

    def set_images(
        self, product_id: str, images: Sequence[ImageWrite], *, mark: str | None = None
    ) -> RemoteProduct:
        """Replace the list. A `src` is downloaded anew each time, also by a write that then fails."""
        body: dict[str, Any] = {"images": [_entry(entry) for entry in images]}
        if mark is not None:
            # A value of null takes the entry away.
            body["meta_data"] = [{"key": mapping.MARK_KEY, "value": mark or None}]
        data = _mapping(self.client.wc("PUT", f"products/{_id(product_id)}", json=body))
        return mapping.product(data)

    def set_variant_image(self, product_id: str, variant_id: str, image: ImageWrite | None) -> RemoteVariant:
        """Through products/{id}/variations/{id}; a variation is no product to write to, and null clears its image."""
        body = {"image": _entry(image) if image else None}
        path = f"products/{_id(product_id)}/variations/{_id(variant_id)}"
        return mapping.variant(_mapping(self.client.wc("PUT", path, json=body)))

    def delete_media(self, media_id: str) -> None:
        try:
            self.client.wp("DELETE", f"media/{_id(media_id)}", {"force": True})
        except NotFound:
            return

    # -- webhooks -----------------------------------------------------------------------------------------

    def webhooks(self, *, delivery_url: str) -> list[RemoteWebhook]:
        found = [mapping.webhook(row) for row in self._all("webhooks", {"orderby": "id", "order": "asc"})]
        return [hook for hook in found if hook.delivery_url == delivery_url]

    def subscribe(self, *, delivery_url: str, secret: str) -> list[RemoteWebhook]:
        kept: dict[str, RemoteWebhook] = {}
        for hook in self.webhooks(delivery_url=delivery_url):
            if hook.active and hook.topic in webhooks.TOPICS and hook.topic not in kept:
                # A store never tells a webhook's secret, so it is set again rather than trusted.
                self.client.wc("PUT", f"webhooks/{hook.id}", json={"secret": secret})
                kept[hook.topic] = hook
            else:
                self._delete_webhook(hook.id)
        for topic in webhooks.TOPICS:
            if topic not in kept:
                body = {
                    "name": f"Vitrine {topic}",
                    "topic": topic,
                    "delivery_url": delivery_url,
                    "secret": secret,
                }
                kept[topic] = mapping.webhook(_mapping(self.client.wc("POST", "webhooks", json=body)))
        return [kept[topic] for topic in webhooks.TOPICS]

    def unsubscribe(self, *, delivery_url: str) -> int:
        ours = self.webhooks(delivery_url=delivery_url)
        for hook in ours:
            self._delete_webhook(hook.id)
        return len(ours)

    # -- below --------------------------------------------------------------------------------------------

    def _delete_webhook(self, webhook_id: str) -> None:
        try:
            self.client.wc("DELETE", f"webhooks/{webhook_id}", {"force": True})
        except NotFound:
            return

    def _with_variations(self, data: Mapping[str, Any]) -> RemoteProduct:
        if not data.get("variations"):
            return mapping.product(data)
        path = f"products/{data['id']}/variations"
        return mapping.product(
            data, self._all(path, {"_fields": mapping.VARIATION_FIELDS, "orderby": "id", "order": "asc"})
        )

    def _all(self, path: str, params: Params) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for number in range(1, _MAX_LIST_PAGES + 1):
            answer = self.client.wc("GET", path, {**params, "per_page": PER_PAGE, "page": number})
            batch = _list(answer)
            rows += batch
            if not _has_more(answer, number, len(batch)):
                break
        return rows

    def _index(self) -> Answer:
        try:
            return self.client.index()
        except (NotJson, NotFound) as error:
            if error.status != 404:
                raise
        raise Unsupported(
            "there is no /wp-json/ at this address; is it WordPress, with permalinks other than Plain?",
            code="no_rest_api",
        )

    def _may(self, method: str, path: str, params: Params | None = None, json: Any = None) -> bool:
        try:
            self.client.wc(method, path, params, json)
        except (AuthExpired, Rejected, Unsupported):
            return False
        return True

    def _can_upload(self) -> bool:
        """WordPress lists POST under Allow for users who may upload; where a proxy drops it, ask for more."""
        if not self.client.has_app_password:
            return False
        try:
            answer = self.client.wp("GET", "media", {"per_page": 1, "_fields": "id"})
            if "Allow" in answer.headers:
                return "POST" in answer.headers["Allow"]
            me = _mapping(
                self.client.wp("GET", "users/me", {"context": "edit", "_fields": "id,capabilities"})
            )
        except (AuthExpired, Rejected, Unsupported, NotFound):
            return False
        return bool(_mapping_or_empty(me.get("capabilities")).get("upload_files"))

    def _version(self) -> str:
        """WooCommerce's version; "" where the keys may not read the system status."""
        try:
            status = _mapping(self.client.wc("GET", "system_status", {"_fields": "environment"}))
        except ConnectorError:
            return ""
        return mapping.text(_mapping_or_empty(status.get("environment")).get("version"))


def _mapping(answer: Answer) -> Mapping[str, Any]:
    data = answer.json()
    if not isinstance(data, dict):
        raise NotJson("the store answered with something else than asked for", status=answer.status)
    return data


def _mapping_or_empty(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(answer: Answer) -> list[Mapping[str, Any]]:
    data = answer.json()
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise NotJson("the store answered with something else than a list", status=answer.status)
    return data


def _has_more(answer: Answer, number: int, rows: int) -> bool:
    pages = _number(answer.headers.get("X-WP-TotalPages"))
    return number < pages if pages is not None else rows == PER_PAGE  # some proxies drop the header


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _page_number(token: str | None) -> int:
    if token is None:
        return 1
    if not token.isdigit():
        raise Rejected("that is not a page of this catalogue", code="bad_page")
    return int(token)


def _entry(entry: ImageWrite) -> dict[str, Any]:
    if not (entry.id.isdigit() if entry.id else entry.src):
        raise Rejected("an image needs a media id or an address", code="bad_image")
    return mapping.image_entry(entry)


def _id(text: str) -> str:
    """An id as it goes into a path; anything but digits is refused before it can become another path."""
    if not (text.isascii() and text.isdigit()):
        raise NotFound(f"{text[:40]!r} is not an id of this store")
    return text


def _safe_filename(name: str) -> str:
    """The name as WordPress would keep it: ASCII letters, digits, dots, hyphens; no path, no line break."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_name).strip("-.") or "image"
