"""The sandbox's media library takes, names and refuses files as WordPress does."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from connectors.sandbox.server import Sandbox

MEDIA = "/wp-json/wp/v2/media"


def upload(
    raw: Any, data: bytes, name: str = "vitrine-pub-1.jpg", kind: str = "image/jpeg", **headers: str
) -> Any:
    given = {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"', **headers}
    return raw("POST", MEDIA, data=data, headers={k: v for k, v in given.items() if v})


def test_a_raw_body_becomes_a_media_item(raw: Any, make_photo: Any) -> None:
    answer = upload(raw, make_photo(size=(640, 480)))
    item = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"{MEDIA}/{item['id']}")
    assert (item["slug"], item["title"]["raw"], item["alt_text"]) == ("vitrine-pub-1", "vitrine-pub-1", "")
    assert item["media_details"]["width"] == 640
    assert item["media_details"]["sizes"]["woocommerce_thumbnail"]["file"] == "vitrine-pub-1-300x300.jpg"
    assert {"guid", "mime_type", "media_type", "source_url", "post", "caption", "description"} <= set(item)


def test_what_is_uploaded_is_handed_out_byte_for_byte_and_in_its_sizes(raw: Any, make_photo: Any) -> None:
    data = make_photo(size=(900, 600))
    item = upload(raw, data).json()
    path = item["source_url"].partition("/wp-content")[2]
    answer = raw("GET", f"/wp-content{path}", auth="none")
    assert (answer.content, answer.headers["Content-Type"]) == (data, "image/jpeg")
    for name, box in (("medium", (300, 200)), ("thumbnail", (150, 150)), ("woocommerce_single", (600, 400))):
        small = item["media_details"]["sizes"][name]["source_url"].partition("/wp-content")[2]
        with Image.open(io.BytesIO(raw("GET", f"/wp-content{small}", auth="none").content)) as picture:
            assert picture.size == box


def test_nothing_outside_the_uploads_is_handed_out(shop: Sandbox, raw: Any) -> None:
    assert (shop.site.media_library.root.parent / "store.sqlite3").exists()
    for path in ("../store.sqlite3", "..%2fstore.sqlite3", "%2e%2e/store.sqlite3", "%2fetc/passwd"):
        assert raw("GET", f"/wp-content/uploads/{path}", auth="none").status_code != 200


@pytest.mark.parametrize(
    ("name", "kind", "data", "status", "code"),
    [
        (
            "x.svg",
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            500,
            "rest_upload_sideload_error",
        ),
        ("fake.jpg", "image/jpeg", b"just a text\n", 500, "rest_upload_sideload_error"),
        ("x.jpg", "image/jpeg", b"", 400, "rest_upload_no_data"),
        ("x.php", "image/jpeg", b"<?php", 500, "rest_upload_sideload_error"),
    ],
)
def test_what_is_no_picture_is_refused(
    raw: Any, name: str, kind: str, data: bytes, status: int, code: str
) -> None:
    answer = upload(raw, data, name, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_upload_needs_a_file_name(raw: Any, make_photo: Any) -> None:
    answer = upload(raw, make_photo(), **{"Content-Disposition": ""})
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_upload_no_content_disposition")


def test_a_damaged_upload_is_noticed_by_its_digest(raw: Any, make_photo: Any) -> None:
    answer = upload(raw, make_photo(), **{"Content-MD5": "0" * 32})
    assert (answer.status_code, answer.json()["code"]) == (412, "rest_upload_hash_mismatch")
    good = hashlib.md5(make_photo()).hexdigest()
    assert upload(raw, make_photo(), **{"Content-MD5": good}).status_code == 201


def test_avif_and_webp_are_taken_here(raw: Any, make_photo: Any) -> None:
    for format, kind in (("AVIF", "image/avif"), ("WEBP", "image/webp")):
        answer = upload(raw, make_photo(format=format), f"x.{format.lower()}", kind)
        assert (answer.status_code, answer.json().get("mime_type")) == (201, kind)


def test_names_are_made_unique_and_extensions_put_right(raw: Any, make_photo: Any) -> None:
    names = [upload(raw, make_photo(), "my phöto.jpg").json()["filename"] for _ in range(3)]
    assert names == ["my-photo.jpg", "my-photo-1.jpg", "my-photo-2.jpg"]
    assert upload(raw, make_photo(format="PNG"), "wrong.jpg").json()["filename"] == "wrong.png"


def test_a_large_jpeg_is_served_scaled(shop: Sandbox, raw: Any, make_photo: Any) -> None:
    data = make_photo(size=(3000, 300))
    item = upload(raw, data, "wide.jpg").json()
    assert item["source_url"].endswith("/wide-scaled.jpg")
    assert (item["media_details"]["width"], item["media_details"]["original_image"]) == (2560, "wide.jpg")
    original = item["source_url"].partition("/wp-content")[2].replace("-scaled", "")
    assert raw("GET", f"/wp-content{original}", auth="none").content == data


def test_raw_bodies_may_be_larger_than_multipart_ones(raw: Any, make_photo: Any) -> None:
    big = make_photo() + b"\0" * (2 * 1024 * 1024)
    assert upload(raw, big).status_code == 201
    form = raw("POST", MEDIA, files={"file": ("big.jpg", big, "image/jpeg")})
    assert (form.status_code, form.json()["code"]) == (500, "rest_upload_unknown_error")


def test_multipart_describes_in_the_same_call(raw: Any, make_photo: Any) -> None:
    form = {"alt_text": "Alt", "title": "Title", "caption": "Cap"}
    answer = raw("POST", MEDIA, files={"file": ("a.jpg", make_photo(), "image/jpeg")}, data=form)
    item = answer.json()
    assert answer.status_code == 201
    assert (item["alt_text"], item["title"]["raw"], item["caption"]["raw"]) == ("Alt", "Title", "Cap")


def test_texts_are_changed_found_and_cleared(raw: Any, make_photo: Any) -> None:
    media_id = upload(raw, make_photo()).json()["id"]
    body = {"alt_text": "<i>AT</i>", "title": "TT", "caption": "CC"}
    item = raw("POST", f"{MEDIA}/{media_id}", body).json()
    assert (item["alt_text"], item["title"]["raw"], item["slug"]) == ("AT", "TT", "vitrine-pub-1")
    found = raw("GET", f"{MEDIA}?search=vitrine-pub-1&_fields=id,slug").json()
    assert found == [{"id": media_id, "slug": "vitrine-pub-1"}]
    assert raw("GET", f"{MEDIA}?search=nothing").json() == []
    assert raw("POST", f"{MEDIA}/{media_id}", {"alt_text": ""}).json()["alt_text"] == ""


def test_deleting_needs_force_and_takes_the_files_along(shop: Sandbox, raw: Any, make_photo: Any) -> None:
    media_id = upload(raw, make_photo(size=(700, 700))).json()["id"]
    refused = raw("DELETE", f"{MEDIA}/{media_id}")
    assert (refused.status_code, refused.json()["code"]) == (501, "rest_trash_not_supported")
    product = raw("POST", "/wp-json/wc/v3/products", {"name": "Mug", "images": [{"id": media_id}]}).json()
    gone = raw("DELETE", f"{MEDIA}/{media_id}?force=true").json()
    assert gone["deleted"] is True
    assert gone["previous"]["id"] == media_id
    assert raw("GET", f"/wp-json/wc/v3/products/{product['id']}").json()["images"] == []
    assert [path for path in shop.site.media_library.root.rglob("*") if path.is_file()] == []
    assert raw("DELETE", f"{MEDIA}/{media_id}?force=true").status_code == 404


def test_roles_decide_who_may_upload_and_touch(shop: Sandbox, raw: Any, make_photo: Any) -> None:
    shop.site.add_user("ann", "author")
    shop.site.add_user("cus", "customer")
    ann, cus = (("ann", shop.site.add_app_password("ann")), ("cus", shop.site.add_app_password("cus")))
    headers = {"Content-Type": "image/jpeg", "Content-Disposition": 'attachment; filename="x.jpg"'}
    assert raw("POST", MEDIA, data=make_photo(), headers=headers, auth=cus).status_code == 403
    own = raw("POST", MEDIA, data=make_photo(), headers=headers, auth=ann).json()["id"]
    others = upload(raw, make_photo()).json()["id"]
    assert raw("POST", f"{MEDIA}/{own}", {"title": "Mine"}, auth=ann).status_code == 200
    assert raw("POST", f"{MEDIA}/{others}", {"title": "Mine"}, auth=ann).status_code == 403
    assert raw("POST", MEDIA, data=make_photo(), headers=headers, auth="none").status_code == 401
