"""A Shopify store from its first visit to its last, over HTTP on both sides: our server, and the sandbox that plays Shopify."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Member
from apps.catalog.models import Photo, Product
from apps.flow import hints
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.publishing.models import Publication
from apps.stores import shopify as our_app
from apps.stores.connect import open_store
from apps.stores.models import LegalRequest, Store
from connectors.errors import NeedsReauth
from connectors.sandbox.shopify.server import ShopifySandbox
from tests.flow.test_compliance import files
from tests.hands import at_once
from tests.shopkeeping import Shop, photo

NAME, SHOP = "north", "north.myshopify.com"


@dataclass
class Both:
    """Shopify, and the merchant's shop on our side once they came."""

    platform: ShopifySandbox
    here: str
    storage: Path
    wire: list[Any]
    shop: Any = None

    def add(self, title: str, colour: str = "#2b4a7f") -> str:
        photos = [(f"{title}.jpg", photo(colour))]
        return str(self.platform.site.catalogue.create(SHOP, {"title": title}, photos)["id"])

    def visit(self, user_id: str = "1001") -> Any:
        """The merchant opens the app in the administration: its frame's address, as Admin makes it."""
        frame = requests.get(f"{self.platform.url}/{SHOP}/admin/apps/x", timeout=20).text
        address = frame.split('src="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
        parts = urlsplit(address)
        answer = Client().get(f"{parts.path}?{parts.query}")
        if answer.status_code == 200 and self.shop is None:
            member = Member.objects.get()
            store = Store.objects.get()
            self.shop = Shop(member.user, member.workspace, store, None, f"file://{self.storage}", self.wire)  # type: ignore[arg-type]
        return answer

    def tell(self) -> list[int]:
        """What Shopify has to tell goes out, over HTTP; the statuses."""
        self.platform.hooks.deliver_due()
        told = [sent.status for sent in self.platform.hooks.sent]
        self.platform.hooks.sent.clear()
        self.shop.carry()
        return told

    def asked(self, path: str) -> int:
        return len(self.platform.faults.requests(path))


@pytest.fixture
def both(
    transactional_db: None,
    live_server: Any,
    tmp_path: Path,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Both]:
    wire: list[Any] = []
    monkeypatch.setattr(hints, "hint", lambda task, *args: wire.append((task, args)))
    with ShopifySandbox(
        tmp_path / "shopify", shops=(NAME,), webhook_interval_s=None, media_ready_s=0.0
    ) as platform:
        settings.PUBLIC_URL = live_server.url
        settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = platform.client_id, platform.client_secret
        settings.SHOPIFY_API_ROOT = platform.api_root
        settings.ALLOW_PRIVATE_HOSTS = [urlsplit(platform.url).netloc]
        text = our_app.app_file(
            home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
        )
        platform.site.deploy(text)
        platform.site.install(NAME)
        yield Both(platform, live_server.url, storage_root, wire)


def test_a_shop_comes_changes_leaves_and_is_forgotten(both: Both) -> None:
    kettle = both.add("Kettle")
    answer = both.visit()
    assert answer.status_code == 200 and "North shop" in answer.content.decode()
    both.shop.work()
    store = Store.objects.get()
    assert (store.shop, store.state, store.can_upload) == (SHOP, "connected", True)
    assert Product.objects.get(store=store).external_id == kettle

    both.tell()  # what happened before
    both.add("Pot", "#7f2b4a")
    assert set(both.tell()) == {200}
    both.shop.work()
    assert set(Product.objects.values_list("title", flat=True)) == {"Kettle", "Pot"}
    assert Photo.objects.filter(ours=False).count() == 2
    rendered = Job.objects.filter(render__isnull=False, photo__product__title="Pot")
    assert rendered.count() == 1, "what is new is rendered by itself"
    [written] = Publication.objects.filter(product__title="Pot")
    assert written.live, written.error
    assert set(both.tell()) == {200}
    both.shop.work()
    assert Photo.objects.filter(ours=False).count() == 2, "and what the store tells of it is no news"

    both.platform.site.catalogue.delete(SHOP, int(kettle))
    assert set(both.tell()) == {200}
    assert set(Product.objects.filter(present=True).values_list("title", flat=True)) == {"Pot"}

    both.platform.site.customer_asks(NAME, "data_request")
    assert both.tell() == [200]
    assert LegalRequest.objects.get().answer["customer"] == "191167"

    both.platform.site.uninstall(NAME)
    assert both.tell() == [200]
    assert Store.objects.get().state == "disconnected"
    with pytest.raises(NeedsReauth):
        open_store(Store.objects.get()).check()
    both.platform.site.clock.advance(49 * 3600)
    assert both.tell() == [200]
    assert not Store.objects.exists() and not Product.objects.exists() and not Member.objects.exists()
    assert files(both.storage) == []


def a_minute_ago(both: Both) -> None:
    """What waits to be told happened then."""
    at = (timezone.now() - dt.timedelta(minutes=1)).isoformat()
    both.platform.site.memory.run("UPDATE queue SET triggered = ?", at)


def test_it_is_installed_again_before_it_is_forgotten(both: Both) -> None:
    both.add("Kettle")
    both.visit()
    both.shop.work()
    Store.objects.update(authorised_at=timezone.now() - dt.timedelta(days=9))
    both.platform.site.uninstall(NAME)
    a_minute_ago(both)
    both.platform.site.install(NAME)
    assert both.visit().status_code == 200, "and the word of the uninstall is still on its way"
    both.tell()
    assert Store.objects.get().state == "broken", "its token died with the uninstall, and it is not gone"
    token = both.platform.site.session_token(NAME)
    assert Client().get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    both.shop.work()
    store = Store.objects.get()
    assert store.state == "connected", "the page that is open brings access back"
    assert open_store(store).check().name == "North shop"
    assert Product.objects.filter(present=True).count() == 1


def test_a_token_that_is_revoked_is_got_anew_with_the_next_visit(both: Both) -> None:
    both.visit()
    both.shop.work()
    both.platform.site.access.revoke(SHOP)
    product = both.add("Pot")
    both.tell()
    waiting = Delivery.objects.get(external_id=product)
    assert (waiting.work_state, Store.objects.get().state) == ("waiting", "broken")
    both.visit()
    both.shop.carry()
    assert Product.objects.get().title == "Pot"


def test_eight_processes_get_on_with_one_refresh(both: Both) -> None:
    both.visit()
    both.shop.work()
    row = Store.objects.get()
    row.credentials["expires_at"] = "2026-01-01T00:00:00+00:00"
    row.save()
    before = both.asked("access_token")
    assert at_once(8, lambda: open_store(Store.objects.get()).check()) == []
    assert both.asked("access_token") - before == 1


def test_the_code_of_the_shops_page_opens_it_too(both: Both) -> None:
    both.platform.site.uninstall(NAME)
    client = Client()
    page = client.get("/shopify/install/", {"shop": SHOP})["Location"]
    assert page.startswith(both.platform.url)
    approved = requests.post(page, allow_redirects=False, timeout=20)
    back = urlsplit(approved.headers["Location"])
    answer = client.get(f"{back.path}?{back.query}")
    assert answer.status_code == 302, answer.content
    assert open_store(Store.objects.get()).check().can_upload
    again = client.get(f"{back.path}?{back.query}")
    assert again.status_code == 401, "neither state nor code is good twice"


def test_every_question_is_counted_in_points(both: Both) -> None:
    from apps.lib import wire

    both.visit()
    both.shop.work()
    told = wire.client().hgetall(f"vitrine:points:{Store.objects.get().pk}")
    assert float(told[b"most"]) == 2000 and float(told[b"per_s"]) == 100 and float(told[b"spent"]) > 0
    assert wire.client().zcard(f"vitrine:points:{Store.objects.get().pk}:open") == 0


def test_no_secret_of_shopifys_is_said_anywhere(both: Both, capfd: pytest.CaptureFixture[str]) -> None:
    both.add("Kettle")
    both.visit()
    both.shop.work()
    both.platform.site.access.revoke(SHOP)
    held = json.dumps(Store.objects.get().credentials)
    both.add("Pot")
    both.tell()
    said = "".join(capfd.readouterr()) + Store.objects.get().problem
    for secret in [both.platform.client_secret, *json.loads(held).values()]:
        assert len(str(secret)) < 20 or str(secret) not in said
