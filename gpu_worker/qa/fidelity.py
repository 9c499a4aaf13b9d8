"""Is the product still the merchant's? Source pixels, put through the declared placement alone, against
what was composed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light, resample
from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.qa.colour import ciede2000, lab, lab_of_light
from gpu_worker.stages.base import Encoded, Placement
from gpu_worker.stages.load import open_photo

# Kernels reach three source or canvas pixels; the soft edge belongs to both sides and is not compared.
ERODE_PX = 4
SAMPLES = 20_000
MEASURES = ("fidelity_levels_max", "fidelity_delta_e_p95", "fidelity_delta_e_pixel_p95", "fidelity_share")


def placed_source(rgb: Rgb, placement: Placement) -> Rgb:
    """The untouched source box under the placement and nothing else (size_px H × W × 3)."""
    x0, y0, x1, y1 = placement.box_px
    box = rgb[y0:y1, x0:x1]
    if not placement.resized:
        return box
    return light.to_levels(resample.resize(light.to_light(box), placement.size_px))


def solid(alpha: Alpha, placement: Placement) -> Mask:
    """Where the placed product covers wholly and its edge is far (size_px H × W)."""
    x0, y0, x1, y1 = placement.box_px
    whole = (alpha[y0:y1, x0:x1] >= 1.0 - 1e-6).astype(np.uint8)
    reach_px = (
        ERODE_PX if not placement.resized else max(ERODE_PX, round(ERODE_PX / min(1.0, placement.scale)))
    )
    eroded = cv2.erode(whole, np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8), borderValue=1)
    if not placement.resized:
        return eroded.astype(bool)
    small = cv2.resize(eroded.astype(np.float32), placement.size_px, interpolation=cv2.INTER_AREA)
    core = cv2.erode(
        (small > 0.999).astype(np.uint8), np.ones((2 * ERODE_PX + 1,) * 2, np.uint8), borderValue=1
    )
    return core.astype(bool)


def measure(
    rgb: Rgb, alpha: Alpha, placement: Placement, picture: NDArray[np.uint8], main: Encoded
) -> dict[str, float | int]:
    """``fidelity_levels_max`` before encoding; ΔE00 after it, at 95 % of places; ``fidelity_share`` of the
    product checked.

    ``fidelity_delta_e_p95`` compares means of 2 × 2 pixels in linear light: encoders trade noise between
    neighbours, which
    the eye blurs together before it judges colour (X. Zhang, B. Wandell, S-CIELAB, 1997, here with the smallest blur).
    ``fidelity_delta_e_pixel_p95`` compares single pixels. Without any solid pixel nothing can be shown:
    the rest is 0 and
    the share is 0, which a policy can see.
    """
    source, core = placed_source(rgb, placement), solid(alpha, placement)
    source, core, there = _on_canvas(source, core, placement)
    x0, y0, x1, y1 = placement.box_px
    product_px = float((alpha[y0:y1, x0:x1] > 0.5).sum()) * _area_scale(placement)
    if not core.any():
        return dict.fromkeys(MEASURES, 0)
    apart = np.abs(source.astype(np.int16) - picture[there][..., :3].astype(np.int16)).max(axis=2)
    shown = np.asarray(open_photo(main.data).convert("RGB"))[there]
    rows, columns = np.nonzero(core)
    step = max(1, len(rows) // SAMPLES)
    places = rows[::step], columns[::step]
    by_pixel = ciede2000(lab(source[places]), lab(shown[places]))
    seen = ciede2000(lab_of_light(_blurred(source)[places]), lab_of_light(_blurred(shown)[places]))
    return {
        "fidelity_levels_max": int(apart[core].max()),
        "fidelity_delta_e_p95": round(float(np.percentile(seen, 95)), 3),
        "fidelity_delta_e_pixel_p95": round(float(np.percentile(by_pixel, 95)), 3),
        "fidelity_share": round(min(1.0, float(core.sum()) / max(1.0, product_px)), 4),
    }


def _blurred(rgb: Rgb) -> NDArray[np.float32]:
    """Means of 2 × 2 pixels in linear light (H × W × 3)."""
    return np.asarray(cv2.blur(light.to_light(rgb), (2, 2)), np.float32)


def _area_scale(placement: Placement) -> float:
    x0, y0, x1, y1 = placement.box_px
    return placement.size_px[0] * placement.size_px[1] / ((x1 - x0) * (y1 - y0))


def _on_canvas(source: Rgb, core: Mask, placement: Placement) -> tuple[Rgb, Mask, tuple[slice, slice]]:
    """What of the placed product lies on the canvas, and where."""
    (x, y), (width_px, height_px) = placement.at_px, placement.size_px
    left, top = max(0, -x), max(0, -y)
    right = min(width_px, placement.canvas_px[0] - x)
    bottom = min(height_px, placement.canvas_px[1] - y)
    here = np.s_[top:bottom, left:right]
    return source[here], core[here], (slice(top + y, bottom + y), slice(left + x, right + x))
