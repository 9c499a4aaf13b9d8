"""One address takes the webhooks of all Shopify stores: what is let in once, what is sent away with 401, and what follows."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import Event
from apps.catalog.models import Product
from apps.flow import flow, signingin
from apps.ingest.models import Delivery
from apps.stores.models import LegalRequest, Store
from connectors.types import Kind
from tests import shopify_app
from tests.shopify_app import OLD, OTHER, SECRET, SHOP, Shopify, delivery
from tests.shopkeeping import Shop

PRODUCT = {"id": 788032119674292922, "updated_at": "2026-11-20T10:00:00-05:00"}


def post(body: bytes, headers: dict[str, str]) -> Any:
    return Client().post("/hooks/shopify/", body, content_type="application/json", headers=headers)


def everything() -> dict[str, Any]:
    """All that a webhook could change."""
    return {
        "stores": list(Store.objects.order_by("pk").values()),
        "deliveries": list(Delivery.objects.order_by("pk").values()),
        "law": list(LegalRequest.objects.order_by("pk").values()),
        "events": Event.objects.count(),
    }


# -- let in, once ------------------------------------------------------------------------------------------------


def test_a_changed_product_is_looked_at(teahouse: Shop) -> None:
    teahouse.carry()
    product = teahouse.sell("Pot")
    assert post(*delivery("products/create", {"id": int(product)})).json() == {"ok": True, "repeat": False}
    teahouse.carry()
    assert Product.objects.get(store=teahouse.store, external_id=product).title == "Pot"


def test_a_repeat_is_answered_and_changes_nothing(teahouse: Shop) -> None:
    teahouse.carry()
    body, headers = delivery("products/update", PRODUCT)
    assert post(body, headers).status_code == 200
    teahouse.carry()
    before = everything()
    for _ in range(3):
        assert post(body, headers).json() == {"ok": True, "repeat": True}
    teahouse.carry()
    after = everything()
    assert after["deliveries"][0].pop("repeats") == 3
    before["deliveries"][0].pop("repeats")
    assert after == before


def test_the_id_decides_what_is_a_repeat_not_the_body(teahouse: Shop) -> None:
    for webhook_id in ("one", "two"):  # saved twice within a second: the bodies are alike
        post(*delivery("products/update", PRODUCT, webhook_id=webhook_id))
    post(*delivery("products/update", {**PRODUCT, "updated_at": "later"}, webhook_id="two"))
    assert list(Delivery.objects.values_list("webhook_id", flat=True).order_by("pk")) == ["one", "two"]


def test_both_secrets_count_while_the_secret_is_changed(teahouse: Shop, settings: Any) -> None:
    old = delivery("products/update", PRODUCT, webhook_id="old", secret=OLD)
    assert post(*old).status_code == 401
    settings.SHOPIFY_API_SECRET_OLD = OLD
    assert post(*old).status_code == 200
    assert post(*delivery("products/update", PRODUCT, webhook_id="new")).status_code == 200
    settings.SHOPIFY_API_SECRET_OLD = ""
    assert post(*delivery("products/update", PRODUCT, webhook_id="late", secret=OLD)).status_code == 401


def test_a_shop_that_is_not_connected_is_answered_and_nothing_is_kept(shopify: Shopify) -> None:
    before = everything()
    for topic, body in (
        ("products/update", PRODUCT),
        ("app/uninstalled", {"id": 1, "myshopify_domain": SHOP}),
        ("app/scopes_update", {"current": []}),
        ("orders/create", {"id": 5, "email": "jane@example.com"}),
    ):
        assert post(*delivery(topic, body)).status_code == 200
    assert everything() == before


def test_the_bodies_of_what_names_no_product_are_not_kept(teahouse: Shop) -> None:
    told = {"myshopify_domain": SHOP, "email": "owner@teahouse.example", "phone": "+43 1 5550"}
    post(*delivery("app/uninstalled", told))
    assert bytes(Delivery.objects.get().body) == b""


def test_a_topic_that_we_never_asked_for_is_answered_and_forgotten(teahouse: Shop) -> None:
    assert post(*delivery("orders/create", {"id": 5})).status_code == 200
    assert not Delivery.objects.exists()


# -- sent away ---------------------------------------------------------------------------------------------------


Spoil = Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]]


def with_signature(made: Callable[[bytes], str]) -> Spoil:
    return lambda body, headers: (body, {**headers, "X-Shopify-Hmac-Sha256": made(body)})


def without(name: str) -> Spoil:
    return lambda body, headers: (body, {k: v for k, v in headers.items() if k != name})


def header(name: str, value: str) -> Spoil:
    return lambda body, headers: (body, {**headers, name: value})


def again(topic: str, body: Any, **how: Any) -> Spoil:
    return lambda *_: delivery(topic, body, **how)


def mac(key: str, body: bytes, digest: Any = hashlib.sha256) -> bytes:
    return hmac.new(key.encode(), body, digest).digest()


WRONG: dict[str, Spoil] = {
    "no signature": without("X-Shopify-Hmac-Sha256"),
    "an empty one": header("X-Shopify-Hmac-Sha256", ""),
    "another secret": with_signature(lambda body: base64.b64encode(mac("guess", body)).decode()),
    "no secret at all": with_signature(lambda body: base64.b64encode(mac("", body)).decode()),
    "the secret of before": with_signature(lambda body: base64.b64encode(mac(OLD, body)).decode()),
    "hexadecimal": with_signature(lambda body: mac(SECRET, body).hex()),
    "SHA-1": with_signature(lambda body: base64.b64encode(mac(SECRET, body, hashlib.sha1)).decode()),
    "a plain hash": with_signature(lambda body: base64.b64encode(hashlib.sha256(body).digest()).decode()),
    "cut off": with_signature(lambda body: base64.b64encode(mac(SECRET, body)).decode()[:20]),
    "with something after it": with_signature(lambda b: base64.b64encode(mac(SECRET, b)).decode() + "A"),
    "not even ASCII": header("X-Shopify-Hmac-Sha256", "pâté"),
    "of another body": with_signature(lambda body: base64.b64encode(mac(SECRET, b"{}")).decode()),
    "a space more in the body": lambda body, headers: (body + b" ", headers),
    "a letter less in the body": lambda body, headers: (body[:-1], headers),
    "the same JSON, written otherwise": lambda body, headers: (
        json.dumps(json.loads(body), indent=1).encode(),
        headers,
    ),
    "an empty body": lambda body, headers: (b"", headers),
    "signed nonsense": again("products/update", b"[1, 2"),
    "a signed list": again("products/update", b"[1, 2]"),
    "a signed query of the install": again("shop/redact", f"code=1&shop={SHOP}&state=2".encode()),
    "no topic": without("X-Shopify-Topic"),
    "no id": without("X-Shopify-Webhook-Id"),
    "no shop": without("X-Shopify-Shop-Domain"),
    "a shop that is no Shopify store": header("X-Shopify-Shop-Domain", "teahouse.example.com"),
    "a shop with a path": header("X-Shopify-Shop-Domain", f"evil.example/{SHOP}"),
    "a product without a number": again("products/update", {"id": "x"}),
    "a product's body as the end of the app": header("X-Shopify-Topic", "app/uninstalled"),
    "a product's body as the end of the shop": header("X-Shopify-Topic", "shop/redact"),
    "the end of another shop": again("shop/redact", {"shop_domain": OTHER}),
    "another shop's uninstall": again("app/uninstalled", {"myshopify_domain": OTHER}),
    "a request about another shop's customer": again(
        "customers/redact", {"shop_domain": OTHER, "customer": {"id": 1}}
    ),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_shopify_did_not_send_so_is_sent_away(wrong: str, teahouse: Shop) -> None:
    before, sent = everything(), list(teahouse.wire)
    answer = post(*WRONG[wrong](*delivery("products/update", PRODUCT)))
    assert answer.status_code == 401 and answer.json()["error"]
    assert everything() == before and teahouse.wire == sent


def test_without_a_secret_nothing_is_let_in(teahouse: Shop, settings: Any) -> None:
    settings.SHOPIFY_API_SECRET = ""
    assert post(*delivery("products/update", PRODUCT, secret="")).status_code == 401
    assert post(*delivery("products/update", PRODUCT)).status_code == 401


def test_ten_megabytes_are_too_much(teahouse: Shop) -> None:
    assert (
        post(*delivery("products/update", b'{"id": 1, "x": "' + b"a" * 10_000_000 + b'"}')).status_code == 413
    )
    assert not Delivery.objects.exists()


def test_a_store_of_another_platform_has_no_such_address(shop: Shop) -> None:
    assert Client().get("/hooks/shopify/").status_code == 405


# -- uninstall, reinstall, rights --------------------------------------------------------------------------------


def uninstalled(at: dt.datetime | None, webhook_id: str = "un") -> None:
    body, headers = delivery(
        "app/uninstalled", {"id": 1, "myshopify_domain": SHOP}, webhook_id=webhook_id, at=at
    )
    if at is None:
        del headers["X-Shopify-Triggered-At"]
    assert post(body, headers).status_code == 200


def test_taking_the_app_off_ends_it_and_the_pictures_stay(shopify: Shopify, teahouse: Shop) -> None:
    teahouse.sell("Pot")
    teahouse.work()
    shopify.take_off()
    uninstalled(timezone.now())
    teahouse.carry()
    store = Store.objects.get()
    assert (store.state, store.credentials["token"], store.credentials["refresh_token"]) == (
        "disconnected",
        "",
        "",
    )
    assert Event.objects.filter(verb="store.uninstalled").count() == 1
    assert Product.objects.filter(store=store, present=True).count() == 1


def test_a_late_word_of_an_uninstall_does_not_end_what_was_installed_since(
    shopify: Shopify, teahouse: Shop
) -> None:
    taken_off = timezone.now()
    shopify.take_off()
    shopify_app.sign_in()
    Store.objects.update(state="broken")
    shopify_app.sign_in()  # installed again, before the word of it got through
    uninstalled(taken_off)
    teahouse.carry()
    store = Store.objects.get()
    assert (store.state, store.credentials["token"]) == ("connected", shopify.shop().live)
    assert "since" in Delivery.objects.get().outcome


@pytest.mark.parametrize("still_in", [True, False])
def test_a_word_without_a_time_is_believed_where_our_token_is_dead(
    shopify: Shopify, teahouse: Shop, still_in: bool
) -> None:
    if not still_in:
        shopify.take_off()
    uninstalled(None)
    teahouse.carry()
    assert Store.objects.get().state == ("connected" if still_in else "disconnected")


def test_the_word_and_its_repeat_end_it_once(shopify: Shopify, teahouse: Shop) -> None:
    at = timezone.now()
    shopify.take_off()
    for webhook_id in ("un", "un", "other"):
        uninstalled(at, webhook_id)
    teahouse.carry()
    uninstalled(at)
    teahouse.carry()
    assert Event.objects.filter(verb="store.uninstalled").count() == 1


def test_after_an_uninstall_the_same_people_come_back_to_what_was_theirs(
    shopify: Shopify, teahouse: Shop
) -> None:
    product = teahouse.sell("Pot")
    teahouse.work()
    shopify.take_off()
    uninstalled(timezone.now())
    teahouse.carry()
    back = shopify_app.sign_in()
    assert (back.store.pk, back.member.user) == (teahouse.store.pk, teahouse.owner)
    assert Store.objects.get().state == "connected"
    teahouse.remote.change_product(product, title="Tea pot")
    teahouse.work()
    assert Product.objects.get(store=teahouse.store).title == "Tea pot"


def test_fewer_rights_are_told_and_more_are_good_again(shopify: Shopify, teahouse: Shop) -> None:
    shopify.shop().scope = "read_products"
    post(
        *delivery(
            "app/scopes_update", {"id": 1, "previous": [], "current": ["read_products"]}, webhook_id="1"
        )
    )
    teahouse.carry()
    assert "fewer rights" in Store.objects.get().problem
    assert signingin.lacks_access(Store.objects.get()), "the next visit asks for them"
    shopify.shop().scope = shopify_app.SCOPE
    post(*delivery("app/scopes_update", {"id": 1, "previous": [], "current": []}, webhook_id="2"))
    teahouse.carry()
    assert Store.objects.get().problem == ""


def test_a_reading_that_waits_for_shopify_goes_on_when_it_is_told_so(
    teahouse: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.errors import StillWorking
    from tests.shopify_app import TwinConnector

    teahouse.sell("Pot")
    real = TwinConnector.products
    monkeypatch.setattr(
        TwinConnector, "products", lambda *a, **k: (_ for _ in ()).throw(StillWorking(retry_after_s=600))
    )
    flow.connected(teahouse.store, by="test")
    teahouse.carry()
    sync = teahouse.store.syncs.get()
    assert (sync.work_state, sync.tries) == ("waiting", 0)
    monkeypatch.setattr(TwinConnector, "products", real)
    teahouse.carry()
    assert not Product.objects.exists(), "nobody asks before its time"
    gid = "gid://shopify/BulkOperation/1"
    post(*delivery("bulk_operations/finish", {"admin_graphql_api_id": gid, "status": "completed"}))
    teahouse.carry()
    assert Product.objects.get().title == "Pot"
    assert Delivery.objects.get(kind=Kind.BULK_FINISHED).outcome == "the reading goes on"
