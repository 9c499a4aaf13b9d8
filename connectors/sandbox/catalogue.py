"""Writing products and variations by WooCommerce's rules, image lists above all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.media import BY_SRC, BadFile
from connectors.sandbox.remote import Refused
from connectors.sandbox.shapes import PRICES, WRITABLE
from connectors.sandbox.site import Site
from connectors.sandbox.state import Post
from connectors.sandbox.wire import WpError

TYPES = ("simple", "variable", "grouped", "external")
STATUSES = ("publish", "draft", "pending", "private", "future")


class Catalogue:
    """The products of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._state = site.state

    def create(self, body: Mapping[str, Any]) -> Post:
        """A new product. Images sideloaded by a creation that fails are rolled back."""
        _check_enums(body)
        sideloaded: list[int] = []
        try:
            self._check_sku(body, None)
            images = self._image_ids(body.get("images") or [], sideloaded)
            doc = _merged({"type": "simple", "image_ids": images or []}, body)
            name = str(doc.get("name", ""))
            slug = slug_of(str(body.get("slug") or name)) or "product"
            status, sku = str(body.get("status", "publish")), str(body.get("sku") or "")
            with self._state.change():
                post = self._state.add_post("product", doc, status=status, slug=slug, sku=sku)
                self._site.hooks.fire("created", post)
        except WpError:
            for attachment in self._site.shapes.attachments(sideloaded):
                self._site.media_library.remove(attachment)
            raise
        return post

    def update(self, product_id: int, body: Mapping[str, Any]) -> Post:
        """Change a product. Images sideloaded by an update that fails stay as orphans."""
        self._writable(product_id)
        _check_enums(body)
        self._check_sku(body, product_id)
        images = self._image_ids(body["images"] or [], []) if "images" in body else None
        with self._state.change():
            post = self._writable(product_id)
            post.doc = _merged(post.doc, body)
            if images is not None:
                post.doc["image_ids"] = images
            post.status = str(body.get("status", post.status))
            post.sku = str(body["sku"] or "") if "sku" in body else post.sku
            if body.get("slug"):
                post.slug = slug_of(str(body["slug"]))
            self._state.save_post(post)
            self._site.hooks.fire("updated", post)
        return post

    def delete(self, product_id: int, *, force: bool) -> Post:
        """To the trash, which webhooks tell; or for good, which they don't."""
        post = self._writable(product_id)
        with self._state.change():
            if force:
                self._state.run(
                    "DELETE FROM posts WHERE id = ? OR (parent_id = ? AND kind = 'variation')",
                    post.id,
                    post.id,
                )
                return post
            if post.status == "trash":
                raise WpError(
                    410, "woocommerce_rest_already_trashed", "The product has already been deleted."
                )
            post.doc["untrashed_status"] = post.status
            post.status = "trash"
            self._state.save_post(post)
            self._site.hooks.fire("deleted", post)
        return post

    def restore(self, product_id: int) -> Post:
        """Out of the trash, as from the admin's list."""
        with self._state.change():
            post = self._writable(product_id)
            post.status = post.doc.pop("untrashed_status", "draft")
            self._state.save_post(post)
            self._site.hooks.fire("restored", post)
        return post

    def readable(self, product_id: int) -> Post:
        """A product, or a variation as a product. Raises WooCommerce's 404."""
        post = self._state.post(product_id, "product", "variation")
        if post is None:
            raise invalid_id(404)
        return post

    def create_variation(self, parent_id: int, body: Mapping[str, Any]) -> Post:
        """A variation of a variable product; the parent's date moves."""
        with self._state.change():
            parent = self._writable(parent_id)
            doc = _merged({"type": "variation", "image_ids": self._single_image(body) or []}, body)
            slug = slug_of(f"{parent.slug}-{len(doc.get('attributes', []))}")
            status, sku = str(body.get("status", "publish")), str(body.get("sku") or "")
            post = self._state.add_post(
                "variation", doc, status=status, slug=slug, sku=sku, parent_id=parent.id
            )
            self._state.save_post(parent)
            self._site.hooks.fire("created", post)
        return post

    def update_variation(self, parent_id: int, variation_id: int, body: Mapping[str, Any]) -> Post:
        """Change a variation; webhooks carry its own id, and the parent's date moves."""
        self.variation(parent_id, variation_id)
        image = self._single_image(body)
        with self._state.change():
            post = self.variation(parent_id, variation_id)
            post.doc = _merged(post.doc, body)
            if image is not None:
                post.doc["image_ids"] = image
            post.sku = str(body["sku"] or "") if "sku" in body else post.sku
            self._state.save_post(post)
            self._state.save_post(self._writable(parent_id))
            self._site.hooks.fire("updated", post)
        return post

    def variation(self, parent_id: int, variation_id: int) -> Post:
        """A variation of this product. Raises 404."""
        post = self._state.post(variation_id, "variation")
        if post is None or post.parent_id != parent_id:
            raise WpError(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
        return post

    def _writable(self, product_id: int) -> Post:
        post = self.readable(product_id)
        if post.kind == "variation":
            raise WpError(
                404,
                "woocommerce_rest_invalid_product_id",
                "To manipulate product variations you should use the"
                " /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.",
            )
        return post

    def _single_image(self, body: Mapping[str, Any]) -> list[int] | None:
        """The image of a variation: null, {} and "" clear it; absent leaves it."""
        if "image" not in body:
            return None
        return self._image_ids([body["image"]], []) if body["image"] else []

    def _image_ids(self, entries: Any, sideloaded: list[int]) -> list[int]:
        """The ids of a new image list, in order. Every `src` is downloaded each time, and stays."""
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise WpError(400, "rest_invalid_param", "Invalid parameter(s): images")
        ids = []
        for entry in entries:
            given = entry if isinstance(entry, Mapping) else {}
            image_id = _int(given.get("id"))
            if not image_id and given.get("src"):
                image_id = self._sideload(str(given["src"]), str(given.get("name") or ""))
                sideloaded.append(image_id)
            attachment = self._state.post(image_id, "attachment")
            if attachment is None:
                raise WpError(
                    400, "woocommerce_product_invalid_image_id", f"#{image_id} is an invalid image ID."
                )
            self._describe(attachment, given)
            ids.append(image_id)
        return ids

    def _describe(self, attachment: Post, given: Mapping[str, Any]) -> None:
        """Name and alt belong to the attachment, wherever else it is used; empty ones change nothing."""
        told = {"alt": _no_tags(given.get("alt")), "title": _no_tags(given.get("name"))}
        changes = {k: v for k, v in told.items() if v}
        if changes:
            attachment.doc |= changes
            self._state.save_post(attachment)

    def _sideload(self, src: str, title: str) -> int:
        try:
            data, filename = self._site.remote.download(src)
        except Refused as error:
            message = f"Error getting remote image {src}. Error: {error}"
            raise WpError(400, "woocommerce_product_image_upload_error", message) from None
        try:
            post = self._site.media_library.add(data, filename, title=title, accepts=BY_SRC)
        except BadFile:
            message = "Invalid image: Sorry, you are not allowed to upload this file type."
            raise WpError(400, "woocommerce_product_image_upload_error", message) from None
        if not title:  # without a name the title is the whole file name
            post.doc["title"] = post.doc.get("original") or post.doc["file"].rpartition("/")[2]
            self._state.save_post(post)
        return post.id

    def _check_sku(self, body: Mapping[str, Any], own_id: int | None) -> None:
        sku = str(body.get("sku") or "")
        if not sku:
            return
        other = self._state.row(
            "SELECT id FROM posts WHERE sku = ? AND status != 'trash' AND id != ?", sku, own_id or 0
        )
        if other:
            raise WpError(
                400,
                "product_invalid_sku",
                "Invalid or duplicated SKU.",
                resource_id=other["id"],
                unique_sku=f"{sku}-1",
            )


def invalid_id(status: int) -> WpError:
    """WooCommerce's error for a product that is not there."""
    return WpError(status, "woocommerce_rest_product_invalid_id", "Invalid ID.")


def _merged(doc: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The product's fields with those of the request over them; unknown ones are ignored."""
    out = dict(doc)
    for name in (WRITABLE | {"name", "type", *PRICES}) & body.keys():
        value = body[name]
        out[name] = "" if value is None else str(value) if name in (*PRICES, "name") else value
    for name in ("categories", "tags", "brands"):
        if isinstance(body.get(name), list):
            out[name] = [_int(term.get("id")) for term in body[name] if isinstance(term, Mapping)]
    if isinstance(body.get("attributes"), list):
        out["attributes"] = [
            _attribute(a, i) for i, a in enumerate(body["attributes"]) if isinstance(a, Mapping)
        ]
    if isinstance(body.get("meta_data"), list):
        out["meta_data"] = _merged_meta(out.get("meta_data", []), body["meta_data"])
    return out


def _attribute(given: Mapping[str, Any], position: int) -> dict[str, Any]:
    name = str(given.get("name", ""))
    if "option" in given:  # a variation's choice
        return {"id": 0, "name": name, "slug": slug_of(name), "option": str(given["option"])}
    flags = {"visible": bool(given.get("visible", True)), "variation": bool(given.get("variation", False))}
    return {
        "id": 0,
        "name": name,
        "slug": name,
        "position": position,
        **flags,
        "options": list(given.get("options", [])),
    }


def _merged_meta(have: list[dict[str, Any]], given: list[Any]) -> list[dict[str, Any]]:
    by_key = {entry["key"]: entry for entry in have}
    next_id = max((entry["id"] for entry in have), default=2000) + 1
    for entry in given:
        if not isinstance(entry, Mapping) or not entry.get("key"):
            continue
        key = str(entry["key"])
        if entry.get("value") is None:
            by_key.pop(key, None)
            continue
        by_key[key] = {"id": by_key.get(key, {}).get("id", next_id), "key": key, "value": entry["value"]}
        next_id += 1
    return list(by_key.values())


def _check_enums(body: Mapping[str, Any]) -> None:
    for name, allowed in (("type", TYPES), ("status", STATUSES)):
        if name in body and body[name] not in allowed:
            listed = ", ".join(allowed)
            raise WpError(
                400,
                "rest_invalid_param",
                f"Invalid parameter(s): {name}",
                params={name: f"{name} is not one of {listed}."},
            )


def slug_of(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _no_tags(value: Any) -> str:
    return re.sub(r"<[^>]*>", "", str(value or "")).strip()


def _int(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0
