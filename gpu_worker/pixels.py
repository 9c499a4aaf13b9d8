"""Open, shrink, describe and compare pictures of unknown origin. Pillow only: Django imports this too.

A file is judged by its header before a single pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gpu_worker import filetypes

# 48 and 50 megapixel phones pass with room to spare. Decoded, this many pixels are 320 MB in Pillow and 240 MB as RGB,
# which a worker of 2 GiB still holds; medium format (100 MP and more) is asked to be exported smaller.
MAX_PIXELS = 80_000_000
# An uncompressed 16-bit TIFF of 40 megapixels; every JPEG, PNG or HEIC under the pixel limit is far smaller.
MAX_BYTES = 256 * 1024 * 1024
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
    """This file can't be used as a photo. Upload a JPEG or PNG instead."""

    code = "bad_image"

    def __init__(self, message: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip()
        super().__init__(self.message)


class NotAnImage(BadImage):
    """This file is not a picture. Upload the photo as JPEG or PNG."""

    code = "not_an_image"


class Unsupported(BadImage):
    """This kind of picture is not supported. Export it as JPEG or PNG."""

    code = "unsupported_image"


class Truncated(BadImage):
    """The picture is damaged or incomplete. Upload it again, or export it again from the original."""

    code = "truncated_image"


class TooManyPixels(BadImage):
    """The picture has more pixels than we accept. Export it smaller."""

    code = "too_many_pixels"


class TooManyBytes(BadImage):
    """The file is larger than we accept. Export it as JPEG."""

    code = "too_many_bytes"


class TooSmall(BadImage):
    """The picture is too small to be a product photo. Upload a larger one."""

    code = "too_small"


@dataclass(frozen=True)
class Description:
    """What a header says of a picture, as it will be seen: sides are given after the EXIF turn.

    `frames` counts moments of an animation or pages of a document; a phone's previews and gain maps are neither.
    """

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


def _bytes_of(source: bytes | Path, max_bytes: int) -> bytes:
    size_bytes = source.stat().st_size if isinstance(source, Path) else len(source)
    if size_bytes > max_bytes:
        raise TooManyBytes(
            f"The file has {size_bytes / 1e6:.1f} MB; the limit is {max_bytes / 1e6:.0f} MB. Export it as JPEG."
        )
    return source.read_bytes() if isinstance(source, Path) else source


def _open_header(source: bytes | Path, max_pixels: int, max_bytes: int) -> Image.Image:
    """The picture, not yet decoded. Raises a BadImage."""
    data = _bytes_of(source, max_bytes)
    if filetypes.is_heif(data[:16]):
        _register_heif()
    # Pillow's WebP decoder takes memory for the whole canvas before it tells the size.
    _check_size(filetypes.webp_size(data), max_pixels)
    try:
        with _quietly():
            image = Image.open(io.BytesIO(data), formats=_readable())
    except UnidentifiedImageError:
        raise _unreadable(data) from None
    except Exception as error:  # decoders of a dozen formats raise a dozen kinds of errors on damaged data
        raise _damaged(error) from error
    _check_size(image.size, max_pixels)
    # Pillow would take a raw file's thumbnail, a few hundred pixels wide, for the photo.
    if filetypes.is_raw(data, getattr(image, "tag_v2", {})):
        raise Unsupported(f"This is a camera's raw file, not a finished photo. {filetypes.EXPORT}.")
    return image


@contextmanager
def _quietly() -> Iterator[None]:
    """Pillow warns of odd metadata on stderr; the merchant gets one sentence or a picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_size(size_px: tuple[int, int] | None, max_pixels: int) -> None:
    if size_px is None:
        return
    width_px, height_px = size_px
    if width_px * height_px > max_pixels:
        raise TooManyPixels(
            f"The picture has {width_px} × {height_px} pixels; the limit is {max_pixels / 1e6:.0f} megapixels. "
            "Export it smaller."
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise TooSmall(
            f"The picture has {width_px} × {height_px} pixels; it needs {MIN_SIDE_PX} on each side. "
            "Upload a larger photo."
        )


def _damaged(error: Exception) -> BadImage:
    if isinstance(error, MemoryError):  # not the file's fault
        raise error
    told = str(error)
    if "MAX_TEXT" in told:
        return TooManyBytes("The picture carries far too much text about itself. Export it without metadata.")
    detail = f" ({told.rstrip('.')})" if told else ""
    return Truncated(
        f"The picture is damaged or incomplete{detail}. Upload it again, or export it again from the original."
    )


def _readable() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _unreadable(data: bytes) -> BadImage:
    known = filetypes.advice(data)
    if known is not None:
        return Unsupported(known) if filetypes.EXPORT in known else NotAnImage(known)
    if filetypes.looks_readable(data):
        return Unsupported() if data[:4] in filetypes.TIFF_HEADS else _damaged(ValueError())
    return NotAnImage()


def open_safely(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Image.Image:
    """The decoded first frame, as stored: neither turned nor converted.

    Raises NotAnImage, Unsupported, Truncated, TooManyPixels, TooManyBytes or TooSmall, all of them BadImage.
    """
    image = _open_header(source, max_pixels, max_bytes)
    try:
        with _quietly():
            image.load()
    except Exception as error:
        raise _damaged(error) from error
    _check_size(image.size, max_pixels)
    return image


def size_of(path: Path) -> tuple[int, int] | None:
    """(width, height) in pixels as the header says, the rest unread; None where it says nothing. Never raises."""
    try:
        with path.open("rb") as file, _quietly():
            if filetypes.is_heif(file.read(16)):
                _register_heif()
            file.seek(0)
            with Image.open(file, formats=_readable()) as image:
                return image.size
    except Exception:  # whoever opens the file in earnest says what is wrong with it
        return None


def describe(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Description:
    """What the header says; pixels are not decoded. Raises as `open_safely`, but can't see damage further on."""
    image = _open_header(source, max_pixels, max_bytes)
    turn = orientation(image)
    width_px, height_px = image.size if turn < 5 else image.size[::-1]  # 5 to 8 lie on their side
    return Description(
        format=FORMATS[image.format or ""],
        width_px=width_px,
        height_px=height_px,
        mode=image.mode,
        has_alpha="A" in image.getbands() or "transparency" in image.info,
        frames=_frames(image),
        turned=_said_orientation(image) != 1,
        has_profile=bool(image.info.get("icc_profile")),
    )


def _frames(image: Image.Image) -> int:
    """Moments of an animation or pages of a document; 1 where the file does not say.

    Only the first is ever used. A phone's second picture in one JPEG (MPO) is a preview or a gain map and not counted.
    """
    if image.format in {"MPO", "HEIF"}:
        return 1
    try:
        with _quietly():
            return max(1, int(getattr(image, "n_frames", 1)))
    except Exception:  # the pages behind the first may be damaged: nobody looks at them
        return 1


def orientation(image: Image.Image) -> int:
    """How the pixels lie, 1 (upright) to 8, as EXIF 2.32 numbers it in tag 0x0112; 1 where EXIF is broken.

    1 for a TIFF: Pillow gives its size as it will be seen and turns it while decoding.
    """
    return 1 if image.format == "TIFF" else _said_orientation(image)


def _said_orientation(image: Image.Image) -> int:
    try:
        with _quietly():
            value = image.getexif().get(0x0112, 1)
    except Exception:  # a broken EXIF block is no reason to refuse the photo
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


# Orientation → the one transposition that undoes it.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says, and no longer saying so; unchanged where EXIF is missing or broken."""
    turn = TURNS.get(orientation(image))
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = {k: v for k, v in image.info.items() if k not in _TELLS_OF_TURN}
    return turned


# Metadata that holds the orientation: left on a turned picture, it would be turned twice.
_TELLS_OF_TURN = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}


def thumbnail(source: bytes | Path, size_px: int, *, format: str = "jpeg", quality: int = 82) -> bytes:
    """A small copy whose longest side is at most `size_px`, as JPEG (on white) or WebP (keeps alpha), without metadata.

    Raises BadImage as `open_safely`; ValueError for another format.
    """
    if format not in {"jpeg", "webp"}:
        raise ValueError(f"thumbnails are jpeg or webp, not {format!r}")
    image = _open_header(source, MAX_PIXELS, MAX_BYTES)
    try:
        with _quietly():
            image.draft("RGB", (size_px, size_px))  # lets JPEG decode at a fraction of its size
            image = upright(image)
            image = _as_rgba(image) if format == "webp" else on_white(image)
            image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    except Exception as error:
        raise _damaged(error) from error
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


# https://cv.iptc.org/newscodes/digitalsourcetype/: XMP is plain text inside JPEG, PNG, WebP and AVIF.
_HOW_IT_WAS_MADE = b"cv.iptc.org/newscodes/digitalsourcetype/"


def says_how_it_was_made(data: bytes) -> bool:
    """Whether a file carries the IPTC note of its digital source type, by which a made picture discloses that it is."""
    return _HOW_IT_WAS_MADE in data


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
