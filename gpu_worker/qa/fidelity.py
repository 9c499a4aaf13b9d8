"""Is the product still the merchant's? Source pixels, put through the declared transform alone (placement, gains,
sharpening), against what was composed and what was written."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light, resample
from gpu_worker.colour import ciede2000, lab_of_light
from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.stages.base import UNCHANGED, Encoded, Gains, Placement, Slices, on_canvas
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.place import corrected, reader, transformed

# Kernels reach three source or canvas pixels; the soft edge belongs to both sides and is not compared.
ERODE_PX = 4
# Places whose colours are compared after encoding: the 95th percentile of so many is known to within half a percent.
SAMPLES = 6000
COLOURS = ("fidelity_delta_e_p95", "fidelity_delta_e_pixel_p95")


@dataclass(frozen=True)
class Reference:
    """What must be seen on the part `there` of the canvas: `source` under the declared transform, wherever `core` says
    that the product covers wholly and its edge is far. `share` of the product is checked so."""

    source: Rgb
    core: Mask
    there: Slices
    share: float


def reference(
    rgb: Rgb,
    alpha: Alpha,
    placement: Placement,
    gains: Gains = UNCHANGED,
    clear: NDArray[np.uint8] | None = None,
) -> Reference | None:
    """None where the product misses the canvas or has no solid pixel: then nothing can be shown. `clear` (H × W, of the
    photo): above 0 light passes, and a pixel is meant to change."""
    windows = on_canvas(placement.at_px, placement.size_px, placement.canvas_px)
    if windows is None:
        return None
    there, here = windows
    core = solid(alpha, placement, clear)[here]
    if not core.any():
        return None
    x0, y0, x1, y1 = placement.box_px
    product_px = float(np.count_nonzero(alpha[y0:y1, x0:x1] > 0.5)) * _area_scale(placement)
    share = min(1.0, float(np.count_nonzero(core)) / max(1.0, product_px))
    return Reference(placed_source(rgb, placement, gains)[here], core, there, share)


def placed_source(rgb: Rgb, placement: Placement, gains: Gains = UNCHANGED) -> Rgb:
    """The untouched source box under the declared transform and nothing else (size_px H × W × 3)."""
    x0, y0, x1, y1 = placement.box_px
    box = rgb[y0:y1, x0:x1]
    if not placement.resized:
        return box if gains == UNCHANGED else corrected(box, gains)
    planes = transformed(reader(box, None, gains), placement)
    if placement.sharpen:
        planes = resample.sharpened(planes, placement.sharpen)
    return np.asarray(cv2.merge(list(light.to_levels(planes))), np.uint8)


def solid(alpha: Alpha, placement: Placement, clear: NDArray[np.uint8] | None = None) -> Mask:
    """Where the placed product covers wholly and its edge is far (size_px H × W)."""
    x0, y0, x1, y1 = placement.box_px
    whole = (alpha[y0:y1, x0:x1] >= 1.0 - 1e-6).astype(np.uint8)
    if clear is not None:
        whole &= clear[y0:y1, x0:x1] == 0
    if not placement.resized:
        return _eroded(whole, ERODE_PX).astype(bool)
    eroded = _eroded(whole, max(ERODE_PX, round(ERODE_PX / min(1.0, placement.scale)))) * np.uint8(255)
    if placement.zoom is None:
        small = cv2.resize(eroded, placement.size_px, interpolation=cv2.INTER_AREA)
    else:
        matrix = placement.to_canvas()
        # From box to patch instead of photo to canvas, and from pixel centre to pixel centre.
        matrix[:, 2] += matrix[:, :2] @ (x0 + 0.5, y0 + 0.5) - placement.at_px - 0.5
        small = cv2.warpAffine(eroded, matrix, placement.size_px, flags=cv2.INTER_LINEAR)
    return _eroded((small == 255).astype(np.uint8), ERODE_PX).astype(bool)


def _eroded(mask: NDArray[np.uint8], reach_px: int) -> NDArray[np.uint8]:
    side = 2 * reach_px + 1
    return np.asarray(cv2.erode(mask, np.ones((side, side), np.uint8), borderValue=1), np.uint8)


def levels(wanted: Reference | None, picture: NDArray[np.uint8]) -> dict[str, float | int]:
    """``fidelity_levels_max``: the largest difference of any channel before encoding; ``fidelity_share`` of the product
    was checked. Without any solid pixel both are 0, which a policy can see."""
    if wanted is None:
        return {"fidelity_levels_max": 0, "fidelity_share": 0}
    shown = np.ascontiguousarray(picture[wanted.there][..., :3])
    apart = cv2.copyTo(cv2.absdiff(np.ascontiguousarray(wanted.source), shown), wanted.core.view(np.uint8))
    return {"fidelity_levels_max": int(apart.max()), "fidelity_share": round(wanted.share, 4)}


def colours(wanted: Reference | None, main: Encoded) -> dict[str, float | int]:
    """CIEDE2000 between what was meant and what the file shows, at 95 % of places.

    ``fidelity_delta_e_p95`` compares means of 2 × 2 pixels in linear light: encoders trade noise between neighbours,
    which the eye blurs together before it judges colour (X. Zhang, B. Wandell, S-CIELAB, 1997, here with the smallest
    blur). ``fidelity_delta_e_pixel_p95`` compares single pixels. Without any solid pixel both are 0.
    """
    if wanted is None:
        return dict.fromkeys(COLOURS, 0)
    shown = np.asarray(open_photo(main.data).convert("RGB"))[wanted.there]
    rows, columns = _spread_out(wanted.core)
    pixel = [light.to_light(picture[rows, columns]) for picture in (wanted.source, shown)]
    mean = [_means(picture, rows, columns) for picture in (wanted.source, shown)]
    apart = (ciede2000(*(lab_of_light(pair) for pair in pairs)) for pairs in (mean, pixel))
    return {
        name: round(float(np.percentile(found, 95)), 3) for name, found in zip(COLOURS, apart, strict=True)
    }


def measure(
    rgb: Rgb,
    alpha: Alpha,
    placement: Placement,
    picture: NDArray[np.uint8],
    main: Encoded,
    gains: Gains = UNCHANGED,
    clear: NDArray[np.uint8] | None = None,
) -> dict[str, float | int]:
    """All of it: `levels` of the picture and `colours` of the file that was made of it."""
    wanted = reference(rgb, alpha, placement, gains, clear)
    return levels(wanted, picture) | colours(wanted, main)


def _spread_out(core: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of about SAMPLES places of the core, evenly spread."""
    places = np.flatnonzero(core)
    chosen = places[:: max(1, len(places) // SAMPLES)]
    rows, columns = np.divmod(chosen, core.shape[1])
    return rows, columns


def _means(picture: Rgb, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Light of the 2 × 2 pixels that end at each place (N × 3)."""
    above, left = np.maximum(rows - 1, 0), np.maximum(columns - 1, 0)
    four = [light.to_light(picture[r, c]) for r in (above, rows) for c in (left, columns)]
    return np.asarray(sum(four) / np.float32(4), np.float32)


def _area_scale(placement: Placement) -> float:
    if placement.zoom is not None:
        return placement.zoom**2
    width_px, height_px = placement.box_size_px
    return placement.size_px[0] * placement.size_px[1] / (width_px * height_px)
