"""Decides where the product goes on the canvas: placement only, no pixel is touched here."""

from __future__ import annotations

import numpy as np

from gpu_worker.engines.base import Alpha
from gpu_worker.stages.base import Placement, State

Box = tuple[int, int, int, int]
# Soft edge and resampling need pixels beyond the product's own outline.
MARGIN_PX = 4


class Frame:
    """The product's box, scaled so that it fills the wanted share of the canvas, centred."""

    name = "frame"
    needs: tuple[str, ...] = ("rgb", "matte")
    gives: tuple[str, ...] = ("placement",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None
        height_px, width_px = state.rgb.shape[:2]
        canvas = state.recipe.framing.canvas_px
        whole: Box = (0, 0, width_px, height_px)
        if canvas is None:
            state.placement = Placement(whole, (width_px, height_px), (0, 0), (width_px, height_px))
            return
        box = product_box(state.matte.alpha) or whole
        state.placement = place(box, (width_px, height_px), canvas, state.recipe.framing.fill)


def product_box(alpha: Alpha, level: float = 0.5) -> Box | None:
    """(x0, y0, x1, y1), half open, of everything whose alpha is at least `level`; None where there is nothing."""
    inside = alpha >= level
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def place(box: Box, source_px: tuple[int, int], canvas_px: tuple[int, int], fill: float) -> Placement:
    """Fits `box` centred into the canvas so that the fuller of its two sides covers `fill` of the canvas.

    The box is widened by a margin for the soft edge. Size and position are whole pixels, so a product that
    already has the right size is copied rather than resampled.
    """
    x0, y0, x1, y1 = box
    canvas_width_px, canvas_height_px = canvas_px
    scale = fill * min(canvas_width_px / (x1 - x0), canvas_height_px / (y1 - y0))
    wide: Box = (
        max(0, x0 - MARGIN_PX),
        max(0, y0 - MARGIN_PX),
        min(source_px[0], x1 + MARGIN_PX),
        min(source_px[1], y1 + MARGIN_PX),
    )
    size = max(1, round((wide[2] - wide[0]) * scale)), max(1, round((wide[3] - wide[1]) * scale))
    # The centre of the product, not of the widened box, goes to the centre of the canvas.
    at = (
        round(canvas_width_px / 2 - ((x0 + x1) / 2 - wide[0]) * size[0] / (wide[2] - wide[0])),
        round(canvas_height_px / 2 - ((y0 + y1) / 2 - wide[1]) * size[1] / (wide[3] - wide[1])),
    )
    return Placement(wide, size, at, canvas_px)
