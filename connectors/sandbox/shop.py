"""The pages that shoppers see: the shop, a product, the image files."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, send_file

from connectors.sandbox.shapes import Shapes
from connectors.sandbox.site import Site
from connectors.sandbox.state import Post

PER_PAGE = 24
# What the store decides by extension, so that a page never depends on the machine's own mime table.
TYPES = {
    ".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp", ".tif": "image/tiff", ".ico": "image/x-icon",
}  # fmt: skip


def blueprint(site: Site) -> Blueprint:
    """The public pages of one site."""
    routes = Blueprint(
        "shop", __name__, template_folder="templates", static_folder="static", static_url_path="/shop"
    )
    shapes = site.shapes
    shown = "kind = 'product' AND status = 'publish'"

    @routes.context_processor
    def shop_name() -> dict[str, Any]:
        version = f"WooCommerce {site.options.wc_version}" if site.options.woocommerce else ""
        return {"shop": site.options.name, "generator": version}

    @routes.get("/")
    def front() -> str:
        total = site.state.count(shown)
        pages = max(1, -(-total // PER_PAGE))
        page = min(max(request.args.get("page", 1, type=int), 1), pages)
        posts = site.state.posts(
            f"{shown} ORDER BY id DESC LIMIT ? OFFSET ?", PER_PAGE, (page - 1) * PER_PAGE
        )
        cards = [_card(shapes, post) for post in posts]
        return render_template("shop.html", cards=cards, total=total, page=page, pages=pages)

    @routes.get("/product/<slug>/")
    def product(slug: str) -> str:
        posts = site.state.posts(f"{shown} AND slug = ?", slug)
        if not posts:
            abort(404)
        data = shapes.product(posts[0])
        pictures = shapes.attachments(posts[0].doc.get("image_ids", []))
        gallery = [{**_picture(shapes, a, "woocommerce_single"), "full": shapes.src(a)} for a in pictures]
        thumbs = [_picture(shapes, a, "woocommerce_gallery_thumbnail") for a in pictures]
        return render_template("product.html", product=data, gallery=gallery, thumbs=thumbs)

    @routes.get("/wp-content/uploads/<path:name>")
    def uploads(name: str) -> Response:
        path = site.media_library.path(name)
        if path is None:
            abort(404)
        kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
        return send_file(path, mimetype=kind, conditional=True, max_age=60)

    return routes


def missing_page(shop: str) -> tuple[str, int]:
    """What a shopper sees where there is nothing."""
    return render_template("missing.html", shop=shop), 404


def _card(shapes: Shapes, post: Post) -> dict[str, Any]:
    pictures = shapes.attachments(post.doc.get("image_ids", [])[:1])
    price = shapes.product(post)["price"]
    picture = _picture(shapes, pictures[0], "woocommerce_single") if pictures else None
    return {
        "name": post.doc.get("name", ""),
        "url": f"{request.script_root}/product/{post.slug}/",
        "price": price,
        "picture": picture,
    }


def _picture(shapes: Shapes, post: Post, size: str) -> dict[str, Any]:
    return {"src": shapes.src(post, size), "alt": post.doc["alt"] or post.doc["title"], "id": post.id}
