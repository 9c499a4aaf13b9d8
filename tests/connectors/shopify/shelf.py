"""A shop's products as tests want them: as a query tells them, and as the file of a bulk operation does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.shopify.connector import ShopifyConnector
from connectors.types import RemoteProduct
from tests.connectors.shopify.conftest import Admin

Open = Callable[..., ShopifyConnector]
WHEN = "2026-11-26T10:00:00Z"


def fields(number: int, **changed: Any) -> dict[str, Any]:
    """A product's own fields."""
    return {
        "id": f"gid://shopify/Product/{number}",
        "title": f"Product {number}",
        "handle": f"product-{number}",
        "status": "ACTIVE",
        "tags": ["tag"],
        "createdAt": WHEN,
        "updatedAt": WHEN,
        "hasOnlyDefaultVariant": True,
        "options": [{"name": "Title", "values": ["Default Title"]}],
        "priceRangeV2": {"minVariantPrice": {"amount": "19.9"}},
        **changed,
    }


def picture(number: int) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/MediaImage/{number}",
        "alt": f"Picture {number}",
        "status": "READY",
        "image": {"url": f"https://cdn.shopify.com/s/files/1/{number}.jpg?v=1", "width": 100, "height": 80},
    }


def variant(number: int, *media: int) -> dict[str, Any]:
    shown = {"nodes": [{"id": f"gid://shopify/MediaImage/{m}"} for m in media]}
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": f"V{number}",
        "sku": f"S-{number}",
        "availableForSale": True,
        "media": shown,
    }


def connection(held: list[Any], more: str = "") -> dict[str, Any]:
    return {"nodes": held, "pageInfo": {"hasNextPage": bool(more), "endCursor": more or None}}


def listed(number: int, **changed: Any) -> dict[str, Any]:
    """As a query tells a product."""
    told = {"media": connection([picture(number * 10)]), "variants": connection([variant(number * 100)])}
    return {**fields(number), **told, "collections": {"nodes": []}, **changed}


def small(admin: Admin, products: list[dict[str, Any]], per_page: int = 2, count: int | None = None) -> None:
    """A shop whose list is asked for behind a number."""

    def answer(variables: Mapping[str, Any]) -> Any:
        first = int(variables["query"].split(" AND ")[0].removeprefix("id:>="))
        left = [p for p in products if int(p["id"].rpartition("/")[2]) >= first]
        told: dict[str, Any] = {"products": connection(left[:per_page], "x" if left[per_page:] else "")}
        if variables["counting"]:
            told["productsCount"] = {"count": len(products) if count is None else count, "precision": "EXACT"}
        return told

    admin.answers["Products"] = answer


def read_all(open_shop: Open) -> tuple[list[RemoteProduct], list[str]]:
    """Every page, each with a connector that knows nothing of the one before, as after a crash."""
    products: list[RemoteProduct] = []
    tokens: list[str] = []
    token: str | None = None
    for _ in range(200):
        page = open_shop().products(page=token)
        products += page.products
        token = page.next
        if token is None:
            return products, tokens
        tokens.append(token)
    raise AssertionError("it does not end")
