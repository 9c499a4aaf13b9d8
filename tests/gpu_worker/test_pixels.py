"""Files of unknown origin, as merchants upload them."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker import pixels


def bomb(width_px: int, height_px: int) -> bytes:
    """A PNG whose header promises gigabytes and whose body is a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def test_a_png_of_60000_by_60000_is_refused_by_its_header_alone():
    with pytest.raises(pixels.TooManyPixels, match="60000 × 60000"):
        pixels.open_safely(bomb(60_000, 60_000))
    with pytest.raises(pixels.TooManyPixels):
        pixels.describe(bomb(60_000, 60_000))
    with pytest.raises(pixels.TooManyPixels):
        pixels.thumbnail(bomb(60_000, 60_000), 200)


def test_a_text_file_named_jpg_is_not_a_picture(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_text("This is my best product, believe me.")
    with pytest.raises(pixels.NotAnImage) as told:
        pixels.open_safely(path)
    assert told.value.code == "not_an_image"


def test_a_web_page_saved_as_a_picture_is_called_a_web_page():
    with pytest.raises(pixels.NotAnImage, match="web page"):
        pixels.open_safely(b"<!DOCTYPE html><html><body>404</body></html>")


def test_an_empty_file_is_refused():
    with pytest.raises(pixels.NotAnImage, match="empty"):
        pixels.open_safely(b"")


def test_a_jpeg_that_was_cut_off_while_uploading_is_called_damaged(block, encoded):
    whole = encoded(block(), "JPEG")
    with pytest.raises(pixels.Truncated):
        pixels.open_safely(whole[: len(whole) // 2])


def test_a_file_over_the_byte_limit_is_not_even_opened(block, encoded):
    with pytest.raises(pixels.TooManyBytes):
        pixels.open_safely(encoded(block()), max_bytes=100)


def test_a_tracking_pixel_is_too_small_to_be_a_photo(encoded):
    with pytest.raises(pixels.TooSmall):
        pixels.open_safely(encoded(np.zeros((1, 1, 3), np.uint8)))
    with pytest.raises(pixels.TooSmall):
        pixels.open_safely(encoded(np.zeros((900, 1, 3), np.uint8)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "HEIF"])
def test_every_format_that_shops_use_opens_and_is_named(block, encoded, format):
    if format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    data = encoded(block(), format)
    assert pixels.open_safely(data).size == (240, 200)
    told = pixels.describe(data)
    assert told.format == pixels.FORMATS[format]
    assert (told.width_px, told.height_px) == (240, 200)


def test_an_animated_gif_counts_as_its_first_frame(encoded):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels.open_safely(data).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert pixels.describe(data).frames == 2


def test_a_photo_taken_sideways_is_described_as_it_will_be_seen(block, encoded):
    exif = Image.Exif()
    exif[0x0112] = 6
    told = pixels.describe(encoded(block(), "JPEG", exif=exif))
    assert (told.width_px, told.height_px, told.turned) == (200, 240, True)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"II*\0"]
    ),
)
def test_no_garbage_raises_anything_but_a_bad_image(body, head):
    with pytest.raises(pixels.BadImage):
        pixels.open_safely(head + body)


def test_a_thumbnail_is_small_upright_and_has_no_camera_data(block, encoded):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera maker"
    data = pixels.thumbnail(encoded(block(1200, 900), "JPEG", exif=exif), 160)
    image = pixels.open_safely(data)
    assert image.size == (120, 160)
    assert not image.getexif()


def test_a_thumbnail_of_a_cut_out_lies_on_white(encoded):
    image = pixels.open_safely(pixels.thumbnail(encoded(Image.new("RGBA", (60, 60), (9, 9, 9, 0))), 40))
    assert image.getpixel((20, 20)) == (255, 255, 255)


def test_a_sixteen_bit_thumbnail_is_not_burnt_out(encoded):
    data = encoded(Image.fromarray(np.full((60, 60), 32768, np.uint16)))
    level = pixels.open_safely(pixels.thumbnail(data, 40)).getpixel((20, 20))[0]
    assert 120 < level < 136


def test_the_same_picture_is_recognised_after_the_store_re_encoded_it(sample, encoded):
    rgb = sample("mug").rgb
    original = encoded(rgb)
    smaller = Image.fromarray(rgb).resize((300, 300), Image.Resampling.LANCZOS)
    assert pixels.same_picture(original, encoded(rgb, "JPEG", quality=70))
    assert pixels.same_picture(original, encoded(smaller, "WEBP", quality=75))


def test_two_products_on_white_are_not_the_same_picture(sample, encoded):
    mug, ornament, sneaker = (encoded(sample(n).rgb) for n in ("mug", "ornament", "sneaker"))
    assert not pixels.same_picture(mug, ornament)
    assert not pixels.same_picture(mug, sneaker)


def test_the_same_shirt_in_another_colour_is_another_picture(sample, encoded):
    rgb = sample("tshirt").rgb
    assert not pixels.same_picture(encoded(rgb), encoded(np.ascontiguousarray(rgb[..., ::-1])))


def test_a_mirrored_photo_is_another_picture(sample, encoded):
    rgb = sample("mug").rgb
    assert not pixels.same_picture(encoded(rgb), encoded(np.ascontiguousarray(rgb[:, ::-1])))
