"""Pictures over HTTP: for members only, by row id, small copies made once, addresses that browsers may keep."""

from __future__ import annotations

import io
from pathlib import Path

from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.jobs.models import Render
from tests import factories
from tests.dashboard.merchants import Merchant


def photo_address(merchant: Merchant, size: str = "160") -> str:
    return reverse("dashboard:photo", args=[merchant.waiting.job.photo_id, size])


def file_address(merchant: Merchant, name: str = "main", size: str = "160") -> str:
    return reverse("dashboard:render-file", args=[merchant.waiting.render_id, name, size])


def test_a_big_photo_becomes_a_small_picture(merchant: Merchant, viewer: Client) -> None:
    photo = factories.PhotoFactory(product=merchant.product, data=factories.picture(size_px=640))
    answer = viewer.get(reverse("dashboard:photo", args=[photo.pk, "160"]))
    assert answer["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (160, 160)


def test_a_small_copy_is_made_once_and_lies_with_its_stores_files(
    merchant: Merchant, viewer: Client, storage_root: Path
) -> None:
    viewer.get(photo_address(merchant))
    folder = storage_root / str(merchant.workspace.pk) / str(merchant.store.pk) / "thumbnails"
    (copy,) = folder.iterdir()
    default_storage.delete(merchant.waiting.job.photo.key)
    assert viewer.get(photo_address(merchant)).content == copy.read_bytes()


def test_a_cut_out_stays_see_through(merchant: Merchant, viewer: Client) -> None:
    answer = viewer.get(file_address(merchant, "cutout"))
    assert Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((0, 0))[3] == 0


def test_a_browser_that_has_the_picture_gets_no_bytes(merchant: Merchant, viewer: Client) -> None:
    first = viewer.get(file_address(merchant))
    again = viewer.get(file_address(merchant), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (
        viewer.get(file_address(merchant, size="480"), headers={"If-None-Match": first["ETag"]}).status_code
        == 200
    )


def test_an_address_with_the_hash_may_be_kept_and_one_without_is_asked_each_time(
    merchant: Merchant, viewer: Client
) -> None:
    start = merchant.waiting.job.photo.sha256[:12]
    kept = viewer.get(f"{photo_address(merchant)}?v={start}")["Cache-Control"]
    asked = viewer.get(photo_address(merchant))["Cache-Control"]
    other = viewer.get(f"{photo_address(merchant)}?v=000000000000")["Cache-Control"]
    assert "private" in kept and "immutable" in kept
    assert asked == other == "private, no-cache"


def test_nobody_outside_the_workspace_sees_a_picture(
    merchant: Merchant, neighbour: Merchant, viewer: Client
) -> None:
    assert viewer.get(photo_address(neighbour)).status_code == 404
    assert viewer.get(file_address(neighbour)).status_code == 404
    assert Client().get(photo_address(merchant)).status_code == 302


def test_a_stores_own_file_is_never_shown_as_a_page(merchant: Merchant, viewer: Client) -> None:
    page = b"<html><script>alert(1)</script></html>"
    photo = factories.PhotoFactory(product=merchant.product, data=page)
    whole = viewer.get(reverse("dashboard:photo", args=[photo.pk, "full"]))
    assert whole["Content-Type"] == "application/octet-stream"
    assert whole["Content-Disposition"].startswith("attachment")
    assert whole["X-Content-Type-Options"] == "nosniff"
    assert b"".join(whole.streaming_content) == page
    small = viewer.get(reverse("dashboard:photo", args=[photo.pk, "160"]))
    assert small.status_code == 302 and small["Location"].endswith("unreadable.svg")


def test_the_finished_file_comes_byte_for_byte(
    merchant: Merchant, viewer: Client, storage_root: Path
) -> None:
    answer = viewer.get(file_address(merchant, size="full"))
    file = merchant.waiting.render.file("main")
    assert answer["Content-Type"] == "image/jpeg"
    assert b"".join(answer.streaming_content) == (storage_root / file["key"]).read_bytes()


def test_what_is_not_there_is_not_found(merchant: Merchant, viewer: Client) -> None:
    assert viewer.get(photo_address(merchant, "99")).status_code == 404
    assert viewer.get(file_address(merchant, "poster")).status_code == 404
    assert viewer.get(reverse("dashboard:photo", args=[merchant.unfetched.pk, "160"])).status_code == 404
    lost = Render.objects.get(pk=merchant.live.render_id)
    default_storage.delete(lost.file("main")["key"])
    assert viewer.get(reverse("dashboard:render-file", args=[lost.pk, "main", "480"])).status_code == 404
