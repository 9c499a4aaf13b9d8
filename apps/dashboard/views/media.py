"""Stored pictures for members of the workspace, by row id: thumbnails in a few sizes, or the file itself."""

from __future__ import annotations

import contextlib

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.templatetags.static import static
from django.utils.cache import get_conditional_response

from apps.catalog.models import Photo
from apps.dashboard.access import Asked, page
from apps.jobs.models import Render
from apps.lib import blobs
from apps.lib.errors import Retry
from gpu_worker import pixels

SIZES_PX = {"160": 160, "480": 480, "1200": 1200}
FULL = "full"
# Addresses carry the start of the hash (?v=), so their bytes never change; without it a browser asks each time.
FOR_EVER = "private, max-age=31536000, immutable"
ASK_EACH_TIME = "private, no-cache"


@page
def photo(request: Asked, pk: int, size: str) -> HttpResponseBase:
    """A merchant's photo. 404 until its bytes were fetched: the store is never linked to from here."""
    row = get_object_or_404(
        Photo.objects.select_related("product"), pk=pk, product__store__workspace=request.workspace
    )
    if not row.key:
        raise Http404("This photo was not fetched yet.")
    # What a store calls a photo may be any file, so it is never shown as it came: only as a download.
    return _answer(request, row.key, row.sha256, size, shown_as="")


@page
def render_file(request: Asked, pk: int, name: str, size: str) -> HttpResponseBase:
    """A file of a render in the role `name`: ``main`` or ``cutout``."""
    row = get_object_or_404(Render, pk=pk, workspace=request.workspace)
    file = row.file(name)
    if file is None:
        raise Http404("This picture has no such file.")
    return _answer(request, file["key"], file["sha256"], size, shown_as=f"image/{file['format']}")


def _answer(request: Asked, key: str, sha256: str, size: str, *, shown_as: str) -> HttpResponseBase:
    if size not in SIZES_PX and size != FULL:
        raise Http404("There is no such size.")
    etag = f'"{sha256[:32]}-{size}"'
    cached = get_conditional_response(request, etag=etag)
    answer = (
        cached if cached is not None and cached.status_code == 304 else _body(key, sha256, size, shown_as)
    )
    answer["ETag"] = etag
    answer["X-Content-Type-Options"] = "nosniff"
    named = request.GET.get("v", "")
    answer["Cache-Control"] = (
        FOR_EVER if named and sha256.startswith(named) and answer.status_code != 302 else ASK_EACH_TIME
    )
    return answer


def _body(key: str, sha256: str, size: str, shown_as: str) -> HttpResponseBase:
    try:
        if size == FULL:
            stream = default_storage.open(key, "rb")
            kind = shown_as or "application/octet-stream"
            return FileResponse(
                stream, content_type=kind, as_attachment=not shown_as, filename=key.rsplit("/", 1)[-1]
            )
        return HttpResponse(thumbnail(key, sha256, SIZES_PX[size]), content_type="image/webp")
    except FileNotFoundError as error:
        raise Http404("The file is no longer in storage.") from error
    except pixels.BadImage:
        return redirect(static("unreadable.svg"))


def thumbnail(key: str, sha256: str, size_px: int) -> bytes:
    """A small WebP copy, made once and kept beside the store's other files, so that it is deleted with them.

    Raises FileNotFoundError and pixels.BadImage.
    """
    folder = key.rsplit("/", 2)[0]
    small_key = f"{folder}/thumbnails/{sha256}-{size_px}.webp"
    small = blobs.read_if_there(small_key)
    if small is None:
        small = pixels.thumbnail(blobs.read(key), size_px, format="webp")
        # Shown all the same where there is no room to keep it.
        with contextlib.suppress(Retry):
            blobs.save(small_key, small)
    return small
