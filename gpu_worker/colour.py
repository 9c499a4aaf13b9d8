"""How different two colours look: sRGB to CIELAB, and CIEDE2000 between arrays of Lab values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpu_worker import light

Floats = NDArray[np.float64]
# sRGB primaries to XYZ, and the white they add up to (IEC 61966-2-1, D65).
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)
KAPPA, EPSILON = 24389 / 27, 216 / 24389


def lab(rgb: NDArray[np.uint8]) -> Floats:
    """sRGB levels (… × 3) → CIELAB under D65 (… × 3)."""
    return lab_of_light(light.to_light(rgb))


def lab_of_light(linear: NDArray[np.float32]) -> Floats:
    """Linear sRGB light (… × 3) → CIELAB under D65 (… × 3)."""
    xyz = linear.astype(np.float64) @ TO_XYZ.T / WHITE
    f = np.where(xyz > EPSILON, np.cbrt(xyz), (KAPPA * xyz + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def ciede2000(one: Floats, two: Floats) -> Floats:
    """ΔE00 of Lab arrays (… × 3) with weights 1, step by step as in G. Sharma, W. Wu, E. Dalal, "The CIEDE2000
    Color-Difference Formula", Color Research and Application 30 (2005); the numbers in comments are its equations."""
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(two, np.float64), -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(mean_c7 / (mean_c7 + 25.0**7)))  # 4
    a1, a2 = (1 + g) * a1, (1 + g) * a2  # 5
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)  # 6
    h1, h2 = _hue_degrees(a1, b1), _hue_degrees(a2, b2)  # 7
    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)  # 10
    turn = np.where(~grey & (h2 - h1 == 180), 180.0, turn)
    dl, dc = l2 - l1, c2 - c1  # 8, 9
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)  # 11
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2  # 12, 13
    return _weighted(dl, dc, dh, mean_l, mean_c, _mean_hue(h1, h2, grey))


def _hue_degrees(a: Floats, b: Floats) -> Floats:
    return np.where((a == 0) & (b == 0), 0.0, np.degrees(np.arctan2(b, a)) % 360)


def _mean_hue(h1: Floats, h2: Floats, grey: NDArray[np.bool_]) -> Floats:
    """Equation 14: the middle of the shorter way round."""
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    around = np.where(total < 360, (total + 360) / 2, (total - 360) / 2)
    return np.where(grey, total, np.where(far, around, total / 2))


def _weighted(dl: Floats, dc: Floats, dh: Floats, mean_l: Floats, mean_c: Floats, mean_h: Floats) -> Floats:
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )  # 15
    turn = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))  # 16
    rc = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))  # 17
    sl = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)  # 18
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t  # 19, 20
    rt = -np.sin(np.radians(2 * turn)) * rc  # 21
    x, y, z = dl / sl, dc / sc, dh / sh
    return np.sqrt(np.maximum(0, x * x + y * y + z * z + rt * y * z))  # 22
