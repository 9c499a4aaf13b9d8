"""Somebody in the administration of their Shopify store, as our server sees them: the frame, its script, the shop's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts.models import Identity, Member, User, Workspace
from apps.audit.models import Event
from apps.recipes.models import Recipe
from apps.stores.models import Install, Store
from tests.shopify_app import SECRET, SHOP, signed_query

RETRY = "X-Shopify-Retry-Invalid-Session-Request"


def opened(token: str, client: Client | None = None, **more: str) -> Any:
    """The frame's first request."""
    query = {"embedded": "1", "shop": SHOP, "host": "YWRtaW4", "id_token": token} | more
    return (client or Client()).get("/shopify/", {k: v for k, v in query.items() if v})


def asked(path: str, token: str, method: str = "get", **headers: str) -> Any:
    """What the page's script asks."""
    call = getattr(Client(), method)
    return call(path, headers={"Authorization": f"Bearer {token}", **headers})


def everything() -> dict[str, Any]:
    """But for when somebody was last there."""
    Store.objects.update(opened_at=None)
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Store, User, Member, Workspace, Identity, Install, Recipe, Session)
    } | {"events": Event.objects.count()}


def connected_from_inside(user: User) -> None:
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    answer = client.get("/shopify/callback/", came_back(page))
    assert answer["Location"] == f"/stores/{Store.objects.get(shop=SHOP).pk}/connected/"


def came_back(page: str, *, secret: str = SECRET, **other: str) -> dict[str, str]:
    state = parse_qs(urlsplit(page).query)["state"][0]
    return signed_query(
        secret, **({"code": "a-code", "shop": SHOP, "state": state, "host": "YWRtaW4"} | other)
    )


def sent_there(client: Client, shop: str = SHOP) -> str:
    answer = client.get("/shopify/install/", {"shop": shop})
    assert answer.status_code == 303
    return answer["Location"]
