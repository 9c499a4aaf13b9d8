"""Webhooks going out of the sandbox, with all the habits that make them unreliable in real life."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.server import Sandbox
from connectors.woocommerce.webhooks import sign

HOOKS, PRODUCTS = "/wp-json/wc/v3/webhooks", "/wp-json/wc/v3/products"
SECRET = "recorded-nowhere"


def subscribe(raw: Any, url: str, topic: str = "product.updated") -> dict[str, Any]:
    answer = raw("POST", HOOKS, {"name": "v", "topic": topic, "delivery_url": url, "secret": SECRET})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def hook_url(web: Any) -> str:
    web.pages["/hook"] = (200, {}, b"")
    return f"{web.url}/hook"


@pytest.fixture
def product_id(raw: Any) -> int:
    return int(raw("POST", PRODUCTS, {"name": "Vase"}).json()["id"])


def test_a_webhook_shows_neither_its_secret_nor_its_failures(raw: Any, hook_url: str) -> None:
    hook = subscribe(raw, hook_url)
    assert set(hook) == {
        "id",
        "name",
        "status",
        "topic",
        "resource",
        "event",
        "hooks",
        "delivery_url",
        "date_created",
        "date_created_gmt",
        "date_modified",
        "date_modified_gmt",
        "_links",
    }
    assert SECRET not in raw("GET", HOOKS).text


def test_creating_one_succeeds_though_nobody_listens(raw: Any) -> None:
    assert subscribe(raw, "http://127.0.0.1:9/nobody")["status"] == "active"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            {"topic": "product.exploded", "delivery_url": "https://x.example/"},
            "woocommerce_rest_shop_webhook_invalid_topic",
        ),
        (
            {"topic": "product.updated", "delivery_url": "x"},
            "woocommerce_rest_shop_webhook_invalid_delivery_url",
        ),
    ],
)
def test_a_webhook_needs_a_topic_and_an_address(raw: Any, body: dict[str, str], code: str) -> None:
    answer = raw("POST", HOOKS, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_deleting_a_webhook_needs_force(raw: Any, hook_url: str) -> None:
    hook = subscribe(raw, hook_url)
    assert raw("DELETE", f"{HOOKS}/{hook['id']}").status_code == 501
    assert raw("DELETE", f"{HOOKS}/{hook['id']}?force=true").status_code == 200
    assert raw("GET", f"{HOOKS}/{hook['id']}").status_code == 404


def test_a_ping_is_an_unsigned_form_and_comes_again_until_answered(raw: Any, web: Any, hook_url: str) -> None:
    web.pages["/hook"] = (500, {}, b"")
    hook = subscribe(raw, hook_url)
    path = f"{HOOKS}/{hook['id']}"
    web.pages["/hook"] = (200, {}, b"")
    raw("PUT", path, {"name": "again"})
    raw("PUT", path, {"name": "answered, so no third"})
    assert [seen.body for seen in web.hooks()] == [f"webhook_id={hook['id']}".encode()] * 2
    ping = web.hooks()[0]
    assert ping.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert not [name for name in ping.headers if name.lower().startswith("x-wc")]
    raw("PUT", path, {"delivery_url": f"{hook_url}?moved"})
    assert len(web.hooks()) == 3


def test_a_delivery_is_signed_over_the_product_as_it_is_now(
    shop: Sandbox, raw: Any, web: Any, hook_url: str, product_id: int
) -> None:
    hook = subscribe(raw, hook_url)
    raw("PUT", f"{PRODUCTS}/{product_id}", {"name": "Second"})
    raw("PUT", f"{PRODUCTS}/{product_id}", {"name": "Third"})
    shop.hooks.deliver_due()
    (seen,) = web.hooks()[1:]  # after the ping, one delivery for two changes
    assert json.loads(seen.body)["name"] == "Third"
    assert seen.headers["X-WC-Webhook-Signature"] == sign(seen.body, SECRET)
    assert seen.headers["X-WC-Webhook-Topic"] == "product.updated"
    assert seen.headers["X-WC-Webhook-Resource"] == "product"
    assert seen.headers["X-WC-Webhook-Event"] == "updated"
    assert seen.headers["X-WC-Webhook-ID"] == str(hook["id"])
    assert seen.headers["X-WC-Webhook-Source"] == f"{shop.url}/"
    assert b"\\/" in seen.body


def test_delivery_ids_repeat_within_a_second(
    shop: Sandbox, raw: Any, hook_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(raw, hook_url, "product.created")
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000.5)
    for number in range(3):
        raw("POST", PRODUCTS, {"name": f"Burst {number}"})
    shop.hooks.deliver_due()
    delivered = [sent for sent in shop.hooks.sent if sent.topic == "product.created"]
    assert len(delivered) == 3
    assert len({sent.delivery_id for sent in delivered}) == 1
    assert len({sent.body for sent in delivered}) == 3


def test_which_changes_tell_and_which_are_silent(
    shop: Sandbox, raw: Any, hook_url: str, product_id: int, make_photo: Any
) -> None:
    for topic in ("product.created", "product.updated", "product.deleted"):
        subscribe(raw, hook_url, topic)

    def told() -> list[str]:
        before = len(shop.hooks.sent)
        shop.hooks.deliver_due()
        return [sent.topic for sent in list(shop.hooks.sent)[before:]]

    headers = {"Content-Type": "image/jpeg", "Content-Disposition": 'attachment; filename="x.jpg"'}
    media = raw("POST", "/wp-json/wp/v2/media", data=make_photo(), headers=headers).json()["id"]
    raw("POST", f"/wp-json/wp/v2/media/{media}", {"alt_text": "new"})
    assert told() == []
    raw("PUT", f"{PRODUCTS}/{product_id}", {"images": [{"id": media}]})
    assert told() == ["product.updated"]  # our own write, echoed
    raw("PUT", f"{PRODUCTS}/{product_id}", {})
    assert told() == ["product.updated"]  # nothing changed, told all the same
    raw("POST", PRODUCTS, {"name": "Draft", "status": "draft"})
    assert told() == ["product.created"]
    raw("DELETE", f"{PRODUCTS}/{product_id}")
    assert told() == ["product.deleted"]
    raw("DELETE", f"{PRODUCTS}/{product_id}?force=true")
    assert told() == []


def test_a_variation_tells_with_its_own_id_and_its_parents(
    shop: Sandbox, raw: Any, web: Any, hook_url: str
) -> None:
    parent = raw("POST", PRODUCTS, {"name": "Shirt", "type": "variable"}).json()["id"]
    base = f"{PRODUCTS}/{parent}/variations"
    variation = raw("POST", base, {"attributes": [{"name": "Color", "option": "Red"}]}).json()["id"]
    subscribe(raw, hook_url)
    raw("PUT", f"{base}/{variation}", {"regular_price": "9"})
    shop.hooks.deliver_due()
    body = json.loads(web.hooks()[-1].body)
    assert (body["id"], body["parent_id"], body["type"]) == (variation, parent, "variation")


def test_a_deleted_product_and_a_demoted_owner_arrive_as_signed_errors(
    shop: Sandbox, raw: Any, web: Any, hook_url: str, product_id: int
) -> None:
    subscribe(raw, hook_url)
    raw("PUT", f"{PRODUCTS}/{product_id}", {})
    raw("DELETE", f"{PRODUCTS}/{product_id}?force=true")
    shop.hooks.deliver_due()
    gone = web.hooks()[-1]
    assert json.loads(gone.body)["code"] == "woocommerce_rest_product_invalid_id"
    assert gone.headers["X-WC-Webhook-Signature"] == sign(gone.body, SECRET)
    other = raw("POST", PRODUCTS, {"name": "Other"}).json()["id"]
    raw("PUT", f"{PRODUCTS}/{other}", {})
    shop.site.add_user("admin", "customer")
    shop.hooks.deliver_due()
    assert json.loads(web.hooks()[-1].body)["code"] == "woocommerce_rest_cannot_view"


@pytest.mark.parametrize(
    ("status", "lost"), [(200, False), (201, False), (302, False), (303, True), (404, True), (500, True)]
)
def test_a_failed_delivery_is_not_repeated(
    shop: Sandbox, raw: Any, web: Any, hook_url: str, product_id: int, status: int, lost: bool
) -> None:
    hook = subscribe(raw, hook_url)
    web.pages["/hook"] = (status, {"Location": f"{web.url}/elsewhere"}, b"")
    raw("PUT", f"{PRODUCTS}/{product_id}", {})
    assert shop.hooks.deliver_due() == 1
    assert shop.hooks.deliver_due() == 0
    row = shop.site.state.row("SELECT failures FROM webhooks WHERE id = ?", hook["id"])
    assert row is not None
    assert row["failures"] == (1 if lost else 0)
    assert not [seen for seen in web.seen if seen.path == "/elsewhere"]


def test_the_seventh_failure_in_a_row_switches_off_and_switching_on_forgets_nothing(
    shop: Sandbox, raw: Any, web: Any, hook_url: str, product_id: int
) -> None:
    hook = subscribe(raw, hook_url)
    path = f"{HOOKS}/{hook['id']}"

    def deliver(status: int) -> str:
        web.pages["/hook"] = (status, {}, b"")
        raw("PUT", f"{PRODUCTS}/{product_id}", {})
        shop.hooks.deliver_due()
        return str(raw("GET", path).json()["status"])

    assert [deliver(500) for _ in range(6)] == ["active"] * 6
    assert deliver(200) == "active"  # one success in between starts the count anew
    assert [deliver(500) for _ in range(7)] == ["active"] * 6 + ["disabled"]
    before = len(web.hooks())
    assert deliver(200) == "disabled"
    assert len(web.hooks()) == before
    raw("PUT", path, {"status": "active"})
    assert deliver(500) == "disabled"


def test_a_webhook_outlives_the_key_that_made_it(
    shop: Sandbox, raw: Any, web: Any, hook_url: str, product_id: int
) -> None:
    subscribe(raw, hook_url)
    shop.site.revoke_key(shop.credentials.key)
    raw("PUT", f"{PRODUCTS}/{product_id}", {})
    shop.hooks.deliver_due()
    assert web.hooks()[-1].headers["X-WC-Webhook-Topic"] == "product.updated"


def test_without_the_switch_nothing_is_delivered_to_this_machine(
    tmp_path: Path, web: Any, call_to: Any
) -> None:
    web.pages["/hook"] = (200, {}, b"")
    with Sandbox(tmp_path / "strict", environment="local", webhook_interval_s=None) as shop:
        raw = call_to(shop)
        subscribe(raw, f"{web.url}/hook", "product.created")
        answer = raw("POST", PRODUCTS, {"name": "Vase", "images": [{"src": f"{web.url}/a.jpg"}]})
        assert "A valid URL was not provided" in answer.json()["message"]
        raw("POST", PRODUCTS, {"name": "Vase"})
        shop.hooks.deliver_due()
        assert [sent.status for sent in shop.hooks.sent] == [0, 0]
        # Its own host name is the exception, so an image that is already there can be taken again.
        assert shop.site.remote.check(f"{shop.url}/a.jpg") is None
    assert web.seen == []


def test_the_cron_delivers_by_itself(tmp_path: Path, web: Any, call_to: Any, product_id: int) -> None:
    web.pages["/hook"] = (200, {}, b"")
    arrived = threading.Event()
    with Sandbox(
        tmp_path / "live", environment="local", deliver_to_loopback=True, webhook_interval_s=0.01
    ) as shop:
        raw = call_to(shop)
        subscribe(raw, f"{web.url}/hook", "product.created")
        web.before_answer = lambda: arrived.set() if len(web.hooks()) > 1 else None
        raw("POST", PRODUCTS, {"name": "Vase"})
        assert arrived.wait(5)
