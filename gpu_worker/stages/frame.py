"""Decides where the product goes on the canvas: placement only, no pixel is touched here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha
from gpu_worker.recipe import ANCHORS, Framing
from gpu_worker.stages.base import Placement, Size, State
from gpu_worker.stages.straighten import outline, tilt

Box = tuple[int, int, int, int]
# Soft edge and resampling need pixels beyond the product's own outline.
MARGIN_PX = 4
# Less than this is not seen, and turning costs a resampling.
LEAST_TILT_DEGREES = 0.25
# Sharpening gives back what shrinking takes: nothing at full size, this much from 70 % of it down.
SHARPEN_AMOUNT, SHARPEN_FULL_BELOW = 0.45, 0.7
# The group is measured on small copies, so a product may come out this much larger than the recipe's share.
SHARED_SLACK = 1.05


class Frame:
    """The product's box, scaled so that it fills the wanted share of the canvas, put where the recipe anchors it."""

    name = "frame"
    needs: tuple[str, ...] = ("rgb", "matte", "group_sizes_px")
    gives: tuple[str, ...] = ("placement",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None
        height_px, width_px = state.rgb.shape[:2]
        framing, source_px = state.recipe.framing, (width_px, height_px)
        whole: Box = (0, 0, width_px, height_px)
        if framing.canvas_px is None:
            state.placement = Placement(whole, source_px, (0, 0), source_px)
            return
        box = product_box(state.matte.alpha) or whole
        framing = _at_the_groups_scale(state, box)
        angle = 0.0
        if framing.straighten == "auto":
            found = tilt(state.matte.alpha)
            state.notes["tilt_degrees"], state.notes["tilt_trust"] = found.degrees, found.trust
            angle = -found.degrees if found.trusted and abs(found.degrees) >= LEAST_TILT_DEGREES else 0.0
            state.notes["straightened_degrees"] = angle
        turned = place_turned(state.matte.alpha, box, framing, angle) if angle else None
        placed = turned or place(box, source_px, framing)
        if state.recipe.output.sharpen == "auto":
            placed = replace(placed, sharpen=sharpening(placed.scale))
            state.notes["sharpen_amount"] = placed.sharpen
        state.placement = placed


def _at_the_groups_scale(state: State, box: Box) -> Framing:
    """The recipe's framing with the scale that the group shares; as it is where there is none, or where this product
    would stand over its margins at it (a photo that did not count, because its cut-out is not sure)."""
    framing = state.recipe.framing
    shared = shared_scale(state.group_sizes_px, framing)
    if shared is None:
        return framing
    fits = shared <= SHARED_SLACK * fitting_scale((box[2] - box[0], box[3] - box[1]), framing)
    state.notes["group_scale"], state.notes["group_scale_used"] = round(shared, 6), fits
    return replace(framing, scale_px_per_px=shared) if fits else framing


def product_box(alpha: Alpha, level: float = 0.5) -> Box | None:
    """(x0, y0, x1, y1), half open, of everything whose alpha is at least `level`; None where there is nothing."""
    x, y, width_px, height_px = cv2.boundingRect((alpha >= level).view(np.uint8))
    return (x, y, x + width_px, y + height_px) if width_px else None


def sharpening(scale: float) -> float:
    """The amount for a placement of this scale (canvas per source pixel)."""
    return round(SHARPEN_AMOUNT * min(1.0, max(0.0, (1 - scale) / (1 - SHARPEN_FULL_BELOW))), 3)


def room(framing: Framing) -> tuple[float, float, float, float]:
    """(left, top, width, height) in canvas pixels: where the recipe lets the product stand."""
    assert framing.canvas_px is not None
    width_px, height_px = framing.canvas_px
    rest = (1 - framing.fill) / 2
    left, top, right, bottom = framing.margins or (rest, rest, rest, rest)
    return left * width_px, top * height_px, (1 - left - right) * width_px, (1 - top - bottom) * height_px


def fitting_scale(size_px: Size, framing: Framing) -> float:
    """Canvas pixels per photo pixel at which a product of `size_px` (width, height) covers `fill` of the fuller side
    and stays between the margins."""
    assert framing.canvas_px is not None
    _, _, width_px, height_px = room(framing)
    fill_px = framing.fill * framing.canvas_px[0], framing.fill * framing.canvas_px[1]
    return min(min(fill_px[0], width_px) / size_px[0], min(fill_px[1], height_px) / size_px[1])


def shared_scale(sizes_px: Iterable[Size], framing: Framing) -> float | None:
    """The scale that one product's photos share: the largest at which every one of them fits.

    `sizes_px`: width and height of the product in each photo, in that photo's pixels, as the measures
    ``product_width_px`` and ``product_height_px`` tell. The result goes into ``framing.scale_px_per_px``. It means
    something where one camera stood still; None for no photos. Raises ValueError without a canvas.
    """
    if framing.canvas_px is None:
        raise ValueError("a scale needs a canvas")
    return min((fitting_scale(size, framing) for size in sizes_px), default=None)


def wanted_centre(size_px: Size, framing: Framing) -> tuple[float, float]:
    """Where the centre of a product of `size_px` on the canvas belongs (canvas x, y)."""
    left, top, width_px, height_px = room(framing)
    share_x, share_y = ANCHORS[framing.anchor]
    return (
        left + size_px[0] / 2 + share_x * (width_px - size_px[0]),
        top + size_px[1] / 2 + share_y * (height_px - size_px[1]),
    )


def place(box: Box, source_px: tuple[int, int], framing: Framing) -> Placement:
    """Puts `box` of a photo of `source_px` on the canvas as `framing` says.

    The box is widened by a margin for the soft edge. Size and position are whole pixels, so a product that
    already has the right size is copied rather than resampled.
    """
    assert framing.canvas_px is not None
    x0, y0, x1, y1 = box
    scale = _scale((x1 - x0, y1 - y0), framing)
    wide = _widened(box, source_px)
    size = max(1, round((wide[2] - wide[0]) * scale)), max(1, round((wide[3] - wide[1]) * scale))
    sx, sy = size[0] / (wide[2] - wide[0]), size[1] / (wide[3] - wide[1])
    centre = wanted_centre(((x1 - x0) * sx, (y1 - y0) * sy), framing)
    # The centre of the product, not of the widened box, goes to its place.
    at = (
        round(centre[0] - ((x0 + x1) / 2 - wide[0]) * sx),
        round(centre[1] - ((y0 + y1) / 2 - wide[1]) * sy),
    )
    return Placement(wide, size, at, framing.canvas_px)


def place_turned(alpha: Alpha, box: Box, framing: Framing, angle_degrees: float) -> Placement:
    """As `place`, with the product turned clockwise by `angle_degrees`; its turned outline fills the canvas."""
    assert framing.canvas_px is not None
    wide = _widened(box, (alpha.shape[1], alpha.shape[0]))
    low, high = _turned_extent(outline(alpha), wide, angle_degrees)
    size = float(high[0] - low[0]), float(high[1] - low[1])
    zoom = _scale(size, framing)
    # The patch is centred on the box's centre, so it must reach as far as the farther side.
    reach = np.maximum(-low, high) + MARGIN_PX
    patch = int(2 * np.ceil(reach[0] * zoom)), int(2 * np.ceil(reach[1] * zoom))
    centre = wanted_centre((size[0] * zoom, size[1] * zoom), framing)
    middle = (low + high) / 2 * zoom
    at = round(centre[0] - middle[0] - patch[0] / 2), round(centre[1] - middle[1] - patch[1] / 2)
    return Placement(wide, patch, at, framing.canvas_px, angle_degrees, zoom)


def _scale(size_px: Size, framing: Framing) -> float:
    """What the recipe asks for; a shared scale never pushes the product over the edge of the canvas."""
    assert framing.canvas_px is not None
    if framing.scale_px_per_px is None:
        return fitting_scale(size_px, framing)
    return min(framing.scale_px_per_px, *(c / s for c, s in zip(framing.canvas_px, size_px, strict=True)))


def _widened(box: Box, source_px: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = box
    return (
        max(0, x0 - MARGIN_PX),
        max(0, y0 - MARGIN_PX),
        min(source_px[0], x1 + MARGIN_PX),
        min(source_px[1], y1 + MARGIN_PX),
    )


def _turned_extent(
    points: NDArray[np.float64], box: Box, angle_degrees: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest (x, y) of the outline turned about the box's centre, seen from there (source pixels)."""
    turn = np.radians(angle_degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = (points - ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)) @ matrix.T
    return turned.min(axis=0), turned.max(axis=0)
