"""The connector on a Shopify of one's own, which executes its documents on the published schema."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.base import Opening, Settings
from connectors.errors import NeedsReauth, NotFound, RateLimited, Rejected, StillWorking
from connectors.http import Http
from connectors.shopify import oauth, session
from connectors.shopify.connector import ShopifyConnector
from connectors.types import Credentials, Kind, RemoteProduct
from tests.connectors.shopify.conftest import published

server = pytest.importorskip("connectors.sandbox.shopify.server", reason="the sandbox speaks no Shopify here")

_NAMES = itertools.count(1)
SCOPES = ("write_files", "write_products")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("shopify")
    with server.ShopifySandbox(
        folder, shops=(), schemas=published(), webhook_interval_s=None, client_id="app-1"
    ) as running:
        yield running


@dataclass
class Shop:
    """One shop with the app installed."""

    platform: Any
    name: str
    settings: Settings
    waits: list[float]

    @property
    def exchange(self) -> oauth.Exchange:
        return oauth.Exchange(
            self.settings,
            client_id=self.platform.client_id,
            secret=self.platform.client_secret,
            api_root=self.platform.api_root,
        )

    def connect(self, **more: Any) -> ShopifyConnector:
        token = self.platform.site.token(self.name)["access_token"]
        opening = Opening(
            f"https://{self.name}",
            more.pop("credentials", Credentials(token=token)),
            self.settings,
            api_root=self.platform.api_root,
            **more,
        )
        http = Http(self.settings, throttle=opening.throttle, heard=opening.heard, sleep=self.waits.append)
        return ShopifyConnector(opening, http)

    def add(self, title: str, *photos: bytes, **given: Any) -> str:
        files = [(f"photo-{n}.jpg", data) for n, data in enumerate(photos)]
        return str(self.platform.site.catalogue.create(self.name, {"title": title, **given}, files)["id"])


@pytest.fixture
def shop(platform: Any, loopback: Settings, waits: list[float]) -> Shop:
    name = platform.site.open_shop(f"shop-{next(_NAMES)}")
    platform.site.install(name)
    return Shop(platform, name, loopback, waits)


def read_all(shop: Shop, connect: Callable[[], ShopifyConnector]) -> list[RemoteProduct]:
    """Every page, with a connector of its own each time, as after a crash."""
    found: list[RemoteProduct] = []
    token: str | None = None
    for _ in range(500):
        try:
            page = connect().products(page=token)
        except StillWorking:
            shop.platform.site.clock.advance(1)
            continue
        found += page.products
        token = page.next
        if token is None:
            return found
    raise AssertionError("it does not end")


def test_a_merchant_opens_the_app_and_the_store_can_be_read(shop: Shop, make_photo: Any) -> None:
    product_id = shop.add("Cup", make_photo("red"))
    token = shop.platform.site.session_token(shop.name, user_id="7")
    who = session.verify(token, client_id=shop.platform.client_id, secrets=[shop.platform.client_secret])
    assert (who.shop, who.user_id) == (shop.name, "7")
    credentials = shop.exchange.session(shop.name, token)
    assert credentials.refresh_token and credentials.expires_at
    connector = shop.connect(credentials=credentials)
    info = connector.check()
    assert (info.can_read, info.can_write, info.can_upload, info.can_webhook) == (True, True, True, True)
    [product] = connector.products().products
    assert product.id == product_id
    assert connector.fetch(product.images[0].src) == make_photo("red")


def test_a_refresh_whose_answer_was_lost_can_be_made_again(shop: Shop) -> None:
    first = shop.exchange.session(shop.name, shop.platform.site.session_token(shop.name))
    lost, again = (shop.exchange.refresh(shop.name, first.refresh_token) for _ in range(2))
    assert lost.token == again.token
    shop.connect(credentials=again).check()
    with pytest.raises(NeedsReauth):
        shop.exchange.refresh(shop.name, first.refresh_token)


def test_an_uninstalled_app_has_to_be_opened_anew(shop: Shop) -> None:
    connector = shop.connect()
    connector.check()
    shop.platform.site.uninstall(shop.name)
    with pytest.raises(NeedsReauth):
        connector.check()
    shop.platform.site.install(shop.name)
    shop.connect().check()


def test_a_made_up_code_brings_nothing(shop: Shop) -> None:
    with pytest.raises(Rejected, match="not found"):
        shop.exchange.code(shop.name, "made-up")


def test_a_small_shop_is_read_whole_and_oldest_first(shop: Shop, make_photo: Any) -> None:
    made = [shop.add(f"Product {n}", make_photo()) for n in range(32)]
    products = read_all(shop, shop.connect)
    assert [product.id for product in products] == made
    assert all(len(product.images) == 1 for product in products)


def test_a_product_is_the_same_listed_and_asked_for(shop: Shop, make_photo: Any) -> None:
    variants = [{"title": "Red", "photo": 9, "sku": "R"}, *({"title": f"V{n}"} for n in range(90))]
    photos = [make_photo(size=(20 + n, 20)) for n in range(12)]
    product_id = shop.add("Cup", *photos, variants=variants, option="Colour", collections=["Summer"])
    connector = shop.connect()
    [listed] = connector.products().products
    assert not listed.variants_told
    whole = connector.product(product_id)
    assert whole == connector.with_variants(listed)
    assert len(whole.images) == 12 and len(whole.variants) == 91
    assert whole.variants[0].image == whole.images[9]
    assert [connector.fetch(image.src) for image in whole.images] == photos


def test_a_large_shop_is_read_out_of_a_file_and_goes_on_after_a_crash(shop: Shop, make_photo: Any) -> None:
    own = shop.add(
        "Cup", make_photo("red"), make_photo("blue"), variants=[{"title": "Red", "photo": 1}, {"title": "B"}]
    )
    shop.platform.site.fill(shop.name, 900)
    products = read_all(shop, shop.connect)
    assert len({product.id for product in products}) == len(products) == 901
    cup = next(product for product in products if product.id == own)
    assert cup == shop.connect().product(own)
    assert all(product.variants_told and product.images for product in products)


def test_what_changed_since_is_found(shop: Shop) -> None:
    shop.add("Old")
    shop.platform.site.clock.advance(3600)
    since = dt.datetime.fromtimestamp(shop.platform.site.clock.now() - 60, dt.UTC)
    new = shop.add("New")
    assert [product.id for product in shop.connect().products(modified_after=since).products] == [new]


def test_a_deleted_product_is_gone(shop: Shop) -> None:
    product_id = shop.add("Cup")
    shop.platform.site.catalogue.delete(shop.name, int(product_id))
    with pytest.raises(NotFound):
        shop.connect().product(product_id)


def test_points_that_are_used_up_are_waited_for(shop: Shop, waits: list[float]) -> None:
    shop.platform.faults.add(f"^POST /{shop.name}/admin/api/.* Shop", "throttled", times=1)
    budgets: list[Any] = []
    connector = shop.connect(heard=lambda error, *, budget=None, **more: budgets.append((error, budget)))
    connector.check()
    assert isinstance(budgets[0][0], RateLimited)
    assert budgets[-1][1].per_s == 100
    assert len(waits) == 1


def test_deliveries_are_the_apps_and_say_what_to_look_at(shop: Shop) -> None:
    product_id = shop.add("Cup")
    body = b'{"id":%s}' % product_id.encode()
    headers = {
        "X-Shopify-Topic": "products/update",
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Shop-Domain": shop.name,
        "X-Shopify-Hmac-Sha256": shop.platform.site.access.sign_body(body),
    }
    assert ShopifyConnector.verify(headers=headers, body=body, secret=shop.platform.client_secret)
    event = ShopifyConnector.parse(headers=headers, body=body)
    assert (event.kind, event.external_id, event.shop) == (Kind.PRODUCT_CHANGED, product_id, shop.name)
