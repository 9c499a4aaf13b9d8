"""The files of a shop: put there under a name of ours, found by it again, described, deleted.

A file belongs to the shop, and products refer to it. It is processed in its own time, and nothing can be done with it
before it is READY. https://shopify.dev/docs/apps/build/online-store/product-media
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.errors import NotFound, NotJson, Rejected, StillWorking, TooLarge
from connectors.forms import Form
from connectors.shopify import mapping
from connectors.shopify.client import AdminClient, part
from connectors.types import LibraryFile, RemoteImage

# https://help.shopify.com/en/manual/products/product-media/product-media-types
MAX_BYTES = 20 * 1024 * 1024
MAX_ALT_CHARS = 512
# How long a file is waited for while the caller waits too, look by look; what takes longer is looked for another time.
LOOKS_S = (0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0)
_ALREADY = "FILENAME_ALREADY_EXISTS"
_IN_WORDS = {
    "FILE_STORAGE_LIMIT_EXCEEDED": "the store's space for files is used up; make room in Shopify under Content, Files",
    "INVALID_IMAGE_RESOLUTION": "Shopify takes pictures of up to 25 megapixels, 5000 pixels a side; this is larger",
    "INVALID_IMAGE_FILE_SIZE": "Shopify takes files of up to 20 MB, and this one is larger",
    "INVALID_IMAGE_ASPECT_RATIO": "Shopify does not take pictures that are so narrow",
    "UNSUPPORTED_IMAGE_FILE_TYPE": "Shopify does not take pictures of this kind",
    "IMAGE_DOWNLOAD_FAILURE": "Shopify could not load the picture",
    "IMAGE_PROCESSING_FAILURE": "Shopify could not process the picture",
    "UNACCEPTABLE_UNVERIFIED_TRIAL_ASSET": "a store on trial takes files once its owner's e-mail address is confirmed",
}


class Files:
    """The files of one shop."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    # -- putting there ------------------------------------------------------------------------------------

    def upload(self, data: bytes, filename: str, content_type: str, alt: str) -> RemoteImage:
        """A file under exactly this name. One that has it already is ours from an earlier try: never is there a second.

        Raises Rejected where Shopify does not take it, StillWorking where it is not READY in time: it is there then.
        """
        if len(data) > MAX_BYTES:
            raise TooLarge(_IN_WORDS["INVALID_IMAGE_FILE_SIZE"])
        source = self._staged(data, filename, content_type)
        wanted = {
            "originalSource": source,
            "filename": filename,
            "alt": alt[:MAX_ALT_CHARS],
            "contentType": "IMAGE",
            "duplicateResolutionMode": "RAISE_ERROR",
        }
        try:
            return self._created(wanted)
        except Rejected as error:
            if error.code != _ALREADY:
                raise
        there = self._named(filename)
        if there is None:
            self._forget_failed(filename)
            raise StillWorking(f"the store has a file {filename} already and does not show it yet")
        return there

    def download(self, src: str, alt: str) -> RemoteImage:
        """A file that the shop loads from an address, anew each time."""
        return self._created({"originalSource": src, "alt": alt[:MAX_ALT_CHARS], "contentType": "IMAGE"})

    def _staged(self, data: bytes, filename: str, content_type: str) -> str:
        """Put the bytes where `fileCreate` may take them from; their address."""
        wanted = {
            "resource": "IMAGE",
            "filename": filename,
            "mimeType": content_type,
            "httpMethod": "POST",
            "fileSize": str(len(data)),
        }
        told = part(self._client.run("staged_uploads_create", {"input": [wanted]}), "stagedUploadsCreate")
        target = next(iter(_listed(told.get("stagedTargets"))), {})
        url, source = mapping.text(target.get("url")), mapping.text(target.get("resourceUrl"))
        if not url or not source:
            raise NotJson("an answer without a place for the file")
        fields = {
            mapping.text(one.get("name")): mapping.text(one.get("value"))
            for one in _listed(target.get("parameters"))
        }
        self._client.http.post_form(url, Form(fields, filename, content_type, data))
        return source

    def _created(self, wanted: Mapping[str, str]) -> RemoteImage:
        told = part(self._client.run("file_create", {"files": [dict(wanted)]}), "fileCreate")
        made = next(iter(_listed(told.get("files"))), {})
        [image] = self.ready([mapping.number_of(made.get("id"))], delete_failed=True)
        return image

    # -- looking ------------------------------------------------------------------------------------------

    def ready(self, ids: Sequence[str], *, delete_failed: bool = False) -> list[RemoteImage]:
        """The pictures of these numbers, waited for. Raises Rejected for what is none or failed, StillWorking for what
        takes longer. `delete_failed`: nobody but us knows of the file yet, so one that failed is not left behind."""
        for wait_s in (*LOOKS_S, None):
            nodes = self._nodes(ids)
            for media_id, node in zip(ids, nodes, strict=True):
                if node is None:
                    raise Rejected(
                        f"#{media_id} is an invalid image ID.", status=400, code="invalid_image_id"
                    )
                if node.get("status") == "FAILED":
                    if delete_failed:
                        self.delete(media_id)
                    raise _failed(node)
            if all(node is not None and mapping.is_picture(node) for node in nodes):
                return [mapping.image(node) for node in nodes if node is not None]
            if wait_s is not None:
                self._client.http.wait(wait_s)
        raise StillWorking("the store is still processing the picture")

    def _nodes(self, ids: Sequence[str]) -> list[Mapping[str, Any] | None]:
        """What is there under these numbers; None for what is no picture."""
        if not all(_is_number(media_id) for media_id in ids):
            bad = next(media_id for media_id in ids if not _is_number(media_id))
            raise Rejected(f"#{bad[:40]} is an invalid image ID.", status=400, code="invalid_image_id")
        told = self._client.run("media", {"ids": [mapping.gid("MediaImage", one) for one in ids]}).get(
            "nodes"
        )
        if not isinstance(told, list) or len(told) != len(ids):
            raise NotJson("an answer with other files than those that were asked for")
        return [node if isinstance(node, Mapping) and node.get("status") else None for node in told]

    def one(self, media_id: str) -> LibraryFile:
        """A file by its number. Raises NotFound. Shopify does not tell where files are used."""
        node = self._nodes([media_id])[0] if _is_number(media_id) else None
        if node is None:
            raise NotFound("the file is no longer in the store", status=404)
        shown = mapping.image(node).src if mapping.is_picture(node) else ""
        return LibraryFile(media_id, _file_name(shown))

    def starting_with(self, stem: str) -> list[RemoteImage]:
        """The pictures whose file name starts with `stem`, oldest first. Raises StillWorking while one is processed.

        Those that failed are left out: they can be shown nowhere. Shopify's search runs behind by some seconds.
        """
        found = self._found(f"filename:{stem}*") if re.fullmatch(r"[A-Za-z0-9_.-]+", stem) else []
        if any(node.get("fileStatus") in {"UPLOADED", "PROCESSING"} for node in found):
            raise StillWorking("the store is still processing the picture")
        named = re.compile(re.escape(stem) + r"(?![0-9a-z])", re.IGNORECASE)
        pictures = [mapping.image(node) for node in found if mapping.is_picture(node)]
        return [image for image in pictures if named.match(_file_name(image.src))]

    def _named(self, filename: str) -> RemoteImage | None:
        stem = PurePosixPath(filename).stem
        return next((i for i in self.starting_with(stem) if _file_name(i.src) == filename), None)

    def _forget_failed(self, filename: str) -> None:
        """A file of this name that came to nothing keeps the name from a good one."""
        for node in self._found(f'filename:"{filename}"'):
            if node.get("fileStatus") == "FAILED":
                self.delete(mapping.number_of(node.get("id")))

    def _found(self, query: str) -> list[Mapping[str, Any]]:
        return mapping.nodes(self._client.run("files", {"query": query}), "files")

    # -- changing -----------------------------------------------------------------------------------------

    def describe(self, media_id: str, alt: str) -> None:
        """Give a file this alternative text."""
        self.update([{"id": mapping.gid("MediaImage", media_id), "alt": alt[:MAX_ALT_CHARS]}])

    def update(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Change files: their texts, and which products refer to them; all of it or nothing."""
        if changes:
            self._client.run("file_update", {"files": [dict(change) for change in changes]})

    def delete(self, media_id: str) -> None:
        """Take a file out of the shop, for good. Gone already is fine."""
        if not _is_number(media_id):
            return
        try:
            self._client.run("file_delete", {"ids": [mapping.gid("MediaImage", media_id)]})
        except NotFound:
            return


def _failed(node: Mapping[str, Any]) -> Rejected:
    """What became of a file that Shopify could not do anything with."""
    error = next(iter(_listed(node.get("mediaErrors"))), {})
    code = mapping.text(error.get("code"))
    words = _IN_WORDS.get(code) or mapping.text(error.get("message")) or "Shopify could not use the file"
    return Rejected(words, code=code or "failed")


def _file_name(src: str) -> str:
    return PurePosixPath(unquote(urlsplit(src).path)).name


def _is_number(media_id: str) -> bool:
    return media_id.isascii() and media_id.isdigit() and len(media_id) <= 20


def _listed(value: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
