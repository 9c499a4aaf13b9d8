"""Any picture → upright sRGB, 8 bits, plus the file's own alpha where it is a real cut-out. Never resizes.

Works in strips, so that beside the decoded picture and the result nothing of their size is ever held.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from gpu_worker import pixels
from gpu_worker.engines.base import Alpha, Rgb
from gpu_worker.stages.base import State

# Both sides must be there for an alpha channel to count as a cut-out: something clearly out, something clearly in.
USEFUL_SHARE = 0.005
CLEARLY_OUT, CLEARLY_IN = 15, 240
STRIP_PX = 256
# Orientation (EXIF 2.32, tag 0x0112) → what OpenCV flips (0 top to bottom, 1 left to right, -1 both) once 5 to 8 are
# transposed; and those whose first row as stored is the last row, or column, as seen.
MIRRORED = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
FROM_THE_END = {3, 4, 6, 7}
# What each colour space of a profile (ICC.1, header bytes 16 to 19) may be applied to.
SPACES = {"RGB ": {"RGB"}, "GRAY": {"L"}, "CMYK": {"CMYK"}, "Lab ": {"LAB"}}

Levels = NDArray[np.uint8]
Convert = Callable[[Image.Image], Image.Image]


class Normalise:
    """EXIF turn, ICC to sRGB, 16 bits to 8, CMYK, palettes and grey to RGB; a useful alpha is kept."""

    name = "normalise"
    needs: tuple[str, ...] = ("image",)
    gives: tuple[str, ...] = ("rgb",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        assert state.image is not None
        state.rgb, state.given_alpha, colour = normalise(state.image)
        state.notes["colour_source"] = colour
        state.image = None  # frees the decoded original; the bytes are still at hand


def normalise(image: Image.Image) -> tuple[Rgb, Alpha | None, str]:
    """(sRGB H × W × 3 uint8, own alpha H × W float32 or None, where the colours came from: srgb, icc, assumed).

    Both arrays are new, contiguous and writeable. Raises nothing that a decoded picture could cause.
    """
    turn = pixels.orientation(image)
    opaque, alpha = _split_alpha(image)
    convert, colour = _to_srgb(opaque.mode, image.info.get("icc_profile"))
    rgb = _in_strips(opaque, convert, turn)
    if alpha is None:
        return rgb, None, image.info.get("colour_source", colour)
    levels = _turned(np.asarray(alpha), turn)
    if _is_cutout(alpha.histogram()):
        own = np.divide(levels, np.float32(255), dtype=np.float32)
        return rgb, np.ascontiguousarray(own), image.info.get("colour_source", colour)
    if alpha.getextrema()[0] != 255:
        _lay_on_white(rgb, levels)
    return rgb, None, image.info.get("colour_source", colour)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture in an opaque mode (RGB, L, CMYK, LAB) and its alpha (mode L), if it has one."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_to_8_bits(image)
    if image.mode in {"RGBa", "La"}:
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif "transparency" in image.info and image.mode in {"1", "L", "RGB"}:
        image = image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode in {"RGBA", "LA"}:
        return image, image.getchannel("A")
    if image.mode in {"RGB", "L", "CMYK", "LAB"}:
        return image, None
    return image.convert("RGB"), None


def _scaled_to_8_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """16-bit grey (or more, or float) to 8 by its own range; Pillow's convert would clip everything over 255.

    A 16-bit PNG may name one level as transparent: that is its alpha.
    """
    values = np.asarray(image)
    if not image.mode.startswith("I;16"):
        values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
        most = float(values.max(initial=0.0))
        top = next((t for t in (1.0, 255.0, 65535.0) if most <= t), most)
        return Image.fromarray(np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)), None
    out = np.empty(values.shape, np.uint8)
    for rows in _strips(image.height):
        out[rows] = (values[rows].astype(np.uint32) * 255 + 32895) >> 16
    hidden = image.info.get("transparency")
    if not isinstance(hidden, int):
        return Image.fromarray(out), None
    return Image.fromarray(out), Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8))


def _in_strips(image: Image.Image, convert: Convert, turn: int) -> Rgb:
    """The whole picture converted and turned; H × W × 3."""
    width_px, height_px = image.size if turn < 5 else image.size[::-1]
    out = np.empty((height_px, width_px, 3), np.uint8)
    for rows in _strips(image.height):
        strip = np.asarray(convert(image.crop((0, rows.start, image.width, rows.stop))))
        if turn in FROM_THE_END:
            rows = slice(image.height - rows.stop, image.height - rows.start)
        place = out[rows] if turn < 5 else out[:, rows]
        place[:] = _turned(strip, turn)
    return out


def _strips(height_px: int) -> list[slice]:
    return [slice(top, min(top + STRIP_PX, height_px)) for top in range(0, height_px, STRIP_PX)]


def _turned(levels: Levels, turn: int) -> Levels:
    """`levels` as they are seen. By OpenCV: a plain copy into a transposed view takes three times as long."""
    if turn >= 5:
        levels = np.asarray(cv2.transpose(levels), np.uint8)
    if turn in MIRRORED:
        levels = np.asarray(cv2.flip(levels, MIRRORED[turn]), np.uint8)
    return levels


def _to_srgb(mode: str, profile: bytes | None) -> tuple[Convert, str]:
    """What turns a strip of that mode into sRGB, and where its colours came from."""
    if profile:
        by_profile = _by_profile("RGB" if mode == "RGBA" else "L" if mode == "LA" else mode, profile)
        if by_profile is not None:
            return by_profile
    return _as_rgb, "assumed"


def _as_rgb(strip: Image.Image) -> Image.Image:
    return strip if strip.mode == "RGB" else strip.convert("RGB")


def _by_profile(mode: str, profile: bytes) -> tuple[Convert, str] | None:
    """None where the profile is broken or belongs to another kind of picture: then sRGB is assumed, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space)
        if mode not in SPACES.get(space.ljust(4), set()):
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        # Most photos carry sRGB itself, under many names: converting it to sRGB would only add rounding.
        if mode == "RGB" and _changes_nothing(transform):
            return _as_rgb, "srgb"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

    def convert(strip: Image.Image) -> Image.Image:
        opaque = strip if strip.mode == mode else strip.convert(mode)
        seen = ImageCms.applyTransform(opaque, transform)
        assert seen is not None  # it is None only for a change in place
        return seen

    return convert, "icc"


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour of a 17 × 17 × 17 lattice moves by more than the rounding of one level."""
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)
    seen = np.asarray(ImageCms.applyTransform(Image.fromarray(lattice), transform))
    return int(np.abs(seen.astype(np.int16) - lattice).max()) <= 1


def _is_cutout(histogram: list[int]) -> bool:
    count = sum(histogram)
    out, inside = sum(histogram[: CLEARLY_OUT + 1]), sum(histogram[CLEARLY_IN:])
    return out > USEFUL_SHARE * count and inside > USEFUL_SHARE * count


def _lay_on_white(rgb: Rgb, alpha: Levels) -> None:
    """Fills `rgb` in place with white where `alpha` lets the ground through."""
    for rows in _strips(rgb.shape[0]):
        there = cv2.cvtColor(np.ascontiguousarray(alpha[rows]), cv2.COLOR_GRAY2BGR)
        shown = cv2.multiply(255 - rgb[rows], there, scale=1 / 255)
        rgb[rows] = 255 - shown
