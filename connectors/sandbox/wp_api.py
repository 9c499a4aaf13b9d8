"""wp/v2: the media library, the current user and its application passwords over HTTP; and the index."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from connectors.sandbox.auth import Auth, Caller
from connectors.sandbox.media import BY_UPLOAD, BadFile, Library
from connectors.sandbox.site import Site
from connectors.sandbox.state import Post
from connectors.sandbox.wire import WpError, answer, flag, json_body, listed, paging, picked

ITEM = "GET, POST, PUT, PATCH, DELETE"
MULTIPART_LIMIT_BYTES = (
    2 * 1024 * 1024
)  # PHP's upload_max_filesize as it comes; raw bodies are not bound by it
NAMESPACES = ["oembed/1.0", "wc/v3", "wc/v2", "wc/v1", "wc/store/v1", "wp/v2"]
_TEXTS = {"alt_text": "alt", "title": "title", "caption": "caption", "description": "description"}


def blueprint(site: Site, auth: Auth) -> Blueprint:
    """The index and all wp/v2 routes of one site."""
    routes = Blueprint("wp", __name__, url_prefix="/wp-json")

    @routes.get("/")
    def index() -> Response:
        if not site.options.open_index:
            raise WpError(401, "rest_not_logged_in", "You are not currently logged in.")
        approve = f"{site.url}/wp-admin/authorize-application.php"
        passwords = {"application-passwords": {"endpoints": {"authorization": approve}}}
        home = site.url if site.options.notices_tls else site.url.replace("https://", "http://", 1)
        about: dict[str, Any] = {
            "name": site.options.name,
            "description": "",
            "url": home,
            "home": home,
            "gmt_offset": "0",
        }
        about |= {
            "namespaces": _namespaces(site),
            "authentication": passwords if site.gives_app_passwords else [],
        }
        return answer(picked(about), allow="GET")

    _media(routes, site, auth)
    _media_item(routes, site, auth)
    _users(routes, site, auth)
    return routes


def _namespaces(site: Site) -> list[str]:
    return [name for name in NAMESPACES if site.options.woocommerce or not name.startswith("wc/")]


def _media(routes: Blueprint, site: Site, auth: Auth) -> None:
    shapes, state = site.shapes, site.state

    @routes.get("/wp/v2/media")
    def list_media() -> Response:
        caller = auth.wp_caller()
        page, per_page = paging()
        where, args = "kind = 'attachment'", list[Any]()
        if request.args.get("search"):  # titles, captions and file names
            where += " AND (doc LIKE ? OR slug LIKE ?)"
            args += [f"%{request.args['search']}%"] * 2
        way = "ASC" if request.args.get("order") == "asc" else "DESC"
        by = "id" if request.args.get("orderby") == "id" else "created"
        posts = state.posts(
            f"{where} ORDER BY {by} {way}, id {way} LIMIT ? OFFSET ?", *args, per_page, (page - 1) * per_page
        )
        total = state.count(where, *args)
        allow = "GET, POST" if caller and caller.can("upload_files") else "GET"
        return listed(
            [shapes.media(p) for p in posts], total, page, per_page, f"{site.url}{request.path}", allow
        )

    @routes.post("/wp/v2/media")
    def upload() -> Response:
        caller = _uploader(auth)
        post = _stored(site.media_library, caller)
        fields = request.form.to_dict() if request.files else {}
        if fields:
            _describe(post, fields)
            state.save_post(post)
        location = f"{site.url}/wp-json/wp/v2/media/{post.id}"
        return answer(shapes.media(post), 201, allow="GET, POST", headers={"Location": location})


def _media_item(routes: Blueprint, site: Site, auth: Auth) -> None:
    shapes, state = site.shapes, site.state

    def found(media_id: int) -> Post:
        post = state.post(media_id, "attachment")
        if post is None:
            raise WpError(404, "rest_post_invalid_id", "Invalid post ID.")
        return post

    @routes.get("/wp/v2/media/<int:media_id>")
    def get_media(media_id: int) -> Response:
        auth.wp_caller()
        return answer(picked(shapes.media(found(media_id)), keep_links=True), allow=ITEM)

    @routes.route("/wp/v2/media/<int:media_id>", methods=["POST", "PUT", "PATCH"])
    def update_media(media_id: int) -> Response:
        post = found(media_id)
        _may_touch(auth, post, "edit")
        _describe(post, json_body())
        state.save_post(post)
        return answer(shapes.media(post), allow=ITEM)

    @routes.delete("/wp/v2/media/<int:media_id>")
    def delete_media(media_id: int) -> Response:
        post = found(media_id)
        _may_touch(auth, post, "delete")
        if not flag("force"):
            message = "The post does not support trashing. Set 'force=true' to delete."
            raise WpError(501, "rest_trash_not_supported", message)
        before = shapes.media(post)
        site.media_library.remove(post)
        return answer({"deleted": True, "previous": before})


def _users(routes: Blueprint, site: Site, auth: Auth) -> None:
    def me() -> Caller:
        caller = auth.wp_caller()
        if caller is None:
            raise WpError(401, "rest_not_logged_in", "You are not currently logged in.")
        return caller

    @routes.get("/wp/v2/users/me")
    def get_me() -> Response:
        caller = me()
        user: dict[str, Any] = {"id": caller.user_id, "name": caller.login, "slug": caller.login}
        if request.args.get("context") == "edit":
            capabilities = {name: True for name in ("manage_woocommerce", "upload_files") if caller.can(name)}
            user |= {"username": caller.login, "roles": [caller.role], "capabilities": capabilities}
        return answer(picked(user, keep_links=True), allow=ITEM)

    @routes.get("/wp/v2/users/me/application-passwords/introspect")
    def introspect() -> Response:
        caller = me()
        row = site.state.row("SELECT * FROM app_passwords WHERE uuid = ?", caller.app_password_id)
        assert row is not None  # the caller came in with it
        shown = {"uuid": row["uuid"], "app_id": "", "name": row["name"], "created": row["created"]}
        return answer(shown | {"last_used": None, "last_ip": None}, allow="GET")

    @routes.delete("/wp/v2/users/me/application-passwords/<password_id>")
    def revoke(password_id: str) -> Response:
        caller = me()
        owned = "uuid = ? AND user_id = ?"
        row = site.state.row(f"SELECT * FROM app_passwords WHERE {owned}", password_id, caller.user_id)  # noqa: S608
        if row is None:
            raise WpError(404, "rest_application_password_not_found", "Application password not found.")
        site.state.run("DELETE FROM app_passwords WHERE uuid = ?", password_id)
        return answer({"deleted": True, "previous": {"uuid": row["uuid"], "name": row["name"]}})


def _uploader(auth: Auth) -> Caller:
    caller = auth.wp_caller()
    if caller is None:
        raise WpError(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
    if not caller.can("upload_files"):
        raise WpError(403, "rest_cannot_create", "Sorry, you are not allowed to upload media on this site.")
    return caller


def _may_touch(auth: Auth, post: Post, action: str) -> None:
    caller = auth.wp_caller()
    if caller is None or not (caller.user_id == post.doc["author"] or caller.can("edit_others_posts")):
        status = 401 if caller is None else 403
        raise WpError(status, f"rest_cannot_{action}", f"Sorry, you are not allowed to {action} this post.")


def _stored(library: Library, caller: Caller) -> Post:
    """The uploaded file as an attachment, from a raw body or a multipart form."""
    if request.files:
        file = next(iter(request.files.values()))
        data, filename = file.read(), file.filename or ""
        if len(data) > MULTIPART_LIMIT_BYTES:
            message = "The uploaded file exceeds the upload_max_filesize directive in php.ini."
            raise WpError(500, "rest_upload_unknown_error", message)
    else:
        data, filename = request.get_data(), _named_file()
    digest = request.headers.get("Content-MD5", "").strip().lower()
    if digest and digest != hashlib.md5(data, usedforsecurity=False).hexdigest():
        raise WpError(412, "rest_upload_hash_mismatch", "Content hash did not match expected.")
    try:
        return library.add(data, filename, author=caller.user_id, accepts=BY_UPLOAD)
    except BadFile:
        message = "Sorry, you are not allowed to upload this file type."
        raise WpError(500, "rest_upload_sideload_error", message) from None


def _named_file() -> str:
    if not request.get_data():
        raise WpError(400, "rest_upload_no_data", "No data supplied.")
    disposition = request.headers.get("Content-Disposition", "")
    if not disposition:
        raise WpError(400, "rest_upload_no_content_disposition", "No Content-Disposition supplied.")
    named = re.search(r'filename\s*=\s*"?([^";]+)"?', disposition)
    if named is None:
        message = (
            "Invalid Content-Disposition supplied. Content-Disposition needs to be formatted as `attachment;"
        )
        raise WpError(400, "rest_upload_invalid_disposition", f'{message} filename="image.png"` or similar.')
    return named.group(1).strip()


def _describe(post: Post, fields: Mapping[str, Any]) -> None:
    """Here, unlike in a product's image list, an empty text clears."""
    for sent, kept in _TEXTS.items():
        if sent in fields:
            value = fields[sent]
            text = value.get("raw", "") if isinstance(value, Mapping) else value
            post.doc[kept] = re.sub(r"<[^>]*>", "", str(text or "")).strip()
    if str(fields.get("post") or "").isdigit():
        post.parent_id = int(fields["post"])
