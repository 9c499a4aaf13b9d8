"""16-bit colour → 8-bit sRGB before anything is rounded. Pillow cuts such files to 8 bits as it opens them, which shows
as bands where a wide profile (ProPhoto, linear) is stretched afterwards. Formulas: ICC.1:2022, chapters 8 and 10.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.engines.base import Rgb
from gpu_worker.light import to_levels

STRIP_PX = 256
# sRGB's primaries under D50, the white of every ICC connection space (IEC 61966-2-1, Bradford-adapted): RGB → XYZ.
SRGB_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
Deep = NDArray[np.uint16]  # H × W × 3 or × 4, in the file's own order: BGR or BGRA
Curve = NDArray[np.float32]  # 65536 levels → linear light, 0 to 1


@dataclass(frozen=True)
class MatrixProfile:
    """A camera's or monitor's colour space: one curve per channel, then a matrix to linear sRGB."""

    curves: tuple[Curve, Curve, Curve]
    to_srgb: NDArray[np.float64]


def is_deep(data: bytes, image: Image.Image) -> bool:
    """Whether the file holds 16 bits each of red, green and blue (PNG colour types 2, 6; TIFF of 3 or 4 samples)."""
    if image.format == "PNG":
        return len(data) > 25 and data[24] == 16 and data[25] in {2, 6}
    tags = getattr(image, "tag_v2", {})
    bits, kinds = tags.get(258, ()), tags.get(339, (1,))
    return image.mode in {"RGB", "RGBA"} and len(bits) in {3, 4} and set(bits) == {16} and set(kinds) == {1}


def decode(data: bytes, size_px: tuple[int, int]) -> Deep | None:
    """The levels as stored, TIFFs upright. None where OpenCV can't read what Pillow could."""
    try:
        levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 3 or levels.shape[1::-1] != size_px:
        return None
    return np.asarray(levels, np.uint16)


def to_eight_bits(deep: Deep, profile: MatrixProfile | None) -> Rgb:
    """H × W × 3 or × 4 of 8 bits, RGB or RGBA: through `profile` to sRGB, or rounded as it is without one."""
    out = np.empty(deep.shape, np.uint8)
    order = cv2.COLOR_BGRA2RGBA if deep.shape[2] == 4 else cv2.COLOR_BGR2RGB
    convert = _converter(profile) if profile is not None else None
    for top in range(0, deep.shape[0], STRIP_PX):
        strip = deep[top : top + STRIP_PX]
        here = out[top : top + STRIP_PX]
        here[:] = cv2.cvtColor(cv2.convertScaleAbs(strip, alpha=255 / 65535), order)
        if convert is not None:
            here[..., :3] = convert(strip[..., 2::-1])
    return out


def _converter(profile: MatrixProfile) -> Callable[[Deep], NDArray[np.uint8]]:
    matrix = profile.to_srgb.astype(np.float32)

    def convert(strip: Deep) -> NDArray[np.uint8]:
        light = np.dstack([curve[strip[..., i]] for i, curve in enumerate(profile.curves)])
        mixed: NDArray[np.float32] = np.asarray(cv2.transform(light, matrix), np.float32)
        return to_levels(mixed)

    return convert


def matrix_profile(profile: bytes) -> MatrixProfile | None:
    """The curves and matrix of an RGB profile. None where it is broken, works by tables or is of another kind."""
    try:
        if profile[16:20] != b"RGB " or profile[20:24] != b"XYZ ":
            return None
        tags = _tags(profile)
        if any(table in tags for table in (b"A2B0", b"A2B1", b"D2B0", b"D2B1")):
            return None
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (KeyError, struct.error, ValueError, IndexError):
        return None
    return MatrixProfile((red, green, blue), np.linalg.inv(SRGB_D50) @ np.array(columns).T)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 200:
        raise ValueError("more tags than any profile has")
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count))
    return {name: profile[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(">3i", tag, 8))


def _curve(tag: bytes) -> Curve:
    level = np.arange(65536) / 65535
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return level.astype(np.float32)
        if count == 1:
            (gamma,) = struct.unpack_from(">H", tag, 12)
            return np.power(level, gamma / 256).astype(np.float32)
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.interp(level, np.linspace(0, 1, count), table).astype(np.float32)
    if tag[:4] == b"para":
        return _parametric(level, tag).astype(np.float32)
    raise ValueError("a curve of an unknown type")


def _parametric(level: NDArray[np.float64], tag: bytes) -> NDArray[np.float64]:
    """ICC.1:2022, 10.18: five forms of (a·x + b)^g + e above d, and a line below it."""
    (form,) = struct.unpack_from(">H", tag, 8)
    lengths = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
    if form not in lengths:
        raise ValueError("a curve of an unknown form")
    given = [value / 65536 for value in struct.unpack_from(f">{lengths[form]}i", tag, 12)]
    g, a, b, c, d, e, f = [*given, 1.0, *[0.0] * 6][:7] if form == 0 else [*given, *[0.0] * 6][:7]
    if form in {1, 2}:  # these bend where a·x + b crosses 0, and form 2 adds its constant on both sides
        e = f = c
        c, d = 0.0, -b / a if a else 0.0
    powered = np.power(np.clip(a * level + b, 0, None), g) + e
    return np.clip(np.where(level >= d, powered, c * level + f), 0, 1)
