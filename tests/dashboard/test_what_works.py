"""Keys that are pasted by hand, and what is told of a store when it was tried what they open."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.catalog.models import Sync
from apps.lib.work import WorkState
from apps.stores.models import Store
from connectors import registry
from connectors.errors import AuthExpired
from connectors.fake import FULL_ACCESS, FakeStore
from connectors.types import Credentials
from tests import factories
from tests.dashboard.merchants import Merchant

FORM = {
    "platform": "woocommerce",
    "url": "tea.example.com/",
    "key": "fake-key",
    "secret": "fake-secret",
    "user": "owner",
    "app_password": "fake-password",
}


# -- keys by hand -----------------------------------------------------------------------------------------------


@pytest.fixture
def tea_shop(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    """A store in memory that answers where a WooCommerce store is asked for."""
    monkeypatch.setitem(registry._PLATFORMS, "woocommerce", "connectors.fake:FakeConnector")
    return FakeStore("https://tea.example.com", FULL_ACCESS)


def test_a_store_is_connected_with_pasted_keys_and_its_catalogue_is_read(
    tea_shop: FakeStore, owner: Client, merchant: Merchant
) -> None:
    answer = owner.post(reverse("dashboard:connect-paste"), FORM, follow=True)
    store = Store.objects.get(url="https://tea.example.com")
    assert store.workspace == merchant.workspace
    assert Sync.objects.filter(store=store, work_state=WorkState.WAITING).exists()
    html = answer.content.decode()
    assert "is connected" in html and "Reading the catalogue" in html


def test_what_the_store_said_stands_at_the_form_and_no_key_is_shown_again(
    tea_shop: FakeStore, owner: Client
) -> None:
    tea_shop.fail(AuthExpired("401"))
    answer = owner.post(reverse("dashboard:connect-paste"), FORM)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "The store no longer accepts our keys" in html
    for name in ("key", "secret", "app_password"):
        assert FORM[name] not in html
    assert not Store.objects.filter(url="https://tea.example.com").exists()


def test_a_user_without_an_application_password_is_a_half(tea_shop: FakeStore, owner: Client) -> None:
    answer = owner.post(reverse("dashboard:connect-paste"), {**FORM, "app_password": ""})
    assert "belong together" in answer.content.decode()
    assert tea_shop.calls == []


# -- 3. what works ----------------------------------------------------------------------------------------------


def test_pasted_keys_have_no_way_for_pictures_where_the_store_can_not_load_them(
    tea_shop: FakeStore, owner: Client, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    tea_shop.credentials = Credentials(FULL_ACCESS.key, FULL_ACCESS.secret)
    form = {**FORM, "user": "", "app_password": ""}
    html = owner.post(reverse("dashboard:connect-paste"), form, follow=True).content.decode()
    assert "None yet: the store would have to load it from http://127.0.0.1:8000" in html
    assert "Give an application password, and they are uploaded" in html
    assert "every 5 minutes" in html


def test_the_stores_page_says_what_works_too_and_believes_a_webhook_that_came(
    merchant: Merchant, viewer: Client, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    about = {"can_read": True, "can_write": True, "can_webhook": True, "notes": []}
    Store.objects.filter(pk=merchant.store.pk).update(about=about, can_upload=True, last_delivery_at=None)
    page = reverse("dashboard:store", args=[merchant.store.pk])
    html = viewer.get(page).content.decode()
    assert "Uploaded into the media library" in html
    assert "t call http://127.0.0.1:8000, so it is asked for changes instead" in html
    Store.objects.filter(pk=merchant.store.pk).update(last_delivery_at=timezone.now())
    assert "The store tells at once what changes." in viewer.get(page).content.decode()


def test_keys_that_may_only_read_are_told_to_let_no_picture_in(merchant: Merchant, viewer: Client) -> None:
    about = {"can_read": True, "can_write": False, "can_webhook": False, "notes": []}
    Store.objects.filter(pk=merchant.store.pk).update(about=about, can_upload=False)
    html = viewer.get(reverse("dashboard:store-connected", args=[merchant.store.pk])).content.decode()
    assert "but not put into the store" in html and "None: pictures can" in html
    other = factories.StoreFactory()
    assert viewer.get(reverse("dashboard:store-connected", args=[other.pk])).status_code == 404


def test_what_works_is_tried_again_when_something_changed_in_the_store(
    tea_shop: FakeStore, owner: Client
) -> None:
    owner.post(reverse("dashboard:connect-paste"), FORM)
    store = Store.objects.get(url="https://tea.example.com")
    closed_then = {"can_read": True, "can_write": False, "can_webhook": False, "notes": ["A note."]}
    Store.objects.update(about=closed_then, can_upload=False, state="broken", problem="Keys were revoked.")
    html = owner.post(reverse("dashboard:try-again", args=[store.pk]), follow=True).content.decode()
    store.refresh_from_db()
    assert store.can_upload and store.about["can_write"] and store.about["notes"] == ["A note."]
    assert (store.state, store.problem) == ("connected", "") and "Tried again" in html
    tea_shop.fail(AuthExpired("401"))
    html = owner.post(reverse("dashboard:try-again", args=[store.pk]), follow=True).content.decode()
    store.refresh_from_db()
    assert "That could not be tried" in html and store.state == "broken"


def test_a_store_that_was_disconnected_again_shows_nothing_that_works(
    merchant: Merchant, owner: Client
) -> None:
    Store.objects.filter(pk=merchant.store.pk).update(state="disconnected")
    leads = owner.get(reverse("dashboard:store-connected", args=[merchant.store.pk]))
    assert leads["Location"] == reverse("dashboard:store", args=[merchant.store.pk])
    assert "What works" not in owner.get(leads["Location"]).content.decode()
    refused = owner.post(reverse("dashboard:try-again", args=[merchant.store.pk]), follow=True)
    assert "Connect it first" in refused.content.decode()


@pytest.mark.parametrize("address", ["store", "store-connected"])
def test_what_a_store_that_needs_attention_could_do_is_told_as_what_was(
    address: str, owner: Client, merchant: Merchant
) -> None:
    page = reverse(f"dashboard:{address}", args=[merchant.store.pk])
    assert "What worked before" not in owner.get(page).content.decode()
    Store.objects.filter(pk=merchant.store.pk).update(state="broken", problem="Keys were revoked.")
    assert "What worked before" in owner.get(page).content.decode()
