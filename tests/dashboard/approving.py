"""The way to the store's page and back, as a merchant's browser and the store itself go it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.flow import flow
from connectors.sandbox.server import Sandbox
from tests.dashboard.merchants import Merchant

HERE = "https://photos.example.com"


def carry(wire: list[tuple[str, Any]]) -> None:
    """A control worker looks at the approvals that it was told of."""
    for task, pk in list(wire):
        if task == "flow.approve":
            flow.approved(pk)


def look(owner: Client, url: str) -> str:
    return owner.get(reverse("dashboard:connect-ways"), {"url": url}).content.decode()


def ask(owner: Client, shop: Sandbox, way: str) -> tuple[str, dict[str, str]]:
    """The page of the store that the merchant is sent to, and what it is told."""
    answer = owner.post(reverse("dashboard:connect-ask"), {"url": shop.url, "way": way})
    assert answer.status_code == 303, answer.content
    page, _, query = answer["Location"].partition("?")
    return page, {name: values[0] for name, values in parse_qs(query).items()}


def approve(shop: Sandbox, owner: Client, way: str, tls: str) -> str:
    """The merchant goes to the store and approves there; returns where the store sends the browser."""
    page, wish = ask(owner, shop, way)
    if way == "keys":
        page = page.replace("/authorize", "/access_granted")
    answer = requests.post(page, params=wish, timeout=9, allow_redirects=False, verify=tls)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def come_back(owner: Client, location: str, **headers: Any) -> Any:
    """The browser follows the store's redirect to us."""
    parts = urlsplit(location)
    return owner.get(f"{parts.path}?{parts.query}", headers=headers)


def bring_keys(shop: Sandbox, wish: dict[str, str], **changes: Any) -> Any:
    """The store calls with keys that it made."""
    key, secret = shop.site.add_key()
    body = {
        "key_id": 1,
        "user_id": wish["user_id"],
        "consumer_key": key,
        "consumer_secret": secret,
        "key_permissions": "read_write",
    }
    return Client().post(urlsplit(wish["callback_url"]).path, body | changes, content_type="application/json")


def verbs(merchant: Merchant) -> list[str]:
    return list(
        Event.objects.filter(workspace=merchant.workspace.pk).order_by("pk").values_list("verb", flat=True)
    )


def sealed_nowhere(*secrets: str) -> None:
    """None of these is written in any row in the open."""
    with connection.cursor() as cursor:
        for table in ("stores_approval", "stores_store", "audit_detail", "audit_event"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            rows = "\n".join(row for (row,) in cursor.fetchall())
            for secret in secrets:
                assert secret not in rows, f"{table} tells a secret"


def closed(html: str) -> set[str]:
    """The titles of the ways that can't be taken."""
    return {title.strip() for title in re.findall(r'<li class="card roomy closed">\s*<h3>([^<]+)', html)}
