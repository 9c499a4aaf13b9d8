"""Keys are changed while the shop runs: what was encrypted with the old one opens with the new one alone."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit.models import Event
from apps.lib import rotation
from apps.stores.models import Store
from tests.shopkeeping import Shop


def rotate(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("rotatekeys", "--json", *words, stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def keys(settings: Any, shop: Shop) -> list[str]:
    """A new key before the one that everything is encrypted with."""
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    return settings.FIELD_KEYS


def test_after_rotating_the_new_key_alone_opens_everything(
    shop: Shop, keys: list[str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "AT_ONCE", 1)
    before = Store.objects.get(pk=shop.store.pk)
    assert rotate("--check") == {"secrets": 2, "renewed": 2, "lost": []}
    assert rotate() == {"secrets": 2, "renewed": 2, "lost": []}
    assert rotate()["renewed"] == 0, "a second time there is nothing to do"
    settings.FIELD_KEYS = keys[:1]
    after = Store.objects.get(pk=shop.store.pk)
    assert (after.credentials, after.hook_secret) == (before.credentials, before.hook_secret)
    settings.FIELD_KEYS = keys[1:]
    with pytest.raises(ImproperlyConfigured):
        Store.objects.get(pk=shop.store.pk)


def test_looking_alone_changes_nothing(shop: Shop, keys: list[str], settings: Any) -> None:
    rotate("--check")
    settings.FIELD_KEYS = keys[1:]
    assert Store.objects.get(pk=shop.store.pk).credentials
    assert not Event.objects.filter(verb="keys.rotated").exists()


def test_a_secret_that_no_key_opens_is_named_and_left(shop: Shop, keys: list[str]) -> None:
    sealed = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stores_store SET credentials = %s WHERE id = %s", [sealed, shop.store.pk])
    with pytest.raises(CommandError, match=f"stores_store.credentials {shop.store.pk}"):
        rotate()
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM stores_store WHERE id = %s", [shop.store.pk])
        assert cursor.fetchone() == (sealed,)


def test_every_secret_column_is_among_those_that_are_rotated() -> None:
    assert {(model.__name__, column) for model, column in rotation.secret_columns()} == {
        ("Store", "credentials"),
        ("Store", "hook_secret"),
        ("Approval", "credentials"),
    }
