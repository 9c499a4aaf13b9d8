"""What lies behind the product: one colour, a vertical gradient, a picture, or nothing."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker import light
from gpu_worker.errors import MissingInput
from gpu_worker.recipe import Colour
from gpu_worker.stages.base import Light, State
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise


class Backdrop:
    """Gives the canvas in linear light; for kind ``transparent`` there is none."""

    name = "backdrop"
    needs: tuple[str, ...] = ("placement",)
    gives: tuple[str, ...] = ("backdrop",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.placement is not None
        backdrop, canvas = state.recipe.backdrop, state.placement.canvas_px
        if backdrop.kind == "transparent":
            state.backdrop = None
        elif backdrop.kind == "image":
            state.backdrop = _picture(state, canvas)
        elif backdrop.kind == "gradient":
            state.backdrop = gradient(backdrop.rgb, backdrop.rgb2, canvas)
        else:
            colour = light.to_light(np.array(backdrop.rgb, np.uint8))
            state.backdrop = np.broadcast_to(colour, (canvas[1], canvas[0], 3)).copy()


def gradient(top: Colour, bottom: Colour, canvas_px: tuple[int, int]) -> Light:
    """Even to the eye from top to bottom: levels, not light, change by the same step (canvas H × W × 3,
    linear light)."""
    width_px, height_px = canvas_px
    t = np.linspace(0.0, 1.0, height_px)[:, None]
    levels = np.array(top) * (1 - t) + np.array(bottom) * t
    # A still dither of half a level keeps wide gradients free of bands.
    y, x = np.mgrid[0:height_px, 0:width_px]
    dither = ((x * 5 + y * 3) % 8 / 8.0 - 0.4375)[..., None]
    dithered = np.clip(np.round(levels[:, None, :] + dither * (levels[-1] != levels[0])), 0, 255)
    return light.to_light(dithered.astype(np.uint8))


def _picture(state: State, canvas_px: tuple[int, int]) -> Light:
    """The input with the role ``backdrop``, cropped about its middle to cover the canvas."""
    if "backdrop" not in state.inputs:
        raise MissingInput(
            "The recipe wants a picture as backdrop, but the job has no input with the role 'backdrop'."
        )
    rgb, _, _ = normalise(open_photo(state.inputs["backdrop"]))
    width_px, height_px = canvas_px
    scale = max(width_px / rgb.shape[1], height_px / rgb.shape[0])
    size = max(width_px, round(rgb.shape[1] * scale)), max(height_px, round(rgb.shape[0] * scale))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    big = cv2.resize(light.to_light(rgb), size, interpolation=kernel)
    x0, y0 = (size[0] - width_px) // 2, (size[1] - height_px) // 2
    return np.ascontiguousarray(np.clip(big[y0 : y0 + height_px, x0 : x0 + width_px], 0, 1))
