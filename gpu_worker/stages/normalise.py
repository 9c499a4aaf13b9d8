"""Any picture → upright sRGB, 8 bits, plus the file's own alpha where it is a real cut-out. Never resizes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from gpu_worker import pixels
from gpu_worker.engines.base import Alpha, Rgb
from gpu_worker.stages.base import State

# Both sides must be there for an alpha channel to count as a cut-out: something clearly out, something clearly in.
USEFUL_SHARE = 0.005
# What each colour space of a profile (ICC.1, header bytes 16 to 19) may be applied to.
SPACES = {"RGB ": {"RGB"}, "GRAY": {"L"}, "CMYK": {"CMYK"}, "Lab ": {"LAB"}}


class Normalise:
    """EXIF turn, ICC to sRGB, 16 bits to 8, CMYK, palettes and grey to RGB; a useful alpha is kept."""

    name = "normalise"
    needs: tuple[str, ...] = ("image",)
    gives: tuple[str, ...] = ("rgb",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.image is not None
        state.rgb, state.given_alpha, colour = normalise(state.image)
        state.notes["colour_source"] = colour
        state.image = None  # frees the decoded original; the bytes are still at hand


def normalise(image: Image.Image) -> tuple[Rgb, Alpha | None, str]:
    """(sRGB H × W × 3 uint8, own alpha H × W float32 or None, where the colours came from: srgb, icc, assumed)."""
    profile = image.info.get("icc_profile")
    image = pixels.upright(image)
    image, alpha = _split_alpha(image)
    image, colour = _to_srgb(image, profile)
    rgb = np.asarray(image, dtype=np.uint8)
    if alpha is None:
        return np.ascontiguousarray(rgb), None, colour
    if _is_cutout(alpha):
        return np.ascontiguousarray(rgb), alpha, colour
    flat = rgb * alpha[..., None] + 255.0 * (1.0 - alpha[..., None])
    return np.round(flat).astype(np.uint8), None, colour


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Alpha | None]:
    """The picture in an opaque mode (RGB, L, CMYK, LAB) and its alpha, if it has one."""
    if image.mode in {"RGBa", "La"}:
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in {"RGBA", "LA"}:
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / np.float32(255)
        return image.convert("RGB" if image.mode == "RGBA" else "L"), alpha
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_to_8_bits(image), None
    if image.mode in {"RGB", "L", "CMYK", "LAB"}:
        return image, None
    return image.convert("RGB"), None


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit grey (or more, or float) to 8 by its own range; Pillow's convert would clip everything over 255."""
    values = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16"):
        top = 65535.0
    else:
        top = next((t for t in (1.0, 255.0, 65535.0) if values.max(initial=0.0) <= t), float(values.max()))
    return Image.fromarray(np.round(np.clip(values / top, 0, 1) * 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    if profile:
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted
    return image.convert("RGB"), "assumed"


def _by_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, str] | None:
    """None where the profile is broken or belongs to another kind of picture: then sRGB is assumed, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space)
        if image.mode not in SPACES.get(space.ljust(4), set()):
            return None
        # Most photos carry sRGB itself: converting sRGB to sRGB would only add rounding.
        if image.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image, "srgb"
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return (converted, "icc") if converted is not None else None


def _is_cutout(alpha: Alpha) -> bool:
    return bool((alpha < 0.06).mean() > USEFUL_SHARE and (alpha > 0.94).mean() > USEFUL_SHARE)
