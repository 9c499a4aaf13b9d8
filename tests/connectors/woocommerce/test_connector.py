"""The WooCommerce connector where it differs from other platforms: zones, probes, odd stores, odd names."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.base import Connector, Opening, Settings
from connectors.errors import AuthExpired, NotJson, Rejected, Unavailable, Unsupported
from connectors.sandbox.server import Sandbox
from connectors.types import Credentials
from connectors.woocommerce.connector import WooCommerceConnector

JSON = {"Content-Type": "application/json"}


def woo(url: str, credentials: Credentials, settings: Settings) -> Connector:
    return registry.get("woocommerce")(Opening(url, credentials, settings))


# -- reading ----------------------------------------------------------------------------------------------


def test_a_watermark_means_the_same_moment_in_a_store_in_another_zone(
    tmp_path: Path, loopback: Settings
) -> None:
    with Sandbox(tmp_path / "tokyo", environment="local", gmt_offset_h=9, webhook_interval_s=None) as shop:
        post = shop.site.state.add_post("product", {"name": "Cup"}, status="publish", slug="cup")
        shop.site.state.run("UPDATE posts SET modified = '2026-05-01T12:00:00' WHERE id = ?", post.id)
        connector = woo(shop.url, shop.credentials, loopback)
        before = dt.datetime(2026, 5, 1, 11, 59, 59, tzinfo=dt.UTC)
        assert len(connector.products(modified_after=before).products) == 1
        assert len(connector.products(modified_after=before + dt.timedelta(seconds=1)).products) == 0
        assert connector.product(str(post.id)).modified_at == dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def test_a_variable_product_comes_with_its_variations_and_their_photos(
    shop: Sandbox, connector: Connector, make_photo: Any
) -> None:
    state = shop.site.state
    image = connector.upload(data=make_photo(), filename="red.jpg", content_type="image/jpeg")
    parent = state.add_post("product", {"name": "Shirt", "type": "variable"}, status="publish", slug="shirt")
    for color, images in (("Red", [int(image.id)]), ("Blue", [])):
        doc = {"type": "variation", "image_ids": images, "attributes": [{"name": "Color", "option": color}]}
        state.add_post("variation", doc, status="publish", slug=color, sku=f"S-{color}", parent_id=parent.id)
    product = connector.product(str(parent.id))
    assert [(v.title, v.sku, v.image.id if v.image else "") for v in product.variants] == [
        ("Red", "S-Red", image.id),
        ("Blue", "S-Blue", ""),
    ]
    (listed,) = connector.products().products
    assert [v.id for v in listed.variants] == [v.id for v in product.variants]
    variation = connector.product(product.variants[0].id)
    assert (variation.type, variation.parent_id) == ("variation", str(parent.id))


def test_a_store_whose_proxy_drops_the_page_count_is_read_to_its_end(web: Any, loopback: Settings) -> None:
    rows = [{"id": number, "name": f"P{number}"} for number in range(1, 101)]
    web.pages["/wp-json/wc/v3/products"] = (200, JSON, json.dumps(rows).encode())
    connector = woo(web.url, Credentials(key="ck_x", secret="cs_x"), loopback)
    page = connector.products()
    assert (page.next, page.total) == ("2", None)
    web.pages["/wp-json/wc/v3/products"] = (200, JSON, json.dumps(rows[:40]).encode())
    assert connector.products(page=page.next).next is None


@pytest.mark.parametrize("answer", [b'{"products":[]}', b"[1,2]", b'"ok"', b"null"])
def test_a_list_that_is_none_is_not_taken_for_an_empty_catalogue(
    web: Any, loopback: Settings, answer: bytes
) -> None:
    web.pages["/wp-json/wc/v3/products"] = (200, JSON, answer)
    with pytest.raises(NotJson):
        woo(web.url, Credentials(key="ck_x", secret="cs_x"), loopback).products()


def test_photos_with_spaces_and_umlauts_in_their_names_are_fetched(web: Any, connector: Connector) -> None:
    web.pages["/up/sch%C3%B6n%201.jpg"] = (200, {}, b"pixels")
    assert connector.fetch(f"{web.url}/up/schön 1.jpg") == b"pixels"
    assert connector.fetch(f"{web.url}/up/sch%C3%B6n%201.jpg?v=2#top") == b"pixels"
    assert web.seen[-1].path.endswith("?v=2")


def test_photos_are_fetched_without_our_keys(web: Any, connector: Connector) -> None:
    web.pages["/a.jpg"] = (200, {}, b"pixels")
    connector.fetch(f"{web.url}/a.jpg")
    assert "Authorization" not in web.seen[0].headers
    assert "consumer" not in web.seen[0].path
    assert "oauth" not in web.seen[0].path


def test_an_old_http_address_of_a_store_on_https_is_asked_over_https(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = WooCommerceConnector(Opening("https://shop.example", Credentials()))
    asked: list[str] = []
    monkeypatch.setattr(connector.client.http, "fetch_image", lambda url: asked.append(url) or b"")
    connector.fetch("http://shop.example/a.jpg")
    connector.fetch("http://cdn.example/a.jpg")
    assert asked == ["https://shop.example/a.jpg", "http://cdn.example/a.jpg"]


# -- probing ----------------------------------------------------------------------------------------------


def test_keys_for_reading_only_are_found_out(shop: Sandbox, loopback: Settings) -> None:
    key, secret = shop.site.add_key("read")
    info = woo(shop.url, Credentials(key=key, secret=secret), loopback).check()
    assert (info.can_read, info.can_write, info.can_upload, info.can_webhook) == (True, False, False, False)
    assert any("handed over by address" in note for note in info.notes)


def test_an_app_password_alone_opens_everything(shop: Sandbox, loopback: Settings) -> None:
    c = shop.credentials
    info = woo(shop.url, Credentials(user=c.user, app_password=c.app_password), loopback).check()
    assert (info.can_write, info.can_upload, info.can_webhook) == (True, True, True)
    assert info.platform_version == "10.5.0"


def test_a_user_who_may_not_upload_is_found_out(shop: Sandbox, loopback: Settings) -> None:
    shop.site.add_user("cus", "customer")
    c, password = shop.credentials, shop.site.add_app_password("cus")
    mixed = Credentials(key=c.key, secret=c.secret, user="cus", app_password=password)
    info = woo(shop.url, mixed, loopback).check()
    assert (info.can_write, info.can_upload) == (True, False)


def test_no_keys_at_all_is_told_before_anything_is_sent(shop: Sandbox, loopback: Settings) -> None:
    with pytest.raises(AuthExpired, match="no keys"):
        woo(shop.url, Credentials(), loopback).products()
    assert list(shop.faults.log) == []


def index(*namespaces: str) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, json.dumps({"name": "W", "namespaces": list(namespaces)}).encode()


@pytest.mark.parametrize(
    ("page", "error", "words"),
    [
        (index("wp/v2"), Unsupported, "WooCommerce is not active"),
        ((404, {"Content-Type": "text/html"}, b"<h1>Not found"), Unsupported, "permalinks"),
        ((503, {}, b"<p>Briefly unavailable for scheduled maintenance."), NotJson, "maintenance"),
        ((403, {"CF-Ray": "1"}, b"<p>Sorry, you have been blocked"), NotJson, "Cloudflare"),
        ((301, {"Location": "https://www.shop.example/wp-json/"}, b""), Rejected, r"www\.shop\.example"),
        ((500, JSON, b'{"code":"internal_server_error","message":"x"}'), Unavailable, "x"),
    ],
)
def test_what_stands_in_the_way_of_connecting_is_named(
    web: Any, loopback: Settings, page: Any, error: type[Exception], words: str
) -> None:
    web.pages["/wp-json/"] = page
    connector = WooCommerceConnector(Opening(web.url, Credentials(key="ck_x", secret="cs_x"), loopback))
    connector.client.http._sleep = lambda seconds: None
    with pytest.raises(error, match=words):
        connector.check()


# -- writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("vitrine-1.jpg", "vitrine-1.jpg"),
        ("Blaue Tasse für Tee.jpg", "Blaue-Tasse-fur-Tee.jpg"),
        ('a"; filename="evil.php\r\nX: 1.jpg', "a-filename-evil.php-X-1.jpg"),
        ("../../etc/x.jpg", "etc-x.jpg"),
    ],
)
def test_a_file_name_cannot_break_out_of_its_header(
    connector: Connector, make_photo: Any, given: str, kept: str
) -> None:
    image = connector.upload(data=make_photo(), filename=given, content_type="image/jpeg")
    assert image.src.rpartition("/")[2] == kept


def test_a_description_that_is_refused_leaves_the_upload_standing(
    shop: Sandbox, connector: Connector, make_photo: Any
) -> None:
    shop.faults.add(r"^POST /wp-json/wp/v2/media/\d+", "html", page="cloudflare")
    with pytest.raises(Exception, match="uploaded, but not described"):
        connector.upload(data=make_photo(), filename="v.jpg", content_type="image/jpeg", alt="A cup")
    found = connector.find_upload("v")
    assert found is not None
    assert found.alt == ""


def test_a_text_named_jpg_is_refused_by_the_store_not_called_a_breakdown(connector: Connector) -> None:
    with pytest.raises(Rejected) as caught:
        connector.upload(data=b"just words", filename="v.jpg", content_type="image/jpeg")
    assert caught.value.code == "rest_upload_sideload_error"


def test_a_webhook_of_ours_that_was_doubled_is_left_once(shop: Sandbox, connector: Connector) -> None:
    url = "http://127.0.0.1:9/hooks/x/"
    connector.subscribe(delivery_url=url, secret="s" * 20)
    body = {"name": "double", "topic": "product.updated", "delivery_url": url}
    connector.client.wc("POST", "webhooks", json=body)  # type: ignore[attr-defined]
    assert len(connector.webhooks(delivery_url=url)) == 5
    connector.subscribe(delivery_url=url, secret="s" * 20)
    assert sorted(hook.topic for hook in connector.webhooks(delivery_url=url)) == [
        "product.created",
        "product.deleted",
        "product.restored",
        "product.updated",
    ]
