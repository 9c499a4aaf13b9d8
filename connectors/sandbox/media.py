"""The media library: files on disk, their sizes, and the rules by which WordPress names and refuses them."""

from __future__ import annotations

import datetime as dt
import io
import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from connectors.sandbox.state import Post, State

EXTENSIONS = {
    "JPEG": ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "GIF": ("gif", "image/gif"),
    "BMP": ("bmp", "image/bmp"),
    "TIFF": ("tif", "image/tiff"),
    "ICO": ("ico", "image/x-icon"),
    "WEBP": ("webp", "image/webp"),
    "AVIF": ("avif", "image/avif"),
}
SAME = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif"}
BY_SRC = frozenset({"jpg", "png", "gif", "bmp", "tif", "ico", "webp"})  # WooCommerce's own list: no avif
BY_UPLOAD = BY_SRC | {"avif"}
BIG_PX = 2560  # a larger JPEG is served as "-scaled"; the original stays beside it
MAX_PIXELS = 80_000_000

# name, width, height, cropped: what a WordPress with WooCommerce makes of each image
SIZES = (
    ("2048x2048", 2048, 2048, False),
    ("1536x1536", 1536, 1536, False),
    ("large", 1024, 1024, False),
    ("medium_large", 768, 0, False),
    ("woocommerce_single", 600, 0, False),
    ("medium", 300, 300, False),
    ("woocommerce_thumbnail", 300, 300, True),
    ("thumbnail", 150, 150, True),
    ("woocommerce_gallery_thumbnail", 100, 100, True),
)
_QUALITY = 82


class BadFile(Exception):
    """WordPress does not take this file."""


class Library:
    """Attachments and their files under `root`."""

    def __init__(self, root: Path, state: State) -> None:
        self.root = root
        self.state = state
        root.mkdir(parents=True, exist_ok=True)

    def add(
        self, data: bytes, filename: str, *, title: str = "", author: int = 1, accepts: frozenset[str]
    ) -> Post:
        """Store an image as an attachment. Raises `BadFile` for types that WordPress refuses."""
        extension, mime = _checked(data, filename, accepts)
        stem = sanitized(PurePosixPath(filename).stem) or "image"
        with self.state.change():
            path = self._free_path(stem, extension)
            path.write_bytes(data)
            doc: dict[str, Any] = {
                "mime": mime,
                "author": author,
                "alt": "",
                "caption": "",
                "description": "",
            }
            doc |= {"file": self._relative(path), "sizes": {}}
            post = self.state.add_post(
                "attachment", doc | {"title": title or path.stem}, status="inherit", slug=path.stem.lower()
            )
        self._make_sizes(post, path, mime)
        self.state.save_post(post)
        return post

    def remove(self, post: Post) -> None:
        """Delete the attachment, its files, and its places in every product."""
        with self.state.change():
            self.state.run("DELETE FROM posts WHERE id = ?", post.id)
            users = "EXISTS (SELECT 1 FROM json_each(posts.doc, '$.image_ids') WHERE value = ?)"
            for product in self.state.posts(f"kind IN ('product', 'variation') AND {users}", post.id):
                product.doc["image_ids"] = [i for i in product.doc["image_ids"] if i != post.id]
                # WordPress drops the reference without saving the product: its date of change does not move.
                modified = product.modified
                self.state.save_post(product)
                self.state.run("UPDATE posts SET modified = ? WHERE id = ?", modified, product.id)
        folder = (self.root / post.doc["file"]).parent
        names = {PurePosixPath(post.doc["file"]).name, post.doc.get("original", "")}
        names |= {size["file"] for size in post.doc["sizes"].values()}
        for name in names - {""}:
            (folder / name).unlink(missing_ok=True)

    def path(self, relative: str) -> Path | None:
        """The file behind an uploads address, or None if there is none (or it lies outside)."""
        path = (self.root / relative).resolve()
        return path if path.is_relative_to(self.root.resolve()) and path.is_file() else None

    def _free_path(self, stem: str, extension: str) -> Path:
        folder = self.root / f"{dt.datetime.now(dt.UTC):%Y/%m}"
        folder.mkdir(parents=True, exist_ok=True)
        number, name = 0, stem
        while (folder / f"{name}.{extension}").exists() or (folder / f"{name}-scaled.{extension}").exists():
            number += 1
            name = f"{stem}-{number}"
        return folder / f"{name}.{extension}"

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _make_sizes(self, post: Post, path: Path, mime: str) -> None:
        doc = post.doc
        doc["filesize"] = path.stat().st_size
        with Image.open(path) as opened:
            doc["width"], doc["height"] = opened.size
            if mime not in {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"}:
                return
            picture: Image.Image = ImageOps.exif_transpose(opened)
            picture = picture if picture.mode in {"RGB", "RGBA", "L"} else picture.convert("RGBA")
        if mime in {"image/jpeg", "image/gif"}:
            picture = picture.convert("RGB")
        if mime == "image/jpeg" and max(picture.size) > BIG_PX:
            picture = self._scale_down(doc, path, picture)
        for name, width, height, cropped in SIZES:
            made = _resized(picture, width, height, cropped)
            if made is not None:
                doc["sizes"][name] = _saved(made, path, mime)

    def _scale_down(self, doc: dict[str, Any], path: Path, picture: Image.Image) -> Image.Image:
        picture = picture.copy()
        picture.thumbnail((BIG_PX, BIG_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
        scaled = path.with_name(f"{path.stem}-scaled{path.suffix}")
        picture.save(scaled, "JPEG", quality=_QUALITY)
        doc["original"] = path.name
        doc["file"] = self._relative(scaled)
        doc["width"], doc["height"] = picture.size
        doc["filesize"] = scaled.stat().st_size
        return picture


def sanitized(name: str) -> str:
    """A file name as WordPress cleans it: no accents, spaces to hyphens, no other special characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._ -]", "", plain)
    return re.sub(r"[\s-]+", "-", plain).strip(".-_")


def _checked(data: bytes, filename: str, accepts: frozenset[str]) -> tuple[str, str]:
    """(extension, mime type) by content; a wrong extension is put right, a refused type raises."""
    claimed = PurePosixPath(filename).suffix.lstrip(".").lower()
    claimed = SAME.get(claimed, claimed)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            found, size = picture.format or "", picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BadFile from None
    if claimed not in accepts or found not in EXTENSIONS or size[0] * size[1] > MAX_PIXELS:
        raise BadFile
    extension, mime = EXTENSIONS[found]
    if extension not in accepts:
        raise BadFile
    return extension, mime


def _resized(picture: Image.Image, width: int, height: int, cropped: bool) -> Image.Image | None:
    """`picture` in one size, or None if it is not larger than that."""
    height = height or 9999
    if picture.width <= width and picture.height <= height:
        return None
    if cropped:
        box = (min(width, picture.width), min(height, picture.height))
        return ImageOps.fit(picture, box, Image.Resampling.BICUBIC)
    made = picture.copy()
    made.thumbnail((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return made


def _saved(picture: Image.Image, original: Path, mime: str) -> dict[str, Any]:
    path = original.with_name(f"{original.stem}-{picture.width}x{picture.height}{original.suffix}")
    options: dict[str, Any] = {} if mime == "image/png" else {"quality": _QUALITY}
    picture.save(path, **options)
    return {
        "file": path.name,
        "width": picture.width,
        "height": picture.height,
        "filesize": path.stat().st_size,
        "mime_type": mime,
    }
