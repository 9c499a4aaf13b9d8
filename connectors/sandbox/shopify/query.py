"""The questions of the API: `QueryRoot`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.sandbox.shopify.catalogue import BadPage
from connectors.sandbox.shopify.engine import Call, connection, page, refused, size_of
from connectors.sandbox.shopify.fields import Field, Rows, number, typed
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid
from connectors.sandbox.shopify.search import BadSearch, Search, read

PLANS = {"standard": "Basic", "advanced": "Advanced", "plus": "Shopify Plus", "enterprise": "Enterprise"}


def _product(root: Any, call: Call, id: str) -> Doc | None:
    return call.site.catalogue.product(call.shop, number(id, "Product"))


def _variant(root: Any, call: Call, id: str) -> Doc | None:
    wanted = number(id, "ProductVariant")
    product = call.site.catalogue.by_variant(call.shop, wanted)
    if product is None:
        return None
    return next(
        {**variant, "place": n, "product": product}
        for n, variant in enumerate(product["variants"], start=1)
        if variant["id"] == wanted
    )


def _products(root: Any, call: Call, **given: Any) -> Doc:
    if given.get("last") is not None or given.get("before"):
        raise refused("the sandbox does not page backwards through products", "NOT_PLAYED")
    try:
        listed = call.site.catalogue.page(
            call.shop,
            read(given.get("query")),
            sort=given.get("sortKey") or "ID",
            reverse=bool(given.get("reverse")),
            after=given.get("after") or "",
            size=size_of(given),
        )
    except (BadSearch, BadPage) as error:
        raise refused(str(error), "BAD_REQUEST") from None
    return connection(listed.products, more=listed.more, before=bool(given.get("after")))


def _all_products(root: Any, call: Call, query: str | None = None, **given: Any) -> Iterable[Doc]:
    return call.site.catalogue.all(call.shop, read(query))


def _products_count(
    root: Any, call: Call, query: str | None = None, limit: int | None = 10_000, **_: Any
) -> Doc:
    try:
        search = read(query)
    except BadSearch as error:
        raise refused(str(error), "BAD_REQUEST") from None
    counted = call.site.catalogue.count(call.shop, search, None if limit is None else limit + 1)
    if limit is not None and counted > limit:
        return {"count": limit, "precision": "AT_LEAST"}
    return {"count": counted, "precision": "EXACT"}


def _files(root: Any, call: Call, query: str | None = None, **given: Any) -> Doc:
    try:
        search = read(query)
        found = [doc for doc in call.site.media.files(call.shop) if search.holds(_searchable(doc, call))]
    except BadSearch as error:
        raise refused(str(error), "BAD_REQUEST") from None
    if given.get("sortKey") not in {None, "ID", "CREATED_AT", "RELEVANCE"}:
        raise refused(f"the sandbox does not sort files by {given['sortKey']}", "NOT_PLAYED")
    return page([typed("MediaImage", doc) for doc in found], given)


def _searchable(doc: Doc, call: Call) -> Doc:
    return {
        "id": doc["id"],
        "filename": doc["filename"],
        "media_type": "IMAGE",
        "status": call.site.media.status(doc),
        "product_id": [str(one) for one in doc["products"]],
        "created_at": doc["created"],
        "updated_at": doc["updated"],
    }


def _bulk_operations(root: Any, call: Call, query: str | None = None, **given: Any) -> Doc:
    search: Search = read(query)
    rows = [
        doc
        for doc in call.site.bulk.listed(call.shop)
        if search.holds(
            {"status": doc["status"], "operation_type": doc["type"], "created_at": doc["createdAt"]}
        )
    ]
    return page(rows, given)


def node(root: Any, call: Call, id: str) -> Doc | None:
    """Anything that has an id."""
    kind = id.removeprefix("gid://shopify/").partition("/")[0]
    if kind == "Product":
        found = _product(root, call, id)
    elif kind == "ProductVariant":
        found = _variant(root, call, id)
    elif kind in {"MediaImage", "Video"}:
        found = call.site.media.media(call.shop, number(id, kind))
        found = found if found and found.get("kind", "MediaImage") == kind else None
    elif kind == "BulkOperation":
        found = call.site.bulk.one(call.shop, number(id, "BulkOperation"))
    elif kind == "AppSubscription":
        found = call.site.billing.plan(call.shop, number(id, "AppSubscription"))
    elif kind == "Shop":
        found = _shop(root, call)
    else:
        raise refused(f"the sandbox does not play nodes like {id[:60]}", "NOT_PLAYED")
    if found is not None:
        call.allow("QueryRoot", "node", kind)
        return typed(kind, found)
    return None


def _job(root: Any, call: Call, id: str) -> Doc | None:
    done = call.site.jobs.done(call.shop, id)
    return None if done is None else {"id": id, "done": done}


def _shop(root: Any, call: Call) -> Doc:
    row = call.site.shop(call.shop)
    address = f"{call.site.url}/{call.shop}"
    return {
        "__typename": "Shop",
        "id": gid("Shop", row["id"]),
        "name": row["title"],
        "email": f"owner@{call.shop}",
        "myshopifyDomain": call.shop,
        "url": address,
        "currencyCode": "EUR",
        "ianaTimezone": "Europe/Berlin",
        "primaryDomain": {"id": gid("Domain", row["id"]), "host": call.shop, "url": address},
        "plan": {
            "publicDisplayName": PLANS[row["plan"]],
            "shopifyPlus": row["plan"] in {"plus", "enterprise"},
            "partnerDevelopment": False,
        },
        "resourceLimits": {"maxProductVariants": 2048},
    }


def _installation(root: Any, call: Call) -> Doc:
    app = call.site.access.app
    held = [{"handle": scope, "description": scope.replace("_", " ")} for scope in sorted(call.granted)]
    return {
        "__typename": "AppInstallation",
        "id": gid("AppInstallation", call.site.shop(call.shop)["id"]),
        "accessScopes": held,
        "launchUrl": f"{call.site.url}/{call.shop}/admin/apps/{app.client_id}",
        "app": {
            "__typename": "App",
            "id": gid("App", 1),
            "apiKey": app.client_id,
            "handle": app.client_id,
            "title": app.name,
            "embedded": True,
        },
    }


def _versions(root: Any, call: Call) -> list[Doc]:
    return [{"handle": one, "displayName": one, "supported": True} for one in call.site.options.versions]


FIELDS: dict[str, Field] = {
    "bulkOperation": lambda r, c, id: c.site.bulk.one(c.shop, number(id, "BulkOperation")),
    "bulkOperations": _bulk_operations,
    "currentAppInstallation": _installation,
    "files": _files,
    "job": _job,
    "node": node,
    "nodes": lambda r, c, ids: [node(r, c, one) for one in ids],
    "product": _product,
    "productVariant": _variant,
    "products": _products,
    "productsCount": _products_count,
    "publicApiVersions": _versions,
    "shop": _shop,
}
# What can stand at the top of a bulk query.
LISTS: dict[str, Rows] = {"products": _all_products}
