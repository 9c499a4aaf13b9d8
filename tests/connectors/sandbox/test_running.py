"""The sandbox as something that runs: as its own process, after a kill, misbehaving on order, looked at by people."""

from __future__ import annotations

import json
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors import registry
from connectors.base import Connector, Opening
from connectors.errors import ConnectorError, NotJson, OutcomeUnknown, RateLimited, Unavailable
from connectors.sandbox.large import fill
from connectors.sandbox.server import Sandbox, SandboxProcess

PRODUCTS = "/wp-json/wc/v3/products"


def test_a_killed_store_comes_back_with_everything_it_had(
    tmp_path: Path, loopback: Any, make_photo: Any
) -> None:
    store = SandboxProcess(
        tmp_path / "shop", "--environment", "local", "--seed-empty", "--webhook-interval-s", "60"
    )
    with store:
        first, url = store.info, store.url
        connector = registry.get("woocommerce")(Opening(url, store.credentials, loopback))
        image = connector.upload(data=make_photo(), filename="v.jpg", content_type="image/jpeg")
        connector.subscribe(delivery_url="http://127.0.0.1:9/x", secret="s" * 20)
        store.kill()
        store.start()
        assert {k: v for k, v in store.info.items() if k not in {"url", "pid"}} == {
            k: v for k, v in first.items() if k not in {"url", "pid"}
        }
        again = registry.get("woocommerce")(Opening(store.url, store.credentials, loopback))
        found = again.find_upload("v")
        assert found is not None
        assert found.id == image.id
        assert again.fetch(found.src) == make_photo()
        assert len(again.webhooks(delivery_url="http://127.0.0.1:9/x")) == 4
        assert stat.S_IMODE((tmp_path / "shop" / "port.json").stat().st_mode) == 0o600
    assert store.process is not None
    assert store.process.returncode == 0


def test_a_store_that_cannot_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        SandboxProcess(tmp_path / "shop", "--no-such-option").start()


# -- faults on order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ({"kind": "rate_limited", "retry_after_s": 60}, RateLimited, False),
        ({"kind": "unavailable"}, Unavailable, False),
        ({"kind": "html"}, NotJson, False),
        ({"kind": "html", "page": "cloudflare"}, NotJson, False),
        ({"kind": "html", "page": "plain"}, OutcomeUnknown, False),
        ({"kind": "close_before"}, OutcomeUnknown, False),
        ({"kind": "close_after"}, OutcomeUnknown, True),
        ({"kind": "hang", "seconds": 0.2}, OutcomeUnknown, False),
        ({"kind": "truncate"}, OutcomeUnknown, True),
    ],
)
def test_every_fault_at_a_write_is_told_and_none_is_repeated(
    shop: Sandbox,
    connector: Connector,
    make_photo: Any,
    fault: dict[str, Any],
    error: type[ConnectorError],
    done: bool,
) -> None:
    shop.faults.add(r"^POST /wp-json/wp/v2/media", **fault)
    with pytest.raises(ConnectorError) as caught:
        connector.upload(data=make_photo(), filename="vitrine-1.jpg", content_type="image/jpeg")
    assert type(caught.value) is error
    assert len(shop.faults.requests("^POST /wp-json/wp/v2/media")) == 1
    assert (connector.find_upload("vitrine-1") is not None) is done


def test_a_late_answer_is_a_good_one(shop: Sandbox, connector: Connector, make_photo: Any) -> None:
    shop.faults.add(r"^POST /wp-json/wp/v2/media$", "late", seconds=0.2)
    made = connector.upload(data=make_photo(), filename="vitrine-1.jpg", content_type="image/jpeg")
    assert connector.find_upload("vitrine-1") == made


def test_an_upload_whose_description_is_lost_is_looked_for_not_repeated(
    shop: Sandbox, connector: Connector, make_photo: Any
) -> None:
    shop.faults.add(r"^POST /wp-json/wp/v2/media/\d+", "unavailable")
    with pytest.raises(OutcomeUnknown, match="uploaded, but not described"):
        connector.upload(data=make_photo(), filename="vitrine-1.jpg", content_type="image/jpeg", alt="A cup")
    assert connector.find_upload("vitrine-1") is not None


def test_a_slow_write_is_of_unknown_outcome_and_done_in_the_end(
    shop: Sandbox, loopback: Any, make_photo: Any
) -> None:
    hasty = registry.get("woocommerce")(
        Opening(shop.url, shop.credentials, replace(loopback, write_timeout_s=0.2))
    )
    shop.faults.add(r"^PUT ", "delay", seconds=0.4)
    product = shop.site.state.add_post(
        "product", {"name": "Cup", "image_ids": []}, status="publish", slug="cup"
    )
    with pytest.raises(OutcomeUnknown, match=r"within 0\.2 s"):
        hasty.set_images(str(product.id), [])
    shop.faults.release()  # the store goes on by itself
    wanted = f"^PUT {PRODUCTS}/{product.id}"
    deadline = time.monotonic() + 5
    while not shop.faults.requests(wanted) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [entry.status for entry in shop.faults.requests(wanted)] == [200]


def test_a_read_survives_two_bad_answers(shop: Sandbox, connector: Connector) -> None:
    shop.faults.add(f"^GET {PRODUCTS}", "unavailable", times=1)
    shop.faults.add(f"^GET {PRODUCTS}", "close_before", times=1)
    assert connector.products().total == 0
    assert [entry.status for entry in shop.faults.requests(f"^GET {PRODUCTS}")] == [503, 0, 200]


def test_the_log_shows_what_was_asked_without_keys(shop: Sandbox, connector: Connector) -> None:
    connector.products()
    (entry,) = shop.faults.requests(f"GET {PRODUCTS}")
    assert "per_page=100" in entry.path
    assert "oauth" not in entry.path
    assert shop.credentials.key not in entry.path


def test_an_unknown_fault_is_refused(shop: Sandbox) -> None:
    with pytest.raises(ValueError, match="earthquake"):
        shop.faults.add(".", "earthquake")


def test_the_admin_door_opens_to_the_token_only(shop: Sandbox) -> None:
    def call(method: str, path: str, token: str, json: Any = None) -> requests.Response:
        return requests.request(
            method, f"{shop.url}/_admin{path}", headers={"X-Admin-Token": token}, json=json, timeout=9
        )

    token = shop.site.admin_token
    assert call("GET", "/log", "wrong").status_code == 403
    assert call("GET", "/log", "").status_code == 403
    assert call("POST", "/faults", token, {"match": "GET /$", "kind": "unavailable"}).status_code == 201
    assert requests.get(shop.url, timeout=9).status_code == 503
    assert requests.get(shop.url, timeout=9).status_code == 200
    assert call("POST", "/faults", token, {"match": "x", "kind": "earthquake"}).status_code == 400
    assert call("GET", "/log", token).json()[0]["fault"] == "unavailable"
    assert call("POST", "/keys", token, {"permissions": "read"}).json()["consumer_key"].startswith("ck_")
    assert call("POST", "/users", token, {"login": "ann", "role": "author"}).json()["app_password"]
    assert call("POST", "/cron", token).json() == {"delivered": 0}


# -- people -----------------------------------------------------------------------------------------------


def test_shoppers_see_products_with_their_first_photo(
    shop: Sandbox, connector: Connector, make_photo: Any
) -> None:
    image = connector.upload(
        data=make_photo(size=(700, 700)), filename="v.jpg", content_type="image/jpeg", alt="Cup"
    )
    raw = {"name": "Blue <cup>", "regular_price": "9.50", "image_ids": [int(image.id)], "description": "Nice"}
    shop.site.state.add_post("product", raw, status="publish", slug="blue-cup")
    shop.site.state.add_post("product", {"name": "Hidden"}, status="draft", slug="hidden")
    front = requests.get(shop.url, timeout=9).text
    assert "Blue &lt;cup&gt;" in front
    assert "v-600x600.jpg" in front
    assert "$9.50" in front
    assert "Hidden" not in front
    page = requests.get(f"{shop.url}/product/blue-cup/", timeout=9)
    assert page.status_code == 200
    assert f'data-media-id="{image.id}"' in page.text
    assert 'alt="Cup"' in page.text
    assert requests.get(f"{shop.url}/product/hidden/", timeout=9).status_code == 404
    assert requests.get(f"{shop.url}/shop/shop.css", timeout=9).headers["Content-Type"].startswith("text/css")


def test_an_empty_shop_says_so(shop: Sandbox) -> None:
    assert "The shelves are empty" in requests.get(shop.url, timeout=9).text


# -- approving an app -------------------------------------------------------------------------------------


def keys_request(web: Any, **changes: str) -> dict[str, str]:
    return {
        "app_name": "Vitrine",
        "scope": "read_write",
        "user_id": "token-1",
        "return_url": f"{web.url}/back",
        "callback_url": f"{web.url}/keys",
    } | changes


@pytest.fixture
def open_shop(tmp_path: Path) -> Any:
    options = {"environment": "local", "deliver_to_loopback": True, "accept_http_callbacks": True}
    with Sandbox(tmp_path / "open", webhook_interval_s=None, **options) as shop:
        yield shop


def test_approving_sends_keys_to_the_callback_and_the_merchant_back(open_shop: Sandbox, web: Any) -> None:
    web.pages["/keys"] = (200, {}, b"")
    asked = requests.get(f"{open_shop.url}/wc-auth/v1/authorize", params=keys_request(web), timeout=9)
    assert "Vitrine would like to connect" in asked.text
    granted = requests.post(
        f"{open_shop.url}/wc-auth/v1/access_granted",
        params=keys_request(web),
        timeout=9,
        allow_redirects=False,
    )
    assert granted.headers["Location"] == f"{web.url}/back?success=1&user_id=token-1"
    handed = json.loads(web.hooks()[0].body)
    assert set(handed) == {"key_id", "user_id", "consumer_key", "consumer_secret", "key_permissions"}
    assert open_shop.site.state.row("SELECT 1 FROM api_keys WHERE consumer_key = ?", handed["consumer_key"])


def test_a_callback_that_answers_201_gets_its_key_taken_back(open_shop: Sandbox, web: Any) -> None:
    web.pages["/keys"] = (201, {}, b"")
    answer = requests.post(f"{open_shop.url}/wc-auth/v1/access_granted", params=keys_request(web), timeout=9)
    assert answer.status_code == 401
    handed = json.loads(web.hooks()[0].body)
    assert not open_shop.site.state.row(
        "SELECT 1 FROM api_keys WHERE consumer_key = ?", handed["consumer_key"]
    )


def test_a_request_for_keys_needs_all_its_parts_and_https_without_the_switch(shop: Sandbox, web: Any) -> None:
    url = f"{shop.url}/wc-auth/v1/authorize"
    for changes in ({}, {"scope": "everything"}, {"user_id": ""}, {"return_url": ""}):
        assert requests.get(url, params=keys_request(web, **changes), timeout=9).status_code == 401
    https = keys_request(web, callback_url="https://app.example/keys")
    assert requests.get(url, params=https, timeout=9).status_code == 200


def test_an_app_password_travels_in_the_address_after_approval(open_shop: Sandbox, web: Any) -> None:
    params = {"app_name": "Vitrine", "success_url": f"{web.url}/done?state=abc"}
    url = f"{open_shop.url}/wp-admin/authorize-application.php"
    assert requests.get(url, params=params, timeout=9).status_code == 200
    answer = requests.post(url, params=params, timeout=9, allow_redirects=False)
    given = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert (given["state"], given["user_login"], given["site_url"]) == (["abc"], ["admin"], [open_shop.url])
    me = f"{open_shop.url}/wp-json/wp/v2/users/me"
    assert requests.get(me, auth=("admin", given["password"][0]), timeout=9).status_code == 200
    assert requests.get(url, params=params | {"app_id": "not-a-uuid"}, timeout=9).status_code == 500


def test_a_large_catalogue_is_made_at_once_and_looks_like_one(shop: Sandbox, connector: Connector) -> None:
    fill(shop.site, 105)
    page = connector.products()
    assert (page.total, page.next, len(page.products)) == (105, "2", 100)
    variable = [p for p in page.products if not p.variants_told]
    assert len(variable) == 20 and all(
        len(p.images) == 3 and p.vendor and p.attributes for p in page.products
    )
    whole = connector.with_variants(variable[0])
    assert len(whole.variants) == 4 and (whole.price, whole.on_sale) == ("20", False)
    own = {v.image.id for v in whole.variants if v.image} - {i.id for i in whole.images}
    assert len(own) == 2
    assert connector.fetch(page.products[-1].images[2].src)
    assert any(p.on_sale for p in page.products)
