"""wc/v3: products, variations, categories, webhooks and system status over HTTP."""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from connectors.sandbox.auth import Auth
from connectors.sandbox.catalogue import Catalogue, invalid_id, slug_of
from connectors.sandbox.shapes import HOOKS
from connectors.sandbox.site import WP_VERSION, Site
from connectors.sandbox.state import Post, stamp
from connectors.sandbox.wire import (
    WpError,
    answer,
    bad_param,
    flag,
    json_body,
    listed,
    paging,
    picked,
)

COLLECTION, ITEM, BATCH = "GET, POST", "GET, POST, PUT, PATCH, DELETE", "POST, PUT, PATCH"
MAX_BATCH = 100
_ORDERS = {
    "id": "id",
    "date": "created",
    "modified": "modified",
    "title": "json_extract(doc, '$.name')",
    "slug": "slug",
}
_WRITES = ["POST", "PUT", "PATCH"]


def blueprint(site: Site, auth: Auth, catalogue: Catalogue) -> Blueprint:
    """All wc/v3 routes of one site."""
    routes = Blueprint("wc", __name__, url_prefix="/wp-json/wc/v3")
    _products(routes, site, auth, catalogue)
    _batch(routes, site, auth, catalogue)
    _variations(routes, site, auth, catalogue)
    _terms(routes, site, auth)
    _webhooks(routes, site, auth)
    _webhook_changes(routes, site, auth)

    @routes.get("/system_status")
    def system_status() -> Response:
        auth.require_manager("view")
        environment = {
            "home_url": site.url,
            "site_url": site.url,
            "version": site.options.wc_version,
            "wp_version": WP_VERSION,
        }
        return answer(picked({"environment": environment, "settings": {}}), allow="GET")

    return routes


def _products(routes: Blueprint, site: Site, auth: Auth, catalogue: Catalogue) -> None:
    shapes = site.shapes

    @routes.get("/products")
    def list_products() -> Response:
        auth.require_manager("view")
        page, per_page = paging()
        where, args = _filters(site)
        total = site.state.count(where, *args)
        window = f"{where} {_order()} LIMIT {per_page} OFFSET {(page - 1) * per_page}"
        rows = [shapes.product(post) for post in site.state.posts(window, *args)]
        return listed(rows, total, page, per_page, f"{site.url}{request.path}", COLLECTION)

    @routes.post("/products")
    def create_product() -> Response:
        auth.require_manager("create")
        post = catalogue.create(json_body())
        location = f"{site.url}/wp-json/wc/v3/products/{post.id}"
        return answer(shapes.product(post), 201, allow=COLLECTION, headers={"Location": location})

    @routes.get("/products/<int:product_id>")
    def get_product(product_id: int) -> Response:
        auth.require_manager("view")
        return answer(picked(shapes.product(catalogue.readable(product_id)), keep_links=True), allow=ITEM)

    @routes.route("/products/<int:product_id>", methods=_WRITES)
    def update_product(product_id: int) -> Response:
        auth.require_manager("edit")
        return answer(
            picked(shapes.product(catalogue.update(product_id, json_body())), keep_links=True), allow=ITEM
        )

    @routes.delete("/products/<int:product_id>")
    def delete_product(product_id: int) -> Response:
        auth.require_manager("delete")
        before = shapes.product(catalogue.readable(product_id))
        post = catalogue.delete(product_id, force=flag("force"))
        return answer(before | {"status": post.status}, allow=ITEM)


def _batch(routes: Blueprint, site: Site, auth: Auth, catalogue: Catalogue) -> None:
    @routes.route("/products/batch", methods=_WRITES)
    def batch() -> Response:
        auth.require_manager("batch")
        body = json_body()
        todo = {name: body.get(name) or [] for name in ("create", "update", "delete")}
        if sum(len(items) for items in todo.values()) > MAX_BATCH:
            message = f"Unable to accept more than {MAX_BATCH} items for this request."
            raise WpError(413, "woocommerce_rest_request_entity_too_large", message)
        done = {
            "create": [_item(0, partial(catalogue.create, i), site) for i in todo["create"]],
            "update": [_item(i.get("id", 0), partial(_update, catalogue, i), site) for i in todo["update"]],
            "delete": [_item(i, partial(catalogue.delete, int(i), force=True), site) for i in todo["delete"]],
        }
        return answer({name: items for name, items in done.items() if items}, allow=BATCH)


def _update(catalogue: Catalogue, item: Mapping[str, Any]) -> Post:
    return catalogue.update(int(item.get("id", 0)), {k: v for k, v in item.items() if k != "id"})


def _item(item_id: Any, change: Callable[[], Post], site: Site) -> dict[str, Any]:
    """One entry of a batch's answer: the product, or the error in its place."""
    try:
        return site.shapes.product(change())
    except WpError as error:
        if error.code == "woocommerce_rest_product_invalid_id":
            error = invalid_id(400)  # in a batch it is a bad item, not a missing page
        return {"id": item_id, "error": error.body()}


def _variations(routes: Blueprint, site: Site, auth: Auth, catalogue: Catalogue) -> None:
    shapes = site.shapes

    @routes.get("/products/<int:product_id>/variations")
    def list_variations(product_id: int) -> Response:
        auth.require_manager("view")
        page, per_page = paging()
        where = "kind = 'variation' AND parent_id = ?"
        window = f"{where} {_order()} LIMIT {per_page} OFFSET {(page - 1) * per_page}"
        rows = [shapes.variation(post) for post in site.state.posts(window, product_id)]
        total = site.state.count(where, product_id)
        return listed(rows, total, page, per_page, f"{site.url}{request.path}", COLLECTION)

    @routes.post("/products/<int:product_id>/variations")
    def create_variation(product_id: int) -> Response:
        auth.require_manager("create")
        return answer(
            shapes.variation(catalogue.create_variation(product_id, json_body())), 201, allow=COLLECTION
        )

    @routes.get("/products/<int:product_id>/variations/<int:variation_id>")
    def get_variation(product_id: int, variation_id: int) -> Response:
        auth.require_manager("view")
        return answer(
            picked(shapes.variation(catalogue.variation(product_id, variation_id)), keep_links=True),
            allow=ITEM,
        )

    @routes.route("/products/<int:product_id>/variations/<int:variation_id>", methods=_WRITES)
    def update_variation(product_id: int, variation_id: int) -> Response:
        auth.require_manager("edit")
        return answer(
            shapes.variation(catalogue.update_variation(product_id, variation_id, json_body())), allow=ITEM
        )


def _terms(routes: Blueprint, site: Site, auth: Auth) -> None:
    def listing(taxonomy: str) -> Response:
        auth.require_manager("view")
        page, per_page = paging()
        rows = site.state.rows("SELECT id, name, slug FROM terms WHERE taxonomy = ? ORDER BY name", taxonomy)
        window = [dict(row) for row in rows[(page - 1) * per_page : page * per_page]]
        return listed(window, len(rows), page, per_page, f"{site.url}{request.path}", COLLECTION)

    def create(taxonomy: str) -> Response:
        auth.require_manager("create")
        name = str(json_body().get("name", "")).strip()
        if not name:
            raise WpError(400, "rest_missing_callback_param", "Missing parameter(s): name", params=["name"])
        found = site.state.row("SELECT id FROM terms WHERE taxonomy = ? AND name = ?", taxonomy, name)
        if found:
            message = "A term with the name provided already exists with this parent."
            raise WpError(400, "term_exists", message, resource_id=found["id"])
        insert = "INSERT INTO terms (taxonomy, name, slug) VALUES (?, ?, ?)"
        term_id = site.state.run(insert, taxonomy, name, slug_of(name))
        return answer({"id": term_id, "name": name, "slug": slug_of(name)}, 201, allow=COLLECTION)

    for path, taxonomy in (
        ("categories", "product_cat"),
        ("tags", "product_tag"),
        ("brands", "product_brand"),
    ):
        routes.get(f"/products/{path}", endpoint=f"list_{path}")(lambda t=taxonomy: listing(t))
        routes.post(f"/products/{path}", endpoint=f"create_{path}")(lambda t=taxonomy: create(t))


def _webhooks(routes: Blueprint, site: Site, auth: Auth) -> None:
    state, shapes = site.state, site.shapes

    @routes.get("/webhooks")
    def list_webhooks() -> Response:
        auth.require_manager("view")
        page, per_page = paging()
        by = "id" if request.args.get("orderby") == "id" else "created"
        way = "ASC" if request.args.get("order") == "asc" else "DESC"
        rows = state.rows(f"SELECT * FROM webhooks ORDER BY {by} {way}, id {way}")  # noqa: S608
        window = [shapes.webhook(row) for row in rows[(page - 1) * per_page : page * per_page]]
        return listed(window, len(rows), page, per_page, f"{site.url}{request.path}", COLLECTION)

    @routes.post("/webhooks")
    def create_webhook() -> Response:
        caller = auth.require_manager("create")
        body = json_body()
        _check_webhook(body, creating=True)
        name, status = str(body.get("name") or "Webhook"), str(body.get("status") or "active")
        secret = str(body.get("secret") or secrets.token_urlsafe(36))
        webhook_id = state.run(
            "INSERT INTO webhooks (user_id, name, status, topic, delivery_url, secret, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(caller.user_id, name, status, body["topic"], body["delivery_url"], secret, stamp()),
        )
        made = shapes.webhook(_webhook(site, webhook_id))
        site.hooks.ping(webhook_id)  # whether it arrives or not, the answer is 201
        headers = {"Location": f"{site.url}/wp-json/wc/v3/webhooks/{webhook_id}"}
        return answer(made, 201, allow=COLLECTION, headers=headers)

    @routes.get("/webhooks/<int:webhook_id>")
    def get_webhook(webhook_id: int) -> Response:
        auth.require_manager("view")
        return answer(picked(shapes.webhook(_webhook(site, webhook_id)), keep_links=True), allow=ITEM)


def _webhook_changes(routes: Blueprint, site: Site, auth: Auth) -> None:
    state, shapes = site.state, site.shapes

    @routes.route("/webhooks/<int:webhook_id>", methods=_WRITES)
    def update_webhook(webhook_id: int) -> Response:
        auth.require_manager("edit")
        before, body = _webhook(site, webhook_id), json_body()
        _check_webhook(body, creating=False)
        for name in ("name", "status", "topic", "delivery_url", "secret"):
            if body.get(name):
                state.run(f"UPDATE webhooks SET {name} = ? WHERE id = ?", str(body[name]), webhook_id)  # noqa: S608
        state.run("UPDATE webhooks SET modified = ? WHERE id = ?", stamp(), webhook_id)
        moved = body.get("delivery_url", before["delivery_url"]) != before["delivery_url"]
        if moved or before["pending_ping"]:
            site.hooks.ping(webhook_id)
        return answer(shapes.webhook(_webhook(site, webhook_id)), allow=ITEM)

    @routes.delete("/webhooks/<int:webhook_id>")
    def delete_webhook(webhook_id: int) -> Response:
        auth.require_manager("delete")
        row = _webhook(site, webhook_id)
        if not flag("force"):
            raise WpError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
        state.run("DELETE FROM webhooks WHERE id = ?", webhook_id)
        return answer(shapes.webhook(row), allow=ITEM)


def _webhook(site: Site, webhook_id: int) -> sqlite3.Row:
    row = site.state.row("SELECT * FROM webhooks WHERE id = ?", webhook_id)
    if row is None:
        raise WpError(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    return row


def _check_webhook(body: Mapping[str, Any], *, creating: bool) -> None:
    prefix = "woocommerce_rest_shop_webhook_invalid"
    if (creating or "topic" in body) and body.get("topic") not in HOOKS:
        raise WpError(400, f"{prefix}_topic", "Webhook topic is required and must be valid.")
    url = str(body.get("delivery_url", ""))
    if (creating or "delivery_url" in body) and not url.startswith(("http://", "https://")):
        raise WpError(
            400, f"{prefix}_delivery_url", "Webhook delivery URL must start with http:// or https://."
        )
    if body.get("status", "active") not in {"active", "paused", "disabled"}:
        raise bad_param("status", "status is not one of active, paused, and disabled.", "rest_not_in_enum")


def _order() -> str:
    by = request.args.get("orderby", "date")
    if by not in _ORDERS:
        raise bad_param("orderby", f"orderby is not one of {', '.join(_ORDERS)}.", "rest_not_in_enum")
    way = "ASC" if request.args.get("order") == "asc" else "DESC"
    return f"ORDER BY {_ORDERS[by]} {way}, id {way}"


def _filters(site: Site) -> tuple[str, list[Any]]:
    """The WHERE clause of a product list. Variations are no products, and "any" leaves the trash out."""
    given = request.args
    clauses, args = ["kind = 'product'"], list[Any]()
    status = given.get("status", "any")
    clauses.append("status != 'trash'" if status == "any" else "status = ?")
    args += [] if status == "any" else [status]
    for name, column in (("type", "json_extract(doc, '$.type')"), ("sku", "sku"), ("slug", "slug")):
        if given.get(name):
            clauses.append(f"{column} = ?")
            args.append(given[name])
    if given.get("search"):
        clauses.append("json_extract(doc, '$.name') LIKE ?")
        args.append(f"%{given['search']}%")
    for name, operator in (("include", "IN"), ("exclude", "NOT IN")):
        if given.get(name):
            ids = [part for part in given[name].split(",") if part.strip().isdigit()]
            clauses.append(f"id {operator} ({','.join('?' * len(ids))})")
            args += [int(part) for part in ids]
    for name, operator in (("modified_after", ">"), ("modified_before", "<")):
        if given.get(name):
            clauses.append(f"modified {operator} ?")
            args.append(_moment(name, site.options.gmt_offset_h))
    return " AND ".join(clauses), args


def _moment(name: str, gmt_offset_h: float) -> str:
    """A date parameter as GMT. Unless `dates_are_gmt` is set, it is meant in the site's own time."""
    try:
        moment = dt.datetime.fromisoformat(request.args[name])
    except ValueError:
        raise bad_param(name, "Invalid date.", "rest_invalid_date") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    elif not flag("dates_are_gmt"):
        moment -= dt.timedelta(hours=gmt_offset_h)
    return stamp(moment)
