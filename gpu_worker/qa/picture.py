"""Measures of one finished picture: backdrop, fill, centring, sharpness, clipping."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from gpu_worker.engines.base import Mask, Rgb

BORDER_SHARE = 0.02


def border(rgb: Rgb) -> Rgb:
    """The pixels of the outermost 2 % of each side (at least one), as a list N × 3."""
    height_px, width_px = rgb.shape[:2]
    wide = max(1, round(BORDER_SHARE * min(height_px, width_px)))
    rim = np.ones((height_px, width_px), bool)
    rim[wide : height_px - wide, wide : width_px - wide] = False
    return rgb[rim]


def backdrop(rgb: Rgb, colour: tuple[int, int, int] | None = None) -> dict[str, float]:
    """``border_white_share`` exactly 255; ``border_mean_level``; with a colour, ``border_exact_share`` of
    just that colour."""
    rim = border(rgb)
    measures = {
        "border_white_share": round(float((rim == 255).all(axis=1).mean()), 4),
        "border_mean_level": round(float(rim.mean()), 2),
    }
    if colour is not None:
        exact = (rim == np.array(colour, np.uint8)).all(axis=1)
        measures["border_exact_share"] = round(float(exact.mean()), 4)
    return measures


def placement(product: Mask) -> dict[str, float]:
    """``fill``: the fuller side of the product's box over the canvas side; ``centring_offset``: its centre
    from the canvas'
    centre over the canvas diagonal's half; ``product_share`` of all pixels. ``product``: canvas H × W."""
    height_px, width_px = product.shape
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    if not rows.size:
        return {"fill": 0.0, "centring_offset": 0.0, "product_share": 0.0}
    box_height_px, box_width_px = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    off_x = (columns[0] + columns[-1] + 1) / 2 - width_px / 2
    off_y = (rows[0] + rows[-1] + 1) / 2 - height_px / 2
    return {
        "fill": round(float(max(box_height_px / height_px, box_width_px / width_px)), 4),
        "centring_offset": round(float(np.hypot(off_x, off_y) / (np.hypot(width_px, height_px) / 2)), 4),
        "product_share": round(float(product.mean()), 4),
    }


def sharpness(rgb: Rgb, product: Mask) -> float:
    """Variance of the Laplacian of grey levels inside the product's box; under about 20 a photo looks soft."""
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    if not rows.size:
        return 0.0
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[box]), cv2.COLOR_RGB2GRAY)
    response = cv2.Laplacian(grey, cv2.CV_32F)
    inside = cv2.erode(product[box].astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    return round(float(response[inside].var()), 2) if inside.any() else 0.0


def clipped(rgb: Rgb, product: Mask) -> dict[str, float]:
    """Shares of the product that are burnt out (all 255) or drowned (all 0)."""
    inside = rgb[product]
    if not len(inside):
        return {"clipped_highlights": 0.0, "clipped_shadows": 0.0}
    return {
        "clipped_highlights": round(float((inside == 255).all(axis=1).mean()), 4),
        "clipped_shadows": round(float((inside == 0).all(axis=1).mean()), 4),
    }


def size(width_px: int, height_px: int, format: str, size_bytes: int) -> Mapping[str, int | str]:
    """What a channel asks first."""
    return {"width_px": width_px, "height_px": height_px, "format": format, "size_bytes": size_bytes}
