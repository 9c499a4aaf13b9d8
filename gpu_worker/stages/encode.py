"""Turns the picture into files: the one to publish, and the cut-out. sRGB embedded, everything else stripped."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from gpu_worker.errors import OutputTooLarge
from gpu_worker.recipe import Output
from gpu_worker.stages.base import Encoded, State
from gpu_worker.stages.compose import own_colours
from gpu_worker.stages.frame import MARGIN_PX, product_box

CUTOUT_MAX_PX = 1200
# Below these a shop photo shows blocks and smears; a limit that needs less is an error, not a bad picture.
LOWEST_QUALITY = {"jpeg": 30, "webp": 25, "avif": 25}
# Where the product keeps its colours (ΔE00 at most about 1) on most photos; one step lower saves a tenth and shows.
DEFAULT_QUALITY = {"jpeg": 96, "webp": 94, "avif": 90}
DISCLOSURE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{DISCLOSURE}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


class Encode:
    """Gives the files ``main`` (the recipe's format and byte limit) and ``cutout`` (RGBA PNG, cropped to
    the product)."""

    name = "encode"
    needs: tuple[str, ...] = ("picture", "rgb", "matte")
    gives: tuple[str, ...] = ("files",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.picture is not None
        state.files["main"] = encode(state.picture, state.recipe.output)
        state.files["cutout"] = _cutout_file(state)


def encode(picture: NDArray[np.uint8], output: Output) -> Encoded:
    """H × W × 3 or × 4 levels → one file under the byte limit, at the best quality that fits. Raises OutputTooLarge."""
    image = Image.fromarray(picture)
    if output.format == "jpeg" and image.mode == "RGBA":
        image = image.convert("RGB")
    if output.format == "png":
        data, quality = _png(image, output), None
    else:
        data, quality = _lossy(image, output)
    return Encoded(data, output.format, image.width, image.height, quality)


def _png(image: Image.Image, output: Output) -> bytes:
    data = save(image, "png", None, output.disclose)
    if output.max_bytes is not None and len(data) > output.max_bytes:
        raise OutputTooLarge(
            f"The PNG needs {len(data)} bytes and the recipe allows {output.max_bytes}; "
            "JPEG or WebP can be made smaller."
        )
    return data


def _lossy(image: Image.Image, output: Output) -> tuple[bytes, int]:
    def at(quality: int) -> bytes:
        return save(image, output.format, quality, output.disclose)

    best = output.quality or DEFAULT_QUALITY[output.format]
    data = at(best)
    if output.max_bytes is None or len(data) <= output.max_bytes:
        return data, best
    return _search(at, LOWEST_QUALITY[output.format], best - 1, output.max_bytes)


def _search(at: Callable[[int], bytes], low: int, high: int, max_bytes: int) -> tuple[bytes, int]:
    """The highest quality in low..high whose file fits, by halving."""
    found: tuple[bytes, int] | None = None
    smallest = 0
    while low <= high:
        middle = (low + high) // 2
        data = at(middle)
        if len(data) <= max_bytes:
            found, low = (data, middle), middle + 1
        else:
            smallest, high = len(data), middle - 1
    if found is None:
        raise OutputTooLarge(
            f"Even at the lowest quality the file has {smallest} bytes, and the recipe allows {max_bytes}. "
            "A smaller canvas or a higher limit is needed."
        )
    return found


def save(image: Image.Image, format: str, quality: int | None, disclose: bool = False) -> bytes:
    """One file with the sRGB profile and no metadata, save the disclosure where asked."""
    out = io.BytesIO()
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    if disclose and format != "png":
        options["xmp"] = XMP.encode()
    if format == "jpeg":
        # 4:4:4: halved colour resolution bleeds along the edges of a coloured product on white.
        # No `optimize`: its buffer is too small for noisy pictures at high quality, and then Pillow gives up.
        image.save(out, "JPEG", quality=quality, subsampling=0, **options)
    elif format == "webp":
        image.save(out, "WEBP", quality=quality, method=4, **options)
    elif format == "avif":
        image.save(out, "AVIF", quality=quality, speed=7, subsampling="4:4:4", **options)
    else:
        info = PngImagePlugin.PngInfo()
        if disclose:
            info.add_itxt("XML:com.adobe.xmp", XMP)
        image.save(out, "PNG", pnginfo=info, compress_level=6, **options)
    return out.getvalue()


@cache
def srgb_profile() -> bytes:
    """An sRGB profile whose bytes are the same each time: its creation date (ICC.1, bytes 24 to 35) is fixed."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 2000-01-01 00:00:00
    return bytes(made)


def _cutout_file(state: State) -> Encoded:
    assert state.rgb is not None and state.matte is not None
    image = cutout_image(state.rgb, state.matte.alpha, CUTOUT_MAX_PX)
    return Encoded(save(image, "png", None), "png", image.width, image.height)


def cutout_image(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], max_px: int | None = None
) -> Image.Image:
    """The product alone as RGBA: cropped to it and shrunk to `max_px` where that is given, else of the photo's size."""
    if max_px is not None:
        box = product_box(alpha) or (0, 0, alpha.shape[1], alpha.shape[0])
        x0, y0, x1, y1 = box
        near = np.s_[max(0, y0 - MARGIN_PX) : y1 + MARGIN_PX, max(0, x0 - MARGIN_PX) : x1 + MARGIN_PX]
        rgb, alpha = rgb[near], alpha[near]
    levels = np.dstack([own_colours(rgb, alpha), np.round(alpha * 255).astype(np.uint8)])
    # What can't be seen compresses best as one colour.
    levels[levels[..., 3] == 0] = 0
    image = Image.fromarray(levels)
    if max_px is not None and max(image.size) > max_px:
        image.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    return image
