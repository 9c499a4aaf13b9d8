"""A sandbox store, a small web server, and the two benches that the contract tests run on."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from connectors import registry
from connectors.base import Connector, Heard, Opening, Settings, Throttle
from connectors.errors import OutcomeUnknown
from connectors.fake import FakeStore
from connectors.http import Http
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from connectors.sandbox.shopify import published
from connectors.sandbox.shopify.server import ShopifySandbox
from connectors.types import Credentials, RemoteVariant

LOOPBACK = Settings(allow_private_hosts=frozenset({"127.0.0.1"}), read_timeout_s=10, write_timeout_s=10)


def photo(color: str = "teal", size: tuple[int, int] = (64, 48), format: str = "JPEG") -> bytes:
    """A small image file; another colour makes other bytes."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, format)
    return out.getvalue()


@dataclass(frozen=True)
class Seen:
    """One request that the web server got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Web:
    """Another machine on the web: hands out what `pages` say, records everything."""

    url: str = ""
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None

    def hooks(self) -> list[Seen]:
        """The POSTs, in order."""
        return [request for request in self.seen if request.method == "POST"]


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            site.seen.append(Seen(self.command, self.path, dict(self.headers.items()), body))
            site.before_answer()
            status, headers, page = site.pages.get(self.path.partition("?")[0], (404, {}, b"nothing here"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(page)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox store as the demo runs it; webhooks go out when a test says so."""
    with Sandbox(
        tmp_path / "shop", environment="local", deliver_to_loopback=True, webhook_interval_s=None
    ) as running:
        yield running


@pytest.fixture
def connector(shop: Sandbox) -> Connector:
    """The WooCommerce connector with all credentials of `shop`."""
    return registry.get("woocommerce")(Opening(shop.url, shop.credentials, LOOPBACK))


class WooBench:
    """What contract tests need of a store, done to a sandbox."""

    variants_show_the_list, one_file_of_a_name, titles = False, False, True

    def __init__(self, shop: Sandbox, web: Web) -> None:
        self.shop, self.web = shop, web
        self.hook_url = f"{web.url}/hooks/token/"
        web.pages["/hooks/token/"] = (200, {}, b"")

    @property
    def credentials(self) -> Credentials:
        return self.shop.credentials

    def connect(self, credentials: Credentials | None = None, **settings: Any) -> Connector:
        opening = Opening(self.shop.url, credentials or self.credentials, replace(LOOPBACK, **settings))
        return registry.get("woocommerce")(opening)

    def throttled(self, throttle: Throttle, heard: Heard | None = None) -> Connector:
        return registry.get("woocommerce")(
            Opening(self.shop.url, self.credentials, LOOPBACK, throttle, heard)
        )

    def add_product(self, title: str, photos: tuple[bytes, ...] = ()) -> str:
        ids = [self.shop.site.media_library.add(data, "photo.jpg", accepts=BY_UPLOAD).id for data in photos]
        return str(self._catalogue().create({"name": title, "images": [{"id": i} for i in ids]}).id)

    def add_variable(self, title: str, options: tuple[str, ...], data: bytes) -> tuple[str, list[str]]:
        """A product with one photo that all its variants show; its id and theirs."""
        image = {"id": self.shop.site.media_library.add(data, "photo.jpg", accepts=BY_UPLOAD).id}
        attribute = {"name": "Colour", "options": list(options), "variation": True}
        body = {"name": title, "type": "variable", "images": [image], "attributes": [attribute]}
        product = self._catalogue().create(body)
        made = [
            self._catalogue().create_variation(
                product.id, {"image": image, "attributes": [{"name": "Colour", "option": option}]}
            )
            for option in options
        ]
        return str(product.id), [str(post.id) for post in made]

    def add_variant(self, product_id: str, option: str, data: bytes) -> str:
        image = self.shop.site.media_library.add(data, "variant.jpg", accepts=BY_UPLOAD).id
        self._catalogue().update(int(product_id), {"type": "variable"})
        body = {"attributes": [{"name": "Colour", "option": option}], "image": {"id": image}}
        return str(self._catalogue().create_variation(int(product_id), body).id)

    def add_many(self, count: int) -> None:
        with self.shop.site.state.change():
            for number in range(count):
                self.shop.site.state.add_post(
                    "product", {"name": f"Product {number}"}, status="publish", slug=f"product-{number}"
                )

    def date_back(self, product_id: str, modified: str) -> None:
        self.shop.site.state.run("UPDATE posts SET modified = ? WHERE id = ?", modified, int(product_id))

    def touch(self, product_id: str) -> None:
        self._catalogue().update(int(product_id), {})

    def trash(self, product_id: str) -> None:
        self._catalogue().delete(int(product_id), force=False)

    def restore(self, product_id: str) -> None:
        self._catalogue().restore(int(product_id))

    def delete(self, product_id: str) -> None:
        self._catalogue().delete(int(product_id), force=True)

    def host(self, data: bytes) -> str:
        self.web.pages["/elsewhere.jpg"] = (200, {"Content-Type": "image/jpeg"}, data)
        return f"{self.web.url}/elsewhere.jpg"

    def media_count(self) -> int:
        return self.shop.site.state.count("kind = 'attachment'")

    def deliveries(self) -> list[tuple[Mapping[str, str], bytes]]:
        before = len(self.web.hooks())
        self.shop.hooks.deliver_due()
        return [(seen.headers, seen.body) for seen in self.web.hooks()[before:]]

    def ping(self, webhook_id: str) -> tuple[Mapping[str, str], bytes]:
        wanted = f"webhook_id={webhook_id}".encode()
        return next((seen.headers, seen.body) for seen in self.web.hooks() if seen.body == wanted)

    def disable(self, webhook_id: str) -> None:
        self.shop.site.state.run("UPDATE webhooks SET status = 'disabled' WHERE id = ?", int(webhook_id))

    def lose_answer(self, call: str) -> None:
        match = {"upload": "^POST /wp-json/wp/v2/media$", "set_images": "^PUT /wp-json/wc/v3/products/"}[call]
        self.shop.faults.add(match, "close_after")

    def _catalogue(self) -> Any:
        from connectors.sandbox.catalogue import Catalogue

        return Catalogue(self.shop.site)


class FakeBench:
    """The same, done to the twin."""

    variants_show_the_list, one_file_of_a_name, titles = False, False, True

    hook_url = "https://app.example/hooks/token/"

    def __init__(self, url: str) -> None:
        self.store = FakeStore(url)

    @property
    def credentials(self) -> Credentials:
        return self.store.credentials

    def connect(self, credentials: Credentials | None = None, **settings: Any) -> Connector:
        opening = Opening(self.store.url, credentials or self.credentials, replace(LOOPBACK, **settings))
        return registry.get("fake")(opening)

    def throttled(self, throttle: Throttle, heard: Heard | None = None) -> Connector:
        return registry.get("fake")(Opening(self.store.url, self.credentials, LOOPBACK, throttle, heard))

    def add_product(self, title: str, photos: tuple[bytes, ...] = ()) -> str:
        return self.store.add_product(title, photos).id

    def add_variable(self, title: str, options: tuple[str, ...], data: bytes) -> tuple[str, list[str]]:
        image = self.store.add_media(data, "photo.jpg")
        made = tuple(RemoteVariant(self.store.next_id(), option, image=image) for option in options)
        product = self.store.add_product(title, images=(image,), type="variable", variants=made)
        return product.id, [variant.id for variant in made]

    def add_variant(self, product_id: str, option: str, data: bytes) -> str:
        variant = RemoteVariant(self.store.next_id(), option, image=self.store.add_media(data, "variant.jpg"))
        have = self.store.products[product_id].variants
        self.store.change_product(product_id, type="variable", variants=(*have, variant))
        return variant.id

    def add_many(self, count: int) -> None:
        for number in range(count):
            self.store.add_product(f"Product {number}")

    def date_back(self, product_id: str, modified: str) -> None:
        import datetime as dt

        moment = dt.datetime.fromisoformat(modified).replace(tzinfo=dt.UTC)
        self.store.products[product_id] = replace(self.store.products[product_id], modified_at=moment)

    def touch(self, product_id: str) -> None:
        self.store.change_product(product_id)

    def trash(self, product_id: str) -> None:
        self.store.trash_product(product_id)

    def restore(self, product_id: str) -> None:
        self.store.restore_product(product_id)

    def delete(self, product_id: str) -> None:
        self.store.delete_product(product_id)

    def host(self, data: bytes) -> str:
        self.store.web["https://elsewhere.example/elsewhere.jpg"] = data
        return "https://elsewhere.example/elsewhere.jpg"

    def media_count(self) -> int:
        return len(self.store.media)

    def deliveries(self) -> list[tuple[Mapping[str, str], bytes]]:
        return [(delivery.headers, delivery.body) for delivery in self.store.deliver()]

    def ping(self, webhook_id: str) -> tuple[Mapping[str, str], bytes]:
        ping = self.store.ping(webhook_id)
        return ping.headers, ping.body

    def disable(self, webhook_id: str) -> None:
        hook = self.store.hooks[webhook_id]
        self.store.hooks[webhook_id] = replace(hook, webhook=replace(hook.webhook, active=False))

    def lose_answer(self, call: str) -> None:
        self.store.fail(OutcomeUnknown("cut"), call, after=True)


Bench = WooBench | FakeBench


@pytest.fixture(params=["twin", "woocommerce on the sandbox"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Every contract test runs twice."""
    if request.param == "twin":
        return FakeBench(f"https://{tmp_path.name}.example")
    return WooBench(request.getfixturevalue("shop"), request.getfixturevalue("web"))


@pytest.fixture
def make_photo() -> Callable[..., bytes]:
    """`photo`, for test files."""
    return photo


@pytest.fixture
def loopback() -> Settings:
    """Settings that let 127.0.0.1 through."""
    return LOOPBACK


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have waited, instead of waiting."""
    return []


@pytest.fixture
def http(loopback: Settings, waits: list[float]) -> Http:
    return Http(loopback, sleep=waits.append, jitter=lambda: 1.0)


@pytest.fixture(scope="module")
def shopify(tmp_path_factory: pytest.TempPathFactory, shopify_schemas: Path) -> Iterator[ShopifySandbox]:
    """One Shopify for a file of tests; each opens a shop of its own on it."""
    with ShopifySandbox(
        tmp_path_factory.mktemp("shopify"),
        shops=(),
        schemas=shopify_schemas,
        webhook_interval_s=None,
        media_ready_s=0.0,
        job_s=0.0,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def shopify_schemas() -> Path:
    """The folder of Shopify's published schemas and scopes (`connectors.sandbox.shopify.published`), fetched if need be.

    A build server sets VITRINE_MUST_HAVE_SCHEMAS: there the tests on them run, or fail.
    """
    try:
        return published.obtain()
    except published.Missing as error:
        if os.environ.get("VITRINE_MUST_HAVE_SCHEMAS"):
            pytest.fail(str(error))
        pytest.skip(str(error))
