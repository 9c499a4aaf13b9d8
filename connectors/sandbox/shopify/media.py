"""Files of a shop: pictures that get ready in their own time, where shoppers load them, and staged uploads.

A picture is a file of the shop, and products refer to it. Replacing its bytes keeps the address and loses the original.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from connectors.sandbox.remote import Refused, Remote
from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.memory import Doc, Memory

MAX_BYTES, MAX_SIDE_PX, MAX_PIXELS = 20 * 1024 * 1024, 5000, 25_000_000
MAX_ALT_CHARS, MAX_PER_PRODUCT = 512, 250
STAGED_LIFE_S, ORIGINAL_LIFE_S = 3600, 600
MIMES = {"JPEG": ("jpg", "image/jpeg"), "PNG": ("png", "image/png"), "GIF": ("gif", "image/gif")} | {
    "WEBP": ("webp", "image/webp"),
    "MPO": ("jpg", "image/jpeg"),
    "AVIF": ("avif", "image/avif"),
}
SAME = {"jpeg": "jpg"}


class BadSource(ValueError):
    """An address that no picture can be taken from; the name of the user error's code."""


class Media:
    """The files of all shops."""

    def __init__(
        self, folder: Path, memory: Memory, clock: Clock, url: str, *, ready_s: float, remote: Remote
    ) -> None:
        self._folder, self._memory, self._clock = folder, memory, clock
        self._url, self._ready_s, self._remote = url, ready_s, remote
        self._touched: dict[str, set[int]] = {}  # made-up pictures that somebody changed
        folder.mkdir(parents=True, exist_ok=True)

    # -- pictures -------------------------------------------------------------------------------------------

    def media(self, shop: str, media_id: int) -> Doc | None:
        """A picture as it is by now, or None."""
        if media_id >= large.FIRST_MEDIA and media_id not in self._touched_ones(shop):
            return self._made_up(shop, media_id)
        doc = self._memory.document("SELECT doc FROM media WHERE shop = ? AND id = ?", shop, media_id)
        if doc is None or doc.get("gone"):
            return None
        pending = doc.get("pending")
        if pending and pending["ready"] <= self._clock.now():
            doc.pop("pending")
            if pending["error"]:
                doc["update_error"] = pending["error"]
            else:
                doc |= {key: pending[key] for key in ("sha", "mime", "width", "height", "size")}
                doc["version"] = max(doc["version"] + 1, int(pending["ready"]))
            self.save(shop, doc)
        return doc

    def many(self, shop: str, ids: list[int]) -> list[Doc]:
        """Those of these pictures that are there, in order."""
        return [doc for doc in (self.media(shop, one) for one in ids) if doc]

    def add(
        self,
        shop: str,
        data: bytes | None,
        filename: str,
        *,
        alt: str = "",
        at_once: bool = False,
        error: str = "",
    ) -> Doc:
        """A new file; it gets ready, or fails, in its own time. `data` None: it could not be loaded."""
        now = self._clock.now()
        found = self._looked_at(data) if data is not None else {"error": "IMAGE_DOWNLOAD_FAILURE"}
        doc: Doc = {
            "id": self._memory.next_id(),
            "alt": alt,
            **{"mime": "", "width": 0, "height": 0, "size": 0, "sha": "", **found},
            "version": int(now),
            "products": [],
            "created": self._clock.stamp(),
            "updated": self._clock.stamp(),
            "born": now,
            "ready": now if at_once else now + self._ready_s,
            "update_error": "",
        }
        doc["error"] = error or found.get("error", "")
        doc["filename"] = self.free_name(shop, filename, found.get("extension", ""))
        doc.pop("extension", None)
        self._memory.run(
            "INSERT INTO media (shop, id, filename, doc) VALUES (?, ?, ?, ?)",
            *(shop, doc["id"], doc["filename"], json.dumps(doc)),
        )
        return doc

    def save(self, shop: str, doc: Doc) -> None:
        """Write a picture back."""
        if doc["id"] >= large.FIRST_MEDIA:
            self._touched_ones(shop).add(doc["id"])
        self._memory.run(
            "INSERT OR REPLACE INTO media (shop, id, filename, doc) VALUES (?, ?, ?, ?)",
            *(shop, doc["id"], doc["filename"], json.dumps(doc)),
        )

    def replace(self, shop: str, doc: Doc, data: bytes | None) -> None:
        """Other bytes behind the same address, once they are processed."""
        found = self._looked_at(data) if data is not None else {"error": "IMAGE_DOWNLOAD_FAILURE"}
        now = self._clock.now()
        doc["pending"] = {"error": "", **found, "born": now, "ready": now + self._ready_s}
        doc["updated"] = self._clock.stamp()
        self.save(shop, doc)

    def remove(self, shop: str, media_id: int) -> None:
        """For good. What is left of it keeps a made-up picture from being made up again."""
        self.save(shop, {"id": media_id, "filename": f"gone-{media_id}", "gone": True})

    def status(self, doc: Doc) -> str:
        """Where a picture is on its way."""
        now = self._clock.now()
        work = doc.get("pending") or doc
        if now < work["ready"]:
            return "UPLOADED" if now < (work["born"] + work["ready"]) / 2 else "PROCESSING"
        return "FAILED" if doc["error"] else "READY"

    def lock(self, shop: str, media_id: int, seconds: float) -> None:
        """Somebody else's operation holds a file for so long; it is shown as it was meanwhile."""
        doc = self.media(shop, media_id)
        assert doc is not None
        self.save(shop, {**doc, "locked_until": self._clock.now() + seconds})

    def locked(self, doc: Doc) -> bool:
        """Whether somebody else's operation holds a file."""
        return bool(self._clock.now() < doc.get("locked_until", 0.0))

    def files(self, shop: str) -> list[Doc]:
        """Every file that somebody put here, by number."""
        rows = self._memory.rows("SELECT id FROM media WHERE shop = ? ORDER BY id", shop)
        return self.many(shop, [row["id"] for row in rows])

    def free_name(self, shop: str, filename: str, extension: str = "") -> str:
        """A name that no other file has: a UUID is put behind one that is taken."""
        name = PurePosixPath(filename.replace("\\", "/")).name.replace(" ", "_") or "file"
        stem, dot, given = name.rpartition(".")
        if not dot:
            stem, given = name, ""
        suffix = given if SAME.get(given.lower(), given.lower()) == extension or not extension else extension
        name = f"{stem}.{suffix}" if suffix else stem
        return f"{stem}_{uuid.uuid4()}.{suffix}" if self.named(shop, name) else name

    def named(self, shop: str, filename: str) -> Doc | None:
        """The file of this name."""
        return self._memory.document("SELECT doc FROM media WHERE shop = ? AND filename = ?", shop, filename)

    # -- addresses ------------------------------------------------------------------------------------------

    def cdn(self, shop: str, doc: Doc) -> str:
        """Where shoppers load it."""
        return f"{self._url}/s/files/1/{shop}/files/{doc['filename']}?v={doc['version']}"

    def original(self, shop: str, doc: Doc) -> str:
        """Where the file as it was uploaded can be loaded for ten minutes."""
        until = int(self._clock.now()) + ORIGINAL_LIFE_S
        return f"{self._url}/originals/{shop}/{doc['id']}?expires={until}&signature={self._seal(doc['id'], until)}"

    def opens(self, media_id: int, until: str, seal: str) -> bool:
        """Whether such an address is ours and not over."""
        good = until.isdigit() and secrets.compare_digest(seal, self._seal(media_id, int(until)))
        return good and int(until) >= self._clock.now()

    def bytes_of(self, doc: Doc) -> bytes | None:
        """The file."""
        if not doc["sha"]:
            return large.file(doc["filename"])
        path = self._folder / doc["sha"]
        return path.read_bytes() if path.exists() else None

    # -- staged uploads -------------------------------------------------------------------------------------

    def stage(self, shop: str, filename: str, mime: str, method: str) -> dict[str, Any]:
        """A place for one upload, as `stagedUploadsCreate` tells it."""
        key, policy = f"tmp/{shop}/{uuid.uuid4()}/{PurePosixPath(filename).name}", secrets.token_hex(16)
        self._memory.run(
            "INSERT INTO staged (key, shop, filename, mime, policy, until) VALUES (?, ?, ?, ?, ?, ?)",
            *(key, shop, filename, mime, policy, self._clock.now() + STAGED_LIFE_S),
        )
        place = f"{self._url}/staged/{key}"
        if method == "PUT":
            fields, url = {"content_type": mime, "acl": "private"}, f"{place}?policy={policy}"
        else:
            fields, url = {"key": key, "Content-Type": mime, "policy": policy}, f"{self._url}/staged/"
        return {
            "url": url,
            "resourceUrl": place,
            "parameters": [{"name": n, "value": v} for n, v in fields.items()],
        }

    def accept(self, key: str, policy: str, mime: str, data: bytes) -> int:
        """An upload arrives; the status it is answered with."""
        row = self._memory.row("SELECT * FROM staged WHERE key = ?", key)
        if row is None or not secrets.compare_digest(policy, row["policy"]) or mime != row["mime"]:
            return 403
        if row["until"] < self._clock.now() or len(data) > MAX_BYTES:
            return 400
        self._memory.run("UPDATE staged SET sha256 = ? WHERE key = ?", self._keep(data), key)
        return 201

    def source(self, shop: str, address: str) -> tuple[bytes | None, str]:
        """(bytes, file name) behind an `originalSource`; None where nothing could be loaded. Raises `BadSource`."""
        place = f"{self._url}/staged/"
        if address.startswith(place):
            row = self._memory.row("SELECT * FROM staged WHERE key = ?", address.removeprefix(place))
            if row is None or row["shop"] != shop:
                raise BadSource("INVALID_IMAGE_SOURCE_URL")
            path = self._folder / (row["sha256"] or "nothing-uploaded")
            return (path.read_bytes() if path.exists() else None), row["filename"]
        if not address.startswith(("http://", "https://")):
            raise BadSource("INVALID_IMAGE_SOURCE_URL")
        try:
            return self._remote.download(address)
        except Refused:
            return None, PurePosixPath(address.partition("?")[0]).name

    def _looked_at(self, data: bytes) -> Doc:
        if len(data) > MAX_BYTES:
            return {"error": "INVALID_IMAGE_FILE_SIZE"}
        try:
            with Image.open(io.BytesIO(data)) as opened:
                if opened.format not in MIMES:
                    return {"error": "UNSUPPORTED_IMAGE_FILE_TYPE"}
                width, height = opened.size
                if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
                    return {"error": "INVALID_IMAGE_RESOLUTION"}
                opened.load()
                extension, mime = MIMES[opened.format]
        except UnidentifiedImageError:
            return {"error": "UNSUPPORTED_IMAGE_FILE_TYPE"}
        except (OSError, ValueError, Image.DecompressionBombError):
            return {"error": "IMAGE_PROCESSING_FAILURE"}
        size = {"width": width, "height": height, "size": len(data)}
        return {"sha": self._keep(data), "mime": mime, "extension": extension, **size}

    def _keep(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / name
        if not path.exists():
            part = path.with_suffix(f".{uuid.uuid4().hex}")
            part.write_bytes(data)
            part.replace(path)
        return name

    def _seal(self, media_id: int, until: int) -> str:
        return hashlib.sha256(f"{self._memory.option('secret')}:{media_id}:{until}".encode()).hexdigest()[:32]

    def _touched_ones(self, shop: str) -> set[int]:
        if shop not in self._touched:
            rows = self._memory.rows(
                "SELECT id FROM media WHERE shop = ? AND id >= ?", shop, large.FIRST_MEDIA
            )
            self._touched[shop] = {row["id"] for row in rows}
        return self._touched[shop]

    def _made_up(self, shop: str, media_id: int) -> Doc | None:
        products, _ = self._memory.large(shop)
        made_up = 0 <= media_id - large.FIRST_MEDIA < products * large.ROOM
        return large.media(media_id) if made_up else None
