"""Photos as phones, cameras, scanners and designers save them: each arrives upright, in its colours, whole."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gpu_worker import pixels
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import MissingInput
from gpu_worker.recipe import parse
from gpu_worker.stages.base import State
from gpu_worker.stages.load import Load, open_photo
from gpu_worker.stages.normalise import Normalise, normalise
from tests.gpu_worker import peak, profiles

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")

# EXIF 2.32, orientation → the transposition that a camera's sensor did to the upright picture.
AS_STORED = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}


def quarters(width_px: int = 96, height_px: int = 64) -> np.ndarray:
    """Four quarters of four colours: no turn and no mirroring looks the same."""
    picture = np.zeros((height_px, width_px, 3), np.uint8)
    half_x, half_y = width_px // 2, height_px // 2
    picture[:half_y, :half_x], picture[:half_y, half_x:] = (220, 40, 40), (40, 200, 60)
    picture[half_y:, :half_x], picture[half_y:, half_x:] = (50, 60, 210), (230, 220, 60)
    return picture


def stages(data: bytes) -> State:
    """The state after load and normalise."""
    state = State(recipe=parse({}), inputs={"main": data}, engine=FakeEngine())
    Load().run(state)
    Normalise().run(state)
    return state


def deep_file(levels: np.ndarray, ending: str) -> bytes:
    """16-bit RGB(A) levels as a file of that kind."""
    order = [2, 1, 0, 3][: levels.shape[2]]
    ok, data = cv2.imencode(ending, np.ascontiguousarray(levels[..., order]))
    assert ok
    return data.tobytes()


def with_png_profile(data: bytes, profile: bytes) -> bytes:
    """A PNG with an iCCP chunk put behind its header."""
    body = b"p\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_format_arrives_upright(encoded, orientation, format):
    upright = quarters()
    stored = Image.fromarray(upright)
    if orientation in AS_STORED:
        stored = stored.transpose(Image.Transpose(AS_STORED[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, format, exif=exif)
    rgb, _, _ = normalise(open_photo(data))
    assert rgb.shape == upright.shape
    inner = np.s_[8:-8:16, 8:-8:16]
    assert np.abs(rgb[inner].astype(int) - upright[inner]).max() < 30
    told = pixels.describe(data)
    assert (told.width_px, told.height_px) == (96, 64)
    small = pixels.open_safely(pixels.thumbnail(data, 48))
    assert small.size == (48, 32)
    assert np.abs(np.array(small.getpixel((10, 6))) - upright[2, 2]).max() < 30


def test_a_phones_heic_arrives_upright(encoded):
    import pillow_heif

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(quarters()).transpose(Image.Transpose(AS_STORED[6]))
    rgb, _, _ = normalise(open_photo(encoded(stored, "HEIF", exif=exif.tobytes())))
    assert rgb.shape == (64, 96, 3)
    assert np.abs(rgb[8, 8].astype(int) - (220, 40, 40)).max() < 30


def test_an_own_cut_out_is_turned_with_its_photo(encoded):
    levels = np.dstack([quarters(), np.zeros((64, 96), np.uint8)])
    levels[:20, :30, 3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(levels).transpose(Image.Transpose(AS_STORED[6]))
    rgb, alpha, _ = normalise(open_photo(encoded(stored, "PNG", exif=exif)))
    assert alpha.shape == rgb.shape[:2] == (64, 96)
    assert alpha[:20, :30].min() == 1 and alpha[20:].max() == 0


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bit_colour_is_rounded_to_the_nearest_level(ending):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    levels = np.dstack([every, every.T, every[::-1]])
    rgb, alpha, _ = normalise(open_photo(deep_file(levels, ending)))
    assert alpha is None
    assert np.array_equal(rgb, np.round(levels / 257).astype(np.uint8))


def test_a_sixteen_bit_cut_out_keeps_its_alpha():
    levels = np.zeros((60, 60, 4), np.uint16)
    levels[10:50, 10:50] = (60000, 30000, 10000, 65535)
    levels[9, 10:50] = (60000, 30000, 10000, 32768)
    rgb, alpha, _ = normalise(open_photo(deep_file(levels, ".png")))
    assert alpha[30, 30] == 1 and alpha[0, 0] == 0 and abs(alpha[9, 30] - 0.5) < 0.003
    assert tuple(rgb[30, 30]) == (233, 117, 39)


def test_a_dark_sixteen_bit_ramp_in_linear_light_shows_no_bands():
    """Eight bits of linear light have 13 levels of sRGB between black and the next step; sixteen have none missing."""
    ramp = np.linspace(0, 2000, 400).astype(np.uint16)
    levels = np.broadcast_to(ramp[None, :, None], (8, 400, 3))
    profile = profiles.rgb(gamma=1.0, primaries=((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)))
    rgb, _, colour = normalise(open_photo(with_png_profile(deep_file(levels, ".png"), profile)))
    assert colour == "icc"
    assert np.diff(rgb[0, :, 1].astype(int)).max() <= 1
    assert rgb[0, -1, 1] > 45


def test_sixteen_bits_through_a_profile_agree_with_the_colour_library_on_eight(encoded):
    eight = np.random.default_rng(5).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    profile = profiles.rgb(gamma=1.8, primaries=((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)))
    deep = with_png_profile(deep_file(eight.astype(np.uint16) * 257, ".png"), profile)
    ours, _, _ = normalise(open_photo(deep))
    theirs, _, _ = normalise(open_photo(encoded(eight, "PNG", icc_profile=profile)))
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_linear_light_that_calls_itself_srgb_is_converted_all_the_same(encoded):
    profile = profiles.rgb(
        gamma=1.0, primaries=((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), name=b"Linear sRGB"
    )
    rgb, _, colour = normalise(
        open_photo(encoded(np.full((20, 20, 3), 55, np.uint8), "PNG", icc_profile=profile))
    )
    assert colour == "icc"
    assert abs(int(rgb[5, 5, 0]) - 128) < 3


@pytest.mark.parametrize(
    ("format", "options"), [("JPEG", {"quality": 97}), ("TIFF", {"compression": "tiff_lzw"})]
)
def test_a_print_shops_cmyk_is_shown_through_its_own_profile(encoded, format, options):
    inks = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    rgb, _, colour = normalise(open_photo(encoded(inks, format, icc_profile=profiles.cmyk(), **options)))
    assert colour == "icc"
    assert rgb[20, 20, 0] > 235 and rgb[20, 20, 1] < 40 and rgb[20, 20, 2] < 40


def test_cmyk_without_a_profile_is_said_to_be_a_guess(encoded):
    rgb, _, colour = normalise(open_photo(encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG")))
    assert colour == "assumed"
    assert rgb[20, 20, 0] > 200 and rgb[20, 20, 2] < 60


def moving(encoded, format: str) -> bytes:
    frames = [Image.fromarray(quarters()), Image.new("RGB", (96, 64), "white")]
    options = {"lossless": True} if format == "WEBP" else {}
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_of_a_moving_picture_the_first_frame_is_taken_and_that_is_said(encoded, format):
    state = stages(moving(encoded, format))
    assert state.notes["frames"] == 2 and state.notes["first_frame_only"] is True
    inner = np.s_[8:-8:16, 8:-8:16]
    assert np.abs(state.rgb[inner].astype(int) - quarters()[inner]).max() < 30


def test_a_still_photo_is_not_called_moving(encoded, block):
    assert "frames" not in stages(encoded(block(), "JPEG")).notes


def test_the_preview_inside_a_phones_jpeg_is_no_animation(encoded, block):
    data = encoded(block(), "MPO", save_all=True, append_images=[Image.fromarray(block()[::4, ::4])])
    state = stages(data)
    assert "frames" not in state.notes
    assert state.rgb.shape == block().shape


@pytest.mark.parametrize(
    "options",
    [{"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "packbits"}, {}],
)
def test_a_scanners_tiff_opens_however_it_is_packed(encoded, block, options):
    rgb, _, _ = normalise(open_photo(encoded(block(), "TIFF", **options)))
    assert np.array_equal(rgb, block())


def test_a_tiff_in_tiles_is_put_together(encoded, block):
    data = encoded(block(), "TIFF", tiffinfo={322: 64, 323: 64}, compression="tiff_lzw")
    rgb, _, _ = normalise(open_photo(data))
    assert np.array_equal(rgb, block())


def test_a_palette_with_transparency_is_a_cut_out_and_one_without_is_not(encoded):
    picture = Image.new("P", (60, 60), 0)
    picture.putpalette([255, 0, 255, 10, 120, 40] + [0] * 762)
    picture.paste(1, (15, 15, 45, 45))
    rgb, alpha, _ = normalise(open_photo(encoded(picture, "PNG", transparency=bytes([0, 255]))))
    assert alpha[30, 30] == 1 and alpha[1, 1] == 0 and tuple(rgb[30, 30]) == (10, 120, 40)
    _, alpha, _ = normalise(open_photo(encoded(picture, "PNG")))
    assert alpha is None


def test_one_named_level_of_a_sixteen_bit_grey_photo_is_its_transparency(encoded):
    levels = np.full((60, 60), 40000, np.uint16)
    levels[:20] = 1234
    data = encoded(Image.fromarray(levels), "PNG", transparency=1234)
    rgb, alpha, _ = normalise(open_photo(data))
    assert alpha is not None and alpha[5, 5] == 0 and alpha[40, 40] == 1
    assert abs(int(rgb[40, 40, 0]) - 156) <= 1


def test_a_veil_over_the_whole_photo_is_laid_on_white(encoded):
    levels = np.zeros((60, 60, 4), np.uint8)
    levels[..., 3] = 128
    rgb, alpha, _ = normalise(open_photo(encoded(levels)))
    assert alpha is None
    assert abs(int(rgb[30, 30, 0]) - 127) <= 1


def test_a_wrong_ending_does_not_matter(tmp_path, encoded, block):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(block(), "JPEG", quality=95))
    assert pixels.open_safely(path).format == "JPEG"
    assert pixels.size_of(path) == (240, 200)


def test_a_broken_exif_block_does_not_lose_the_photo(encoded, block):
    for broken in (
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\1" * 400,
    ):
        rgb, _, _ = normalise(open_photo(encoded(block(), "JPEG", exif=broken)))
        assert rgb.shape == block().shape


@pytest.mark.parametrize("size", [(2, 2), (2, 400), (400, 2), (3, 1000)])
def test_a_sliver_is_normalised_like_any_photo(encoded, size):
    rgb, _, _ = normalise(open_photo(encoded(Image.new("RGB", size, (9, 8, 7)))))
    assert rgb.shape == (size[1], size[0], 3) and tuple(rgb[0, 0]) == (9, 8, 7)


def test_the_result_may_be_written_to_and_is_in_one_piece(encoded, block):
    for format in ("JPEG", "PNG", "TIFF"):
        rgb, _, _ = normalise(open_photo(encoded(block(), format)))
        assert rgb.flags.writeable and rgb.flags.c_contiguous


@needs_proc
def test_a_giant_photo_is_never_held_three_times(encoded):
    """Beside the decoded picture (4 bytes a pixel) and the result (3) nothing of their size is there."""
    noise = np.random.default_rng(1).integers(0, 256, (250, 320, 3)).astype(np.uint8)
    outcome, grown_kib = peak.opening(encoded(cv2.resize(noise, (4000, 3000)), "JPEG", quality=80))
    assert outcome == "opened"
    assert grown_kib * 1024 / 12e6 < 8.5


def test_load_says_which_input_is_missing():
    state = State(recipe=parse({}), inputs={}, engine=FakeEngine())
    with pytest.raises(MissingInput, match="main"):
        Load().run(state)
