"""Measures of one finished picture: backdrop, fill, centring, sharpness, clipping."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from gpu_worker.engines.base import Mask, Rgb

BORDER_SHARE = 0.02
Box = tuple[int, int, int, int]


def border(rgb: Rgb) -> Rgb:
    """The pixels of the outermost 2 % of each side (at least one), as a list N × 3."""
    height_px, width_px = rgb.shape[:2]
    wide = max(1, round(BORDER_SHARE * min(height_px, width_px)))
    if 2 * wide >= min(height_px, width_px):
        return rgb.reshape(-1, 3)
    middle = rgb[wide : height_px - wide]
    strips = (rgb[:wide], rgb[height_px - wide :], middle[:, :wide], middle[:, width_px - wide :])
    return np.concatenate([strip.reshape(-1, 3) for strip in strips])


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


def box_of(product: Mask) -> Box | None:
    """(left, top, right, bottom), half open, of what is True; None for nothing."""
    x, y, width_px, height_px = cv2.boundingRect(product.view(np.uint8))
    return (x, y, x + width_px, y + height_px) if width_px else None


def placement(product: Mask, centre_px: tuple[float, float] | None = None) -> dict[str, float]:
    """``fill``: the fuller side of the product's box over the canvas side; ``centring_offset``: how far its centre is
    from where it belongs (`centre_px`, else the canvas' centre) over the canvas diagonal's half; ``product_share`` of
    all pixels. ``product``: canvas H × W."""
    height_px, width_px = product.shape
    box = box_of(product)
    if box is None:
        return {"fill": 0.0, "centring_offset": 0.0, "product_share": 0.0}
    left, top, right, bottom = box
    wanted_x, wanted_y = centre_px or (width_px / 2, height_px / 2)
    off_x, off_y = (left + right) / 2 - wanted_x, (top + bottom) / 2 - wanted_y
    return {
        "fill": round(float(max((bottom - top) / height_px, (right - left) / width_px)), 4),
        "centring_offset": round(float(np.hypot(off_x, off_y) / (np.hypot(width_px, height_px) / 2)), 4),
        "product_share": round(float(np.count_nonzero(product) / product.size), 4),
    }


def sharpness(rgb: Rgb, product: Mask) -> float:
    """Variance of the Laplacian of grey levels inside the product's box; under about 20 a photo looks soft."""
    box = box_of(product)
    if box is None:
        return 0.0
    near = np.s_[box[1] : box[3], box[0] : box[2]]
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[near]), cv2.COLOR_RGB2GRAY)
    inside = cv2.erode(np.ascontiguousarray(product[near]).view(np.uint8), np.ones((5, 5), np.uint8))
    if not inside.any():
        return 0.0
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S), mask=inside)
    return round(float(deviation[0, 0]) ** 2, 2)


def clipped(rgb: Rgb, product: Mask) -> dict[str, float]:
    """Shares of the product that are burnt out (all 255) or drowned (all 0)."""
    box = box_of(product)
    if box is None:
        return {"clipped_highlights": 0.0, "clipped_shadows": 0.0}
    near = np.s_[box[1] : box[3], box[0] : box[2]]
    levels, inside = np.ascontiguousarray(rgb[near]), np.ascontiguousarray(product[near]).view(np.uint8)
    count = cv2.countNonZero(inside)
    burnt, drowned = (
        cv2.countNonZero(cv2.copyTo(cv2.inRange(levels, (level,) * 3, (level,) * 3), inside)) / count
        for level in (255, 0)
    )
    return {"clipped_highlights": round(burnt, 4), "clipped_shadows": round(drowned, 4)}


def size(width_px: int, height_px: int, format: str, size_bytes: int) -> Mapping[str, int | str]:
    """What a channel asks first."""
    return {"width_px": width_px, "height_px": height_px, "format": format, "size_bytes": size_bytes}
