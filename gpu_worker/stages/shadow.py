"""Draws the shadow the product throws on the new backdrop, from its matte alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha
from gpu_worker.stages.base import Placement, State

# A shadow has no detail: it is drawn on a small canvas and enlarged.
WORK_PX = 480
PURE_EDGE_SHARE, FADE_SHARE = 0.025, 0.035


class Shadow:
    """Gives, per canvas pixel, the share of light that the shadow takes away."""

    name = "shadow"
    needs: tuple[str, ...] = ("matte", "placement")
    gives: tuple[str, ...] = ("shade",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.matte is not None and state.placement is not None
        canvas, shadow = state.placement.canvas_px, state.recipe.shadow
        if shadow.kind == "none" or shadow.strength == 0:
            state.shade = None
            return
        small = _on_small_canvas(state.matte.alpha, state.placement)
        shade = contact(small) if shadow.kind == "contact" else cast(small)
        shade *= _fading_at_the_edges(shade.shape)
        wide = cv2.resize(shade * np.float32(shadow.strength), canvas, interpolation=cv2.INTER_CUBIC)
        # Nothing under half a level of light: a pure backdrop stays pure away from the product.
        state.shade = np.where(wide < 0.004, 0, np.clip(wide, 0, 1)).astype(np.float32)


def _fading_at_the_edges(shape: tuple[int, ...]) -> Alpha:
    """1 inside, 0 along the canvas' edge: a pure backdrop must stay pure there, as channels check it at the border."""
    sides = []
    for side_px in shape[:2]:
        place = (np.arange(side_px) + 0.5) / side_px
        sides.append(np.clip((np.minimum(place, 1 - place) - PURE_EDGE_SHARE) / FADE_SHARE, 0, 1))
    return np.outer(*sides).astype(np.float32)


def _on_small_canvas(alpha: Alpha, placement: Placement) -> Alpha:
    scale = min(1.0, WORK_PX / max(placement.canvas_px))
    width_px, height_px = (max(1, round(side * scale)) for side in placement.canvas_px)
    x0, y0, x1, y1 = placement.box_px
    sx, sy = placement.size_px[0] / (x1 - x0) * scale, placement.size_px[1] / (y1 - y0) * scale
    box = cv2.resize(
        alpha[y0:y1, x0:x1],
        (max(1, round((x1 - x0) * sx)), max(1, round((y1 - y0) * sy))),
        interpolation=cv2.INTER_AREA,
    )
    move = np.array([[1, 0, placement.at_px[0] * scale], [0, 1, placement.at_px[1] * scale]], np.float32)
    return np.asarray(cv2.warpAffine(box, move, (width_px, height_px)), np.float32)


def contact(alpha: Alpha) -> Alpha:
    """A thin dark line where the product stands, and a soft pool of shade around it (H × W, share of light taken)."""
    base = _base_of(alpha)
    if base is None:
        return np.zeros_like(alpha)
    columns, bottoms, height_px, width_px = base
    size_px = (height_px * width_px) ** 0.5
    lowest = bottoms.max()
    # A base seen from slightly above curves upwards at its ends: it still touches, but less darkly.
    near = np.clip(1 - (lowest - bottoms) / max(2.0, 0.07 * height_px), 0, 1)
    line = _deposit(alpha.shape, columns, bottoms + 0.002 * size_px, near**0.75)
    wide = _deposit(alpha.shape, columns, bottoms + 0.012 * size_px, near**0.5)
    dark = _spread(line, 0.012 * size_px, 0.006 * size_px, 0.62)
    pool = _spread(wide, 0.055 * size_px, 0.020 * size_px, 0.30)
    haze = _spread(wide, 0.110 * size_px, 0.045 * size_px, 0.10)
    return (1 - (1 - dark) * (1 - pool) * (1 - haze)).astype(np.float32)


def cast(alpha: Alpha) -> Alpha:
    """The product's own outline laid down on the ground, leaning to the right, softer the further it falls."""
    base = _base_of(alpha)
    if base is None:
        return np.zeros_like(alpha)
    _, bottoms, height_px, width_px = base
    size_px = (height_px * width_px) ** 0.5
    lowest = float(bottoms.max())
    squash, lean = 0.30, 0.55
    lay = np.array([[1, -lean, lean * lowest], [0, squash, lowest * (1 - squash)]], np.float32)
    fallen = cv2.warpAffine(alpha, lay, alpha.shape[::-1])
    sharp = cv2.GaussianBlur(fallen, (0, 0), max(0.6, 0.012 * size_px))
    soft = cv2.GaussianBlur(fallen, (0, 0), max(0.8, 0.045 * size_px))
    height = (lowest - np.arange(alpha.shape[0], dtype=np.float32)) / max(1.0, squash * height_px)
    far = np.clip(height, 0, 1)[:, None]
    laid = (sharp * (1 - far) + soft * far) * (0.42 - 0.24 * far)
    return (1 - (1 - laid) * (1 - contact(alpha) * 0.8)).astype(np.float32)


def _base_of(alpha: Alpha) -> tuple[NDArray[np.intp], NDArray[np.float32], int, int] | None:
    """(columns of the product, its lowest pixel in each, its height, its width), or None where there is nothing."""
    inside = alpha >= 0.5
    columns = np.flatnonzero(inside.any(axis=0))
    if not columns.size:
        return None
    bottoms = alpha.shape[0] - np.argmax(inside[::-1, columns], axis=0).astype(np.float32)
    rows = np.flatnonzero(inside.any(axis=1))
    return columns, bottoms, int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def _deposit(
    shape: tuple[int, ...], columns: NDArray[np.intp], rows: NDArray[np.float32], weight: NDArray[np.float32]
) -> Alpha:
    """Weights set down at (row, column), each shared between the two nearest rows."""
    out = np.zeros((shape[0] + 2, shape[1]), np.float32)
    low = np.clip(np.floor(rows).astype(int), 0, shape[0])
    part = np.clip(rows - low, 0, 1)
    out[low, columns] += weight * (1 - part)
    out[low + 1, columns] += weight * part
    return out[: shape[0]]


def _spread(deposit: Alpha, sigma_x_px: float, sigma_y_px: float, peak: float) -> Alpha:
    """The deposit blurred, scaled so that a long straight base reaches `peak`."""
    sigma_x_px, sigma_y_px = max(0.7, sigma_x_px), max(0.55, sigma_y_px)
    blurred = cv2.GaussianBlur(deposit, (0, 0), sigmaX=sigma_x_px, sigmaY=sigma_y_px)
    return np.minimum(blurred * np.float32(peak * sigma_y_px * (2 * np.pi) ** 0.5), 0.9)
