"""Open, shrink, describe and compare pictures of unknown origin. Pillow only: Django imports this too.

A file is judged by its header before a single pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 80_000_000
MAX_BYTES = 64 * 1024 * 1024
MIN_SIDE_PX = 2

# Pillow's own guard is replaced by ours, which refuses at the header for every size and every format.
Image.MAX_IMAGE_PIXELS = None

# Format as Pillow names it → as we name it. EPS and the like are left out: Pillow would start an interpreter for them.
FORMATS = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "AVIF": "avif",
    "HEIF": "heic",
    "TIFF": "tiff",
    "BMP": "bmp",
    "GIF": "gif",
}


class BadImage(Exception):
    """This file can't be used as a photo."""

    code = "bad_image"

    def __init__(self, message: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip()
        super().__init__(self.message)


class NotAnImage(BadImage):
    """This file is not a picture."""

    code = "not_an_image"


class Unsupported(BadImage):
    """This kind of picture is not supported."""

    code = "unsupported_image"


class Truncated(BadImage):
    """The picture is damaged or incomplete."""

    code = "truncated_image"


class TooManyPixels(BadImage):
    """The picture has more pixels than we accept."""

    code = "too_many_pixels"


class TooManyBytes(BadImage):
    """The file is larger than we accept."""

    code = "too_many_bytes"


class TooSmall(BadImage):
    """The picture is too small to be a product photo."""

    code = "too_small"


@dataclass(frozen=True)
class Description:
    """What a header says of a picture, as it will be seen: sides are given after the EXIF turn."""

    format: str
    width_px: int
    height_px: int
    mode: str
    has_alpha: bool
    frames: int
    turned: bool
    has_profile: bool


@cache
def _register_heif() -> None:
    import pillow_heif

    # Reading AVIF is Pillow's own; this only teaches it HEIC.
    pillow_heif.register_heif_opener(thumbnails=False)


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in {
        b"heic",
        b"heix",
        b"hevc",
        b"hevx",
        b"mif1",
        b"msf1",
        b"heim",
        b"heis",
    }


def _bytes_of(source: bytes | Path, max_bytes: int) -> bytes:
    size_bytes = source.stat().st_size if isinstance(source, Path) else len(source)
    if size_bytes > max_bytes:
        raise TooManyBytes(f"The file has {size_bytes / 1e6:.1f} MB; the limit is {max_bytes / 1e6:.0f} MB.")
    return source.read_bytes() if isinstance(source, Path) else source


def _open_header(source: bytes | Path, max_pixels: int, max_bytes: int) -> Image.Image:
    """The picture, not yet decoded. Raises a BadImage."""
    data = _bytes_of(source, max_bytes)
    if _is_heif(data[:16]):
        _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=list(_readable()))
    except UnidentifiedImageError:
        raise NotAnImage(_why_not(data)) from None
    except (OSError, ValueError, SyntaxError, struct.error, RuntimeError, EOFError) as error:
        raise Truncated(f"The picture is damaged: {error}.") from error
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        raise TooManyPixels(
            f"The picture has {width_px} × {height_px} pixels; the limit is {max_pixels / 1e6:.0f} megapixels."
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise TooSmall(
            f"The picture has {width_px} × {height_px} pixels; it needs {MIN_SIDE_PX} on each side."
        )
    return image


def _readable() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _why_not(data: bytes) -> str:
    if not data:
        return "The file is empty."
    if data[:5] in {b"<?xml", b"<svg "}:
        return "This is an SVG or XML file, not a photo."
    if data[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "This is a web page, not a picture."
    return "This file is not a picture."


def open_safely(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Image.Image:
    """The decoded first frame, as stored: neither turned nor converted.

    Raises NotAnImage, Unsupported, Truncated, TooManyPixels, TooManyBytes or TooSmall, all of them BadImage.
    """
    image = _open_header(source, max_pixels, max_bytes)
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # decoders of a dozen formats raise a dozen kinds of errors on damaged data
        raise Truncated(f"The picture is damaged: {error}.") from error
    return image


def describe(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Description:
    """What the header says; pixels are not decoded. Raises as `open_safely`, but can't see damage further on."""
    image = _open_header(source, max_pixels, max_bytes)
    # Orientations 5 to 8 lie on their side (EXIF 2.32, tag 0x0112).
    orientation = _orientation(image)
    width_px, height_px = image.size if orientation < 5 else image.size[::-1]
    return Description(
        format=FORMATS[image.format or ""],
        width_px=width_px,
        height_px=height_px,
        mode=image.mode,
        has_alpha="A" in image.getbands() or "transparency" in image.info,
        frames=int(getattr(image, "n_frames", 1)),
        turned=orientation != 1,
        has_profile=bool(image.info.get("icc_profile")),
    )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # a broken EXIF block is no reason to refuse the photo
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; unchanged where EXIF is missing or broken."""
    return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image


def thumbnail(source: bytes | Path, size_px: int, *, format: str = "jpeg", quality: int = 82) -> bytes:
    """A small copy whose longest side is at most `size_px`, as JPEG (on white) or WebP (keeps alpha), without metadata.

    Raises BadImage as `open_safely`; ValueError for another format.
    """
    if format not in {"jpeg", "webp"}:
        raise ValueError(f"thumbnails are jpeg or webp, not {format!r}")
    image = _open_header(source, MAX_PIXELS, MAX_BYTES)
    try:
        image.draft("RGB", (size_px, size_px))  # lets JPEG decode at a fraction of its size
        image = upright(image)
        image = _as_rgba(image) if format == "webp" else on_white(image)
        image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    except Exception as error:
        raise Truncated(f"The picture is damaged: {error}.") from error
    out = io.BytesIO()
    image.save(out, format.upper(), quality=quality)
    return out.getvalue()


def _as_rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        image = _eight_bits(image)
    return image.convert("RGBA")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey brought to 8; Pillow's own conversion would clip instead of scale."""
    return image.convert("I").point([value >> 8 for value in range(65536)], "L")


def on_white(image: Image.Image) -> Image.Image:
    """The picture in RGB, whatever is transparent filled with white."""
    if image.mode in {"CMYK", "YCbCr", "LAB", "RGB"} and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = _as_rgba(image)
    ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    ground.alpha_composite(rgba)
    return ground.convert("RGB")


def same_picture(a: bytes | Path, b: bytes | Path, tolerance: float = 0.06) -> bool:
    """Whether two files show the same picture, though re-encoded, resized or with other metadata.

    Two views are compared: the share of differing gradient bits (a difference hash of 16 × 16) and the mean level of a
    16 × 16 grid of colour, which a hash of gradients can't see. `tolerance` bounds both, as shares of 1.
    """
    small_a, small_b = _signature(a), _signature(b)
    ratio = small_a.aspect / small_b.aspect
    if not 0.95 < ratio < 1.05:
        return False
    return small_a.bits_apart(small_b) <= 2 * tolerance and small_a.levels_apart(small_b) <= tolerance


@dataclass(frozen=True)
class _Signature:
    aspect: float
    horizontal: bytes
    vertical: bytes
    colour: bytes

    def bits_apart(self, other: _Signature) -> float:
        """Share of gradients that are clearly there in one picture and have turned round in the other."""
        turned = sum(
            abs(p - q) > 24 and (p - 128) * (q - 128) <= 0
            for p, q in zip(self.horizontal + self.vertical, other.horizontal + other.vertical, strict=True)
        )
        return turned / len(self.horizontal + self.vertical)

    def levels_apart(self, other: _Signature) -> float:
        """Mean distance of the colour grids plus a fifth of the worst cell, so that one exchanged detail counts."""
        apart = [abs(p - q) for p, q in zip(self.colour, other.colour, strict=True)]
        return (sum(apart) / len(apart) + max(apart) / 5) / 255


def _signature(source: bytes | Path) -> _Signature:
    image = on_white(upright(open_safely(source)))
    aspect = image.width / image.height
    grid = image.resize((16, 16), Image.Resampling.BOX)
    grey = image.convert("L").resize((17, 17), Image.Resampling.BOX)
    px = grey.tobytes()
    horizontal = bytes(_half_step(px[y * 17 + x + 1], px[y * 17 + x]) for y in range(16) for x in range(16))
    vertical = bytes(_half_step(px[(y + 1) * 17 + x], px[y * 17 + x]) for y in range(16) for x in range(16))
    return _Signature(aspect, horizontal, vertical, grid.tobytes())


def _half_step(a: int, b: int) -> int:
    return max(0, min(255, 128 + (a - b) // 2))
