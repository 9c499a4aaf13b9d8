"""Turns the picture into files: the one to publish, its other sizes, and the cut-out. sRGB embedded; of the photo's
metadata only the words about it are kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from gpu_worker import light, resample
from gpu_worker.errors import OutputTooLarge
from gpu_worker.recipe import Extra, Output
from gpu_worker.stages import captions
from gpu_worker.stages.base import NO_WORDS, Encoded, Glass, Placement, State
from gpu_worker.stages.captions import DISCLOSURE, Captions
from gpu_worker.stages.frame import MARGIN_PX, product_box
from gpu_worker.stages.place import glass_layer, own_colours, product_layer, reader

__all__ = ["DISCLOSURE", "Encode", "cutout_image", "encode", "glass_image", "reduced", "save", "srgb_profile"]

CUTOUT_MAX_PX = 1200
# Rows of one strip of the sample that byte limits are estimated on: whole blocks of every encoder.
STRIP_PX = 16
# After so many whole files the line is no line: then the range is halved.
PATIENCE = 5
# Below these a shop photo shows blocks and smears; a limit that needs less is an error, not a bad picture.
LOWEST_QUALITY = {"jpeg": 30, "webp": 25, "avif": 25}
# Where the product keeps its colours (ΔE00 at most about 1) on most photos; one step lower saves a tenth and shows.
DEFAULT_QUALITY = {"jpeg": 96, "webp": 94, "avif": 90}


class Encode:
    """Gives the files ``main`` (the recipe's format and byte limit), ``cutout`` (RGBA PNG, cropped to the product) and
    those of `outputs` that are not larger than the picture."""

    name = "encode"
    needs: tuple[str, ...] = ("picture", "matte", "freed", "layer", "placement")
    gives: tuple[str, ...] = ("files",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        assert state.picture is not None
        state.words = captions.read(state.inputs["main"]) if "main" in state.inputs else NO_WORDS
        state.files["main"] = encode(state.picture, state.recipe.output, state.words)
        longest_px = max(state.picture.shape[:2])
        for extra in state.recipe.outputs:
            if extra.longest_px <= longest_px or state.recipe.framing.canvas_px is None:
                state.files[extra.name] = encode_extra(state.picture, extra, state)
        state.files["cutout"] = _cutout_file(state)


def encode_extra(picture: NDArray[np.uint8], extra: Extra, state: State) -> Encoded:
    """One more file of `picture`, made smaller where it has to be. Raises OutputTooLarge."""
    main = state.recipe.output
    wanted = Output(extra.format or main.format, extra.max_bytes, extra.quality, main.disclose)
    return encode(reduced(picture, extra.longest_px), wanted, state.words)


def reduced(picture: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """The picture (H × W × 3 or 4) with its longer side at `longest_px`, shrunk in linear light; never enlarged."""
    height_px, width_px = picture.shape[:2]
    scale = longest_px / max(height_px, width_px)
    if scale >= 1:
        return picture
    size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    if picture.shape[2] == 3:
        planes = resample.resize(reader(picture, None), (width_px, height_px), size)
        return np.asarray(cv2.merge(list(light.to_levels(planes))), np.uint8)
    rgb, alpha = np.ascontiguousarray(picture[..., :3]), picture[..., 3].astype(np.float32) / np.float32(255)
    layer = product_layer(rgb, alpha, Placement((0, 0, width_px, height_px), size, (0, 0), size))
    return _rgba(layer.rgb, layer.alpha)


def encode(picture: NDArray[np.uint8], output: Output, words: Captions = NO_WORDS) -> Encoded:
    """H × W × 3 or × 4 levels → one file under the byte limit, at the best quality that fits. Raises OutputTooLarge."""
    image = Image.fromarray(picture)
    if output.format == "jpeg" and image.mode == "RGBA":
        image = image.convert("RGB")
    if output.format == "png":
        data, quality = _png(image, output, words), None
    else:
        data, quality = _lossy(image, output, words)
    return Encoded(data, output.format, image.width, image.height, quality)


def _png(image: Image.Image, output: Output, words: Captions) -> bytes:
    data = save(image, "png", None, output.disclose, words)
    if output.max_bytes is not None and len(data) > output.max_bytes:
        raise OutputTooLarge(
            f"The PNG needs {len(data)} bytes and the recipe allows {output.max_bytes}; "
            "JPEG or WebP can be made smaller."
        )
    return data


def _lossy(image: Image.Image, output: Output, words: Captions) -> tuple[bytes, int]:
    def at(quality: int) -> bytes:
        return save(image, output.format, quality, output.disclose, words)

    best = output.quality or DEFAULT_QUALITY[output.format]
    data = at(best)
    if output.max_bytes is None or len(data) <= output.max_bytes:
        return data, best
    lowest = min(LOWEST_QUALITY[output.format], best)
    return best_fit(at, _sampled_size(image, output.format), lowest, (best, len(data)), output.max_bytes)


def _sampled_size(image: Image.Image, format: str) -> Callable[[int], int]:
    """Quality → bytes of strips of the picture: an eighth tells how its size falls, whatever the encoder."""
    levels = np.asarray(image)
    strips = np.concatenate([levels[y : y + STRIP_PX] for y in range(0, len(levels), 8 * STRIP_PX)])
    part = Image.fromarray(strips)

    @cache
    def size_bytes(quality: int) -> int:
        return len(save(part, format, quality))

    return size_bytes


def best_fit(
    at: Callable[[int], bytes],
    sampled: Callable[[int], int],
    lowest: int,
    known: tuple[int, int],
    max_bytes: int,
) -> tuple[bytes, int]:
    """The file of the highest quality from `lowest` up that fits, where `known` (quality, bytes) does not.

    `sampled` gives sizes of a small part; a straight line from them to the sizes of the whole says where to look next,
    so that two or three whole files are written, where halving writes six. Raises OutputTooLarge.
    """
    fits, too_large, found = lowest - 1, known[0], b""
    whole = dict([known])
    while too_large - fits > 1:
        if len(whole) > PATIENCE:
            quality = (fits + too_large) // 2
        else:
            quality = _meeting_place(whole, sampled, (fits + 1, too_large - 1), max_bytes)
        data = at(quality)
        whole[quality] = len(data)
        if len(data) <= max_bytes:
            fits, found = quality, data
        else:
            too_large = quality
    if not found:
        raise OutputTooLarge(
            f"Even at the lowest quality the file has {whole[too_large]} bytes, and the recipe allows {max_bytes}. "
            "A smaller canvas or a higher limit is needed."
        )
    return found, fits


def _meeting_place(
    whole: dict[int, int], sampled: Callable[[int], int], bounds: tuple[int, int], max_bytes: int
) -> int:
    """The highest quality within `bounds` whose whole file should fit, else the lowest."""
    near = sorted(whole, key=lambda quality: abs(whole[quality] - max_bytes))[:2]
    x, y = sampled(near[0]), whole[near[0]]
    slope = y / x
    if len(near) == 2 and sampled(near[1]) != x:
        slope = (whole[near[1]] - y) / (sampled(near[1]) - x)
    low, high = bounds
    while low < high:
        middle = (low + high + 1) // 2
        fits = y + slope * (sampled(middle) - x) <= max_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def save(
    image: Image.Image, format: str, quality: int | None, disclose: bool = False, words: Captions = NO_WORDS
) -> bytes:
    """One file with the sRGB profile, the words about the picture, and the disclosure where asked."""
    out = io.BytesIO()
    packet, block = captions.packet(words, disclose), captions.exif(words)
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    options |= {"exif": block} if block else {}
    if packet and format != "png":
        options["xmp"] = packet
    if format == "jpeg":
        return _jpeg(image, quality, options)
    elif format == "webp":
        # Lossy WebP halves the colour resolution at every quality: 100 is asked for where colours must not move.
        best = {"lossless": True, "quality": 50} if quality == 100 else {"quality": quality}
        image.save(out, "WEBP", method=4, **best, **options)
    elif format == "avif":
        image.save(out, "AVIF", quality=quality, speed=7, subsampling="4:4:4", **options)
    else:
        info = PngImagePlugin.PngInfo()
        if packet:
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
        image.save(out, "PNG", pnginfo=info, compress_level=6, **options)
    return out.getvalue()


def _jpeg(image: Image.Image, quality: int | None, options: dict[str, Any]) -> bytes:
    """4:4:4: halved colour resolution bleeds along the edges of a coloured product on white."""
    out = io.BytesIO()
    try:
        image.save(out, "JPEG", quality=quality, subsampling=0, optimize=True, **options)
    except OSError:
        # Pillow's buffer for optimised tables is too small for pictures that are all grain.
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, subsampling=0, **options)
    return out.getvalue()


@cache
def srgb_profile() -> bytes:
    """An sRGB profile whose bytes are the same each time: its creation date (ICC.1, bytes 24 to 35) is fixed."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 2000-01-01 00:00:00
    return bytes(made)


def _cutout_file(state: State) -> Encoded:
    """From the placed product or the photo, whichever has fewer pixels to carry: both have been freed already. Glass
    is see-through only where it is placed."""
    assert state.layer is not None and state.freed is not None and state.matte is not None
    assert state.placement is not None
    x0, y0, x1, y1 = state.placement.box_px
    rgb, alpha = state.freed, state.matte.alpha[y0:y1, x0:x1]
    near = _near_product(alpha)
    if state.layer.through is not None or state.layer.alpha.size < alpha.size:
        rgb, alpha = state.layer.rgb, state.layer.alpha
        near = _near_product(state.layer.cover)
    rgb, alpha = _at_most(np.ascontiguousarray(rgb[near]), np.ascontiguousarray(alpha[near]), CUTOUT_MAX_PX)
    out = io.BytesIO()
    # A by-product to look at: a fifth larger than need be, in a third of the time.
    Image.fromarray(_rgba(rgb, alpha)).save(out, "PNG", compress_level=1, icc_profile=srgb_profile())
    return Encoded(out.getvalue(), "png", alpha.shape[1], alpha.shape[0])


def _near_product(alpha: NDArray[np.float32]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = product_box(alpha) or (0, 0, alpha.shape[1], alpha.shape[0])
    return np.s_[max(0, y0 - MARGIN_PX) : y1 + MARGIN_PX, max(0, x0 - MARGIN_PX) : x1 + MARGIN_PX]


def _at_most(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], max_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    height_px, width_px = alpha.shape
    scale = max_px / max(alpha.shape)
    if scale >= 1:
        return rgb, alpha
    size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    layer = product_layer(rgb, alpha, Placement((0, 0, width_px, height_px), size, (0, 0), size))
    return layer.rgb, layer.alpha


def cutout_image(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], max_px: int | None = None
) -> Image.Image:
    """The product alone as RGBA: cropped to it and shrunk to `max_px` where that is given, else of the photo's size."""
    if max_px is None:
        return Image.fromarray(_rgba(own_colours(rgb, alpha), alpha))
    near = _near_product(alpha)
    own = own_colours(rgb[near], alpha[near])
    return Image.fromarray(_rgba(*_at_most(own, np.ascontiguousarray(alpha[near]), max_px)))


def glass_image(rgb: NDArray[np.uint8], alpha: NDArray[np.float32], glass: Glass) -> Image.Image:
    """As `cutout_image` at the photo's size, with the old backdrop taken out of glass."""
    size = rgb.shape[1], rgb.shape[0]
    layer = glass_layer(own_colours(rgb, alpha), alpha, glass, Placement((0, 0, *size), size, (0, 0), size))
    return Image.fromarray(_rgba(layer.rgb, layer.alpha))


def _rgba(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Levels with alpha. What can't be seen compresses best as one colour."""
    cover = cv2.convertScaleAbs(alpha, alpha=255)
    seen = cv2.copyTo(rgb, (cover > 0).view(np.uint8))
    return np.asarray(cv2.merge([*cv2.split(seen), cover]), np.uint8)
