"""All else that is at Shopify's addresses: shop fronts, picture files, uploads, bulk files, Admin's frame."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, send_file
from PIL import Image
from werkzeug.wrappers import Response as Answer

from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.api import named_shop
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.oauth import frame_query
from connectors.sandbox.shopify.search import Search
from connectors.sandbox.shopify.site import Site

PER_PAGE = 24
_DENIED = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code></Error>"


def blueprint(site: Site) -> Blueprint:
    """The pages of a shop (its name is taken off the path before), and the addresses of files."""
    routes = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/_static"
    )
    _files(routes, site)
    _front(routes, site)
    _frame(routes, site)
    _bills(routes, site)
    return routes


def _front(routes: Blueprint, site: Site) -> None:
    @routes.get("/")
    def front() -> str:
        if not named_shop():
            shops = [site.shop(name) for name in site.names()]
            return render_template("platform.html", shops=shops)
        shop = _shop(site)
        listed = site.catalogue.page(
            shop, Search(), reverse=True, size=PER_PAGE, after=request.args.get("after", "")
        )
        cards = [_card(site, shop, doc) for _, doc in listed.products if doc["status"] == "ACTIVE"]
        further = listed.products[-1][0] if listed.more else ""
        return render_template("front.html", shop=site.shop(shop), cards=cards, further=further)

    @routes.get("/products/<handle>")
    def product(handle: str) -> str:
        shop = _shop(site)
        found = _by_handle(site, shop, handle)
        if found is None or found["status"] != "ACTIVE":
            abort(404)
        pictures = [
            {"src": site.media.cdn(shop, doc), "alt": doc["alt"] or found["title"]}
            for doc in site.media.many(shop, found["media"])
            if site.media.status(doc) == "READY"
        ]
        return render_template("product_page.html", shop=site.shop(shop), product=found, pictures=pictures)


def _frame(routes: Blueprint, site: Site) -> None:
    @routes.get("/admin/apps/<app>", defaults={"path": ""})
    @routes.get("/admin/apps/<app>/<path:path>")
    def frame(app: str, path: str) -> Answer | str:
        """The app's home, or with a path behind it that page of the app's server."""
        shop = _shop(site)
        if not site.access.installed(shop):
            title = site.shop(shop)["title"]
            known = site.access.app
            return render_template("install.html", app=known, shop=title, scopes=known.scopes, fields={})
        home = site.access.app.application_url
        there = urlsplit(home)._replace(path=f"/{path}").geturl() if path else home
        query = request.args.to_dict() | frame_query(site, shop, request.args.get("user", "1001"))
        return render_template(
            "frame.html",
            app=site.access.app,
            shop=site.shop(shop),
            address=f"{there}?{urlencode(query)}",
            base=f"{request.script_root}/admin/apps/{app}",
        )

    @routes.post("/admin/apps/<app>")
    def install(app: str) -> Answer:
        if "cancel" in request.form:
            return redirect(f"{request.script_root}/")
        site.install(_shop(site))
        return redirect(f"{request.script_root}{request.full_path}".rstrip("?"))

    @routes.get("/admin/apps/<app>/session-token")
    def session_token(app: str) -> Response:
        """What App Bridge asks Admin for; here the frame asks for it."""
        return jsonify(token=site.session_token(_shop(site), request.args.get("user", "1001")))


def _files(routes: Blueprint, site: Site) -> None:
    @routes.get("/s/files/1/<shop>/files/<filename>")
    def cdn(shop: str, filename: str) -> Response:
        doc = site.media.named(shop, filename)
        if doc is None and large.file(filename) is not None:
            doc = {"id": 0, "sha": "", "filename": filename, "mime": "image/jpeg", "ready": 0.0, "error": ""}
        elif doc is not None:
            doc = site.media.media(shop, doc["id"])
        if doc is None or doc["error"] or site.clock.now() < doc["ready"]:
            abort(404)
        data = site.media.bytes_of(doc) or abort(404)
        sizes = {key: request.args.get(key, 0, type=int) for key in ("width", "height")}
        if any(sizes.values()):
            data = _smaller(data, sizes["width"] or 10**6, sizes["height"] or 10**6)
        return send_file(io.BytesIO(data), mimetype=doc["mime"], max_age=31536000)

    @routes.get("/originals/<shop>/<int:media_id>")
    def original(shop: str, media_id: int) -> Response:
        given = request.args
        if not site.media.opens(media_id, given.get("expires", ""), given.get("signature", "")):
            return Response(_DENIED.format("ExpiredToken"), 403, content_type="application/xml")
        doc = site.media.media(shop, media_id)
        data = site.media.bytes_of(doc) if doc else None
        if doc is None or data is None:
            abort(404)
        return send_file(io.BytesIO(data), mimetype=doc["mime"])

    @routes.post("/staged/")
    def upload_form() -> Response:
        given = request.files.get("file")
        key, policy = request.form.get("key", ""), request.form.get("policy", "")
        if given is None:
            return _stored(400)
        return _stored(site.media.accept(key, policy, request.form.get("Content-Type", ""), given.read()))

    @routes.put("/staged/<path:key>")
    def upload(key: str) -> Response:
        mime = request.headers.get("Content-Type", "")
        status = site.media.accept(key, request.args.get("policy", ""), mime, request.get_data())
        return _stored(200 if status == 201 else status)

    @routes.get("/bulk/<name>")
    def bulk(name: str) -> Response:
        path = site.bulk.file(name)
        if path is None:
            return Response(_DENIED.format("ExpiredToken"), 403, content_type="application/xml")
        return send_file(path, mimetype="application/jsonl", conditional=True)


def _bills(routes: Blueprint, site: Site) -> None:
    """The page on which a merchant agrees to a plan, or to another cap; it leads back to the app in any case."""

    @routes.get("/admin/charges/<int:plan>/confirm")
    def asks(plan: int) -> str | tuple[str, int]:
        found = site.billing.waiting(_shop(site), plan, request.args.get("signature", ""))
        if found is None:
            return render_template("oops.html", words="This plan does not wait for you any more."), 404
        return render_template("confirm.html", app=site.access.app, plan=found, back=request.full_path)

    @routes.post("/admin/charges/<int:plan>/confirm")
    def decides(plan: int) -> Answer | tuple[str, int]:
        shop = _shop(site)
        found = site.billing.waiting(shop, plan, request.args.get("signature", ""))
        if found is None:
            return render_template("oops.html", words="This plan does not wait for you any more."), 404
        site.billing.decide(shop, found, agreed="agree" in request.form)
        joint = "&" if "?" in found["back"] else "?"
        return redirect(f"{found['back']}{joint}charge_id={plan}")


def _stored(status: int) -> Response:
    words = {200: "", 201: "<?xml version='1.0'?><PostResponse/>", 403: _DENIED.format("AccessDenied")}
    return Response(
        words.get(status, _DENIED.format("EntityTooLarge")), status, content_type="application/xml"
    )


def _shop(site: Site) -> str:
    try:
        return str(site.shop(named_shop())["domain"])
    except KeyError:
        abort(404)


def _by_handle(site: Site, shop: str, handle: str) -> Doc | None:
    made_up = re.fullmatch(r"product-(\d+)", handle)
    if made_up:
        found = site.catalogue.product(shop, large.FIRST_PRODUCT + int(made_up[1]))
        if found is not None and found["handle"] == handle:
            return found
    row = site.memory.row(
        "SELECT id FROM products WHERE shop = ? AND gone = 0 AND json_extract(doc, '$.handle') = ?",
        shop,
        handle,
    )
    return site.catalogue.product(shop, row["id"]) if row else None


def _card(site: Site, shop: str, doc: Doc) -> dict[str, Any]:
    pictures = site.media.many(shop, doc["media"][:1])
    ready = [picture for picture in pictures if site.media.status(picture) == "READY"]
    src = f"{site.media.cdn(shop, ready[0])}&width=600" if ready else ""
    price = min((variant["price"] for variant in doc["variants"]), key=float, default="")
    address = f"{site.url}/{shop}/products/{doc['handle']}"
    return {"title": doc["title"], "price": price, "src": src, "address": address}


def _smaller(data: bytes, width: int, height: int) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        kind = opened.format or "JPEG"
        opened.thumbnail((width, height))
        out = io.BytesIO()
        opened.save(out, kind)
    return out.getvalue()
