"""What a file that is no usable photo is instead, told by its first bytes, and what the merchant can do about it.

A name proves nothing: shops hand out web pages, design files and camera originals as .jpg.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXPORT = "Export it as JPEG or PNG"
# Bytes that Photoshop, browsers and phones put in front of the first tag.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LOOKED_AT_BYTES = 4096

# First bytes → what it is. Camera originals: the makers' file headers as ExifTool and libraw document them.
_CAMERA = "a camera's raw file"
_DESIGN: dict[bytes, str] = {
    b"8BPS": "a Photoshop document",
    b"%PDF-": "a PDF",
    b"%!PS": "a PostScript or Illustrator file",
    b"\xc5\xd0\xd3\xc6": "an EPS file",
    b"gimp xcf": "a GIMP document",
    b"FUJIFILMCCD-RAW": _CAMERA,
    b"IIRO": _CAMERA,
    b"IIRS": _CAMERA,
    b"MMOR": _CAMERA,
    b"IIU\0": _CAMERA,
    b"FOVb": _CAMERA,
    b"II\x1a\0\0\0HEAPCCDR": _CAMERA,
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xffO\xffQ": "a JPEG 2000 picture",
    b"\0\0\1\0": "an icon file",
    b"glTF": "a 3D model",
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
}
_OTHER: dict[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("a ZIP archive or office document", "Unpack it and upload the photos in it"),
    b"Rar!": ("a RAR archive", "Unpack it and upload the photos in it"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "Unpack it and upload the photos in it"),
    b"\x1f\x8b": ("a compressed file", "Unpack it and upload the photo in it"),
    b"\0\x05\x16\x07": (
        "a macOS side file without a picture",
        "Upload the file of the same name without the leading ._",
    ),
    b"\x1a\x45\xdf\xa3": ("a video", "Upload a photo instead"),
    b"version https://git-lfs": ("a pointer to a file that was never fetched", "Upload the photo itself"),
}
# ISO base media brands (ISO/IEC 14496-12, box ftyp) that are not still pictures.
_MOVIES = {b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"3gp4", b"3gp5", b"mmp4"}
_HEIF = {b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"heim", b"heis"}

TIFF_HEADS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
_SUBFILE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 262, 330, 50706
_MOSAIC, _LINEAR_RAW = 32803, 34892
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", *TIFF_HEADS)


def looks_readable(data: bytes) -> bool:
    """Whether the first bytes are those of a format that we read, so that the rest must be damaged."""
    brand = data[8:12]
    return (
        data.startswith(_PICTURES)
        or (data[:4] == b"RIFF" and brand == b"WEBP")
        or (data[4:8] == b"ftyp" and (brand in _HEIF or brand in {b"avif", b"avis"}))
    )


def is_heif(head: bytes) -> bool:
    """Whether the file says that it is a HEIC or HEIF picture (ISO/IEC 23008-12, box ftyp)."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas (width, height) in pixels of an extended WebP (RFC 9649, chunk VP8X); None for any other file."""
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30:
        return None
    return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")


def is_raw(data: bytes, tags: Mapping[int, Any]) -> bool:
    """Whether a TIFF (its tags: TIFF 6.0, DNG 1.7) is a camera's raw file, a thumbnail or a mosaic coming first."""
    if data[:4] in TIFF_HEADS and data[8:10] == b"CR":  # Canon CR2
        return True
    thumbnail_first = tags.get(_SUBFILE) == 1 and _SUB_IFDS in tags
    return _DNG_VERSION in tags or thumbnail_first or tags.get(_PHOTOMETRIC) in {_MOSAIC, _LINEAR_RAW}


def advice(data: bytes) -> str | None:
    """One sentence: what the file is and what to do. None where its first bytes say nothing known."""
    head = data[:LOOKED_AT_BYTES]
    if not head:
        return "The file is empty. Upload the photo again."
    design = next((name for magic, name in _DESIGN.items() if head.startswith(magic)), None)
    if design is None and head[4:8] == b"ftyp" and head[8:11] == b"crx":
        design = _CAMERA
    if design is not None:
        return f"This is {design}, not a photo a shop can show. {EXPORT}."
    for magic, (name, remedy) in _OTHER.items():
        if head.startswith(magic):
            return f"This is {name}. {remedy}."
    if (head[4:8] == b"ftyp" and head[8:12] in _MOVIES) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "This is a video. Upload a photo instead."
    if not head.strip(b"\0"):
        return "The file holds nothing but zeros: its download or upload was cut off. Upload the photo again."
    return _text(head)


def _text(head: bytes) -> str | None:
    """Marked-up and plain text, which servers hand out in a picture's place."""
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in start[:1024]:
        return "This is a web page, not a picture. Download the photo itself and upload that."
    if start.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start:
        return f"This is an SVG drawing, not a photo. {EXPORT}."
    if start.startswith(b"<?xml"):
        return "This is an XML file, often a server's error message, not a picture. Upload the photo itself."
    if start.startswith((b"{", b"[")) and b'"' in start:
        return "This is a JSON text, often a server's error message, not a picture. Upload the photo itself."
    return None
