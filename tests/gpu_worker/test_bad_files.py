"""Files that are no usable photos: each is named for what it is, and the merchant is told what to do."""

import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker import errors, pixels
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise
from tests.gpu_worker import peak

REMEDIES = ("Export", "Upload", "Unpack", "Download", "Name it")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*extra: bytes, size_px: tuple[int, int] = (40, 30)) -> bytes:
    """A small grey PNG with extra chunks before its pixels."""
    width_px, height_px = size_px
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0))
    rows = (b"\0" + b"\x80" * width_px) * min(height_px, 1000)  # a giant only promises its rows
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def dng() -> bytes:
    """A camera's raw file as Pillow sees it: a TIFF whose first picture is a thumbnail, the photo in a sub-directory."""
    out = io.BytesIO()
    Image.new("RGB", (160, 120), "grey").save(
        out, "TIFF", tiffinfo={254: 1, 330: 8, 50706: bytes([1, 4, 0, 0])}
    )
    return out.getvalue()


def canon() -> bytes:
    """A Canon CR2: a TIFF that says so behind its header; Pillow reads its preview."""
    out = io.BytesIO()
    Image.new("RGB", (160, 120), "grey").save(out, "TIFF", tiffinfo={254: 0})
    whole = bytearray(out.getvalue())
    where = struct.unpack_from("<I", whole, 4)[0]
    # The directory moves to the end, so that the mark fits where cameras put it.
    struct.pack_into("<I", whole, 4, len(whole))
    whole += whole[where:]
    whole[8:12] = b"CR\2\0"
    return bytes(whole)


@pytest.mark.parametrize(
    ("data", "said", "error"),
    [
        (b"", "empty", errors.NotAPhoto),
        (b"\0" * 5000, "zeros", errors.NotAPhoto),
        (b"my best product, believe me", "not a picture", errors.NotAPhoto),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML><html><title>404", "web page", errors.NotAPhoto),
        (b"<html><body>denied", "web page", errors.NotAPhoto),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML", errors.NotAPhoto),
        (b'{"error": "not found"}', "JSON", errors.NotAPhoto),
        (b"PK\x03\x04" + b"\0" * 40, "ZIP", errors.NotAPhoto),
        (b"\0\x05\x16\x07" + b"\0" * 40, "macOS", errors.NotAPhoto),
        (b"\0\0\0\x20ftypisom" + b"\0" * 40, "video", errors.NotAPhoto),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", errors.UnsupportedPhoto),
        (b"<?xml version='1.0'?><!-- x --><svg/>", "SVG", errors.UnsupportedPhoto),
        (b"%PDF-1.7 ...", "PDF", errors.UnsupportedPhoto),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript", errors.UnsupportedPhoto),
        (b"8BPS\0\1" + b"\0" * 40, "Photoshop", errors.UnsupportedPhoto),
        (b"FUJIFILMCCD-RAW 0201", "raw file", errors.UnsupportedPhoto),
        (b"\0\0\0\x18ftypcrx " + b"\0" * 40, "raw file", errors.UnsupportedPhoto),
        (dng(), "raw file", errors.UnsupportedPhoto),
        (canon(), "raw file", errors.UnsupportedPhoto),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", errors.UnsupportedPhoto),
        (b"glTF\2\0\0\0", "3D model", errors.UnsupportedPhoto),
        (b"\xff\xd8\xff\xe0 and then nothing of it", "damaged", errors.DamagedPhoto),
        (png(size_px=(1, 1)), "1 × 1", errors.PhotoTooSmall),
        (png(size_px=(1, 900)), "1 × 900", errors.PhotoTooSmall),
        (png(size_px=(900, 1)), "900 × 1", errors.PhotoTooSmall),
    ],
)
def test_each_wrong_file_is_called_what_it_is_and_the_merchant_learns_what_to_do(data, said, error):
    with pytest.raises(error) as told:
        open_photo(data)
    message = told.value.message
    assert said in message
    assert any(remedy in message for remedy in REMEDIES) and message.endswith(".")
    assert not told.value.as_error().retry


def test_a_float_tiff_of_colours_is_refused_with_advice():
    import cv2

    ok, data = cv2.imencode(".tiff", np.random.default_rng(1).random((40, 40, 3)).astype(np.float32))
    assert ok
    with pytest.raises(errors.UnsupportedPhoto, match="Export it as JPEG or PNG"):
        open_photo(data.tobytes())


def bombs() -> dict[str, bytes]:
    """Small files that ask for gigabytes."""
    huge = zlib.compress(b"\0" * 60_000_000, 9)
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0])
    webp += (16382).to_bytes(3, "little") * 2 + b"ANIM" + struct.pack("<I", 6) + b"\0" * 6
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + b"\0" * 6
    gif += b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\2\x4c\1\0;"
    bmp = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    bmp += struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
    return {
        "pixels": png(size_px=(60000, 60000)),
        "text": png(chunk(b"zTXt", b"Comment\0\0" + huge)),
        "international text": png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + huge)),
        "profile": png(chunk(b"iCCP", b"p\0\0" + huge)),
        "webp": b"RIFF" + struct.pack("<I", len(webp)) + webp,
        "gif": gif,
        "bmp": bmp,
    }


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("pixels", "TooLarge"),
        ("text", "TooLarge"),
        ("international text", "TooLarge"),
        ("profile", "TooLarge"),
        ("webp", "TooLarge"),
        ("gif", "TooLarge"),
        ("bmp", "TooLarge"),
    ],
)
def test_a_bomb_goes_off_in_nobodys_memory(name, outcome):
    came, grown_kib = peak.opening(bombs()[name])
    assert came == outcome
    assert grown_kib < 40_000


def whole_files() -> list[bytes]:
    """One small photo in every format, with the metadata that decoders stumble over."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    picture = Image.fromarray(np.random.default_rng(7).integers(0, 256, (48, 64, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    files = []
    for format, options in (
        ("JPEG", {"exif": exif}),
        ("JPEG", {"progressive": True}),
        ("PNG", {"exif": exif}),
        ("GIF", {"save_all": True, "append_images": [picture.rotate(180)]}),
        ("WEBP", {"save_all": True, "append_images": [picture.rotate(180)]}),
        ("AVIF", {}),
        ("HEIF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"exif": exif}),
        ("BMP", {}),
        ("MPO", {"save_all": True, "append_images": [picture]}),
    ):
        out = io.BytesIO()
        picture.save(out, format, **options)
        files.append(out.getvalue())
    out = io.BytesIO()
    picture.convert("CMYK").save(out, "JPEG")
    return [*files, out.getvalue(), png(chunk(b"tEXt", b"Comment\0hello"))]


@pytest.fixture(scope="module")
def whole():
    """Damage may ask for any size: a low limit keeps these tests quick and small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "gpu_worker.pixels.open_safely.__kwdefaults__", {"max_pixels": 4_000_000, "max_bytes": 10**7}
        )
        yield whole_files()


def damaged(data: bytes, seed: int) -> bytes:
    """Cut off, or with some bytes changed, or with a piece lost from its middle."""
    chance = random.Random(seed)
    spoilt = bytearray(data)
    for _ in range(chance.choice([0, 1, 3, 20])):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    if chance.random() < 0.3:
        start = chance.randrange(len(spoilt))
        del spoilt[start : start + chance.randrange(64)]
    if chance.random() < 0.5:
        del spoilt[chance.randrange(len(spoilt)) :]
    return bytes(spoilt)


@settings(max_examples=250, deadline=None)
@given(which=st.integers(0, 12), seed=st.integers(0, 2**32))
def test_a_damaged_file_is_a_picture_or_a_named_error_and_nothing_else(whole, which, seed):
    data = damaged(whole[which], seed)
    try:
        rgb, alpha, colour = normalise(open_photo(data))
    except errors.WorkerError as error:
        assert error.message.endswith(".") and not error.retry
        return
    assert rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.dtype == np.uint8
    assert rgb.shape[0] * rgb.shape[1] <= pixels.MAX_PIXELS
    assert alpha is None or alpha.shape == rgb.shape[:2]
    assert colour in {"srgb", "icc", "assumed"}
    pixels.describe(data)


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 12), seed=st.integers(0, 2**32))
def test_a_thumbnail_of_a_damaged_file_is_made_or_refused(whole, which, seed):
    try:
        pixels.thumbnail(damaged(whole[which], seed), 32)
    except pixels.BadImage as error:
        assert error.message.endswith(".")
