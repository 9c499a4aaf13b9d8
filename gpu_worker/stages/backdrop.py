"""What lies behind the product: one colour, a wall that runs into a floor, a gradient, a picture, or nothing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light
from gpu_worker.engines.base import Rgb
from gpu_worker.errors import MissingInput
from gpu_worker.recipe import Backdrop as Wanted
from gpu_worker.recipe import Colour
from gpu_worker.stages.base import Placement, State
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

# A sweep's horizon lies this share of the canvas above the product's foot, if the recipe does not say where.
BEHIND_FOOT = 0.13
# A floor without a colour of its own is the wall's colour with this share of its levels.
FLOOR = 0.93
DITHER_PX = 8


class Backdrop:
    """Gives the canvas; for kind ``transparent`` there is none."""

    name = "backdrop"
    needs: tuple[str, ...] = ("placement",)
    gives: tuple[str, ...] = ("backdrop",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        assert state.placement is not None
        wanted, canvas = state.recipe.backdrop, state.placement.canvas_px
        if wanted.kind == "transparent":
            state.backdrop = None
        elif wanted.kind == "image":
            state.backdrop = _picture(state, canvas)
        elif wanted.kind == "sweep":
            state.backdrop = sweep(wanted, horizon(wanted, state.placement), canvas)
        elif wanted.kind == "gradient":
            state.backdrop = gradient(wanted, canvas)
        else:
            state.backdrop = solid(wanted.rgb, canvas)


def solid(colour: Colour, canvas_px: tuple[int, int]) -> Rgb:
    """One colour (canvas H × W × 3)."""
    width_px, height_px = canvas_px
    picture = np.empty((height_px, width_px * 3), np.uint8)
    picture[...] = np.tile(np.array(colour, np.uint8), width_px)
    return picture.reshape(height_px, width_px, 3)


def horizon(wanted: Wanted, placement: Placement) -> float:
    """Where wall meets floor, a share of the height from the top: behind the product's foot unless the recipe says."""
    if wanted.horizon is not None:
        return wanted.horizon
    foot = (placement.at_px[1] + placement.size_px[1]) / placement.canvas_px[1]
    return float(np.clip(foot - BEHIND_FOOT, 0.3, 0.9))


def sweep(wanted: Wanted, horizon: float, canvas_px: tuple[int, int]) -> Rgb:
    """A wall that bends into a floor around `horizon` as paper does, without a line (canvas H × W × 3)."""
    y = (np.arange(canvas_px[1]) + 0.5) / canvas_px[1]
    wide = max(wanted.softness, 2 / canvas_px[1])
    t = np.clip((y - horizon) / wide + 0.5, 0, 1)
    ease = t * t * t * (t * (6 * t - 15) + 10)  # K. Perlin's fade: no kink where it starts and ends
    floor = np.array(wanted.rgb2) if wanted.color2 else np.array(wanted.rgb) * FLOOR
    return _rows(np.array(wanted.rgb), floor, ease, canvas_px[0])


def gradient(wanted: Wanted, canvas_px: tuple[int, int]) -> Rgb:
    """Even to the eye: levels, not light, change by the same step (canvas H × W × 3)."""
    width_px, height_px = canvas_px
    one, two = np.array(wanted.rgb), np.array(wanted.rgb2)
    if wanted.shape == "linear" and wanted.angle % 360 == 0:
        return _rows(one, two, np.linspace(0.0, 1.0, height_px), width_px)
    x, y = np.arange(width_px, dtype=np.float32) + 0.5, np.arange(height_px, dtype=np.float32) + 0.5
    if wanted.shape == "linear":
        turn = np.radians(wanted.angle)
        across, down = -np.sin(turn) * (x - width_px / 2), np.cos(turn) * (y - height_px / 2)
        reach = abs(np.sin(turn)) * width_px + abs(np.cos(turn)) * height_px
        t = (down[:, None] + across[None]) / reach + 0.5
    else:
        cx, cy = wanted.center[0] * width_px, wanted.center[1] * height_px
        far = np.hypot(max(cx, width_px - cx), max(cy, height_px - cy))
        t = np.sqrt(((x - cx) ** 2)[None] + ((y - cy) ** 2)[:, None]) / far
    return _mixed(one, two, t.astype(np.float32))


def _rows(one: NDArray, two: NDArray, t: NDArray[np.float64], width_px: int) -> Rgb:
    """A picture whose rows are of one mixture each: the dither repeats, so a strip is drawn and laid side by side."""
    strip = _mixed(one, two, np.repeat(t[:, None], DITHER_PX, axis=1).astype(np.float32))
    return np.ascontiguousarray(np.tile(strip, (1, -(-width_px // DITHER_PX), 1))[:, :width_px])


def _mixed(one: NDArray, two: NDArray, t: NDArray[np.float32]) -> Rgb:
    """`one` × (1 - t) + `two` × t in levels. A still dither of half a level keeps wide gradients free of bands."""
    y, x = np.arange(t.shape[0]), np.arange(t.shape[1])
    dither = (((x * 5)[None] + (y * 3)[:, None]) % DITHER_PX / DITHER_PX - 0.4375).astype(np.float32)
    planes = []
    for a, b in zip(one, two, strict=True):
        plane = t * np.float32(b - a) + np.float32(a)
        planes.append(cv2.convertScaleAbs(np.maximum(plane + dither if a != b else plane, 0)))
    return np.asarray(cv2.merge(planes), np.uint8)


def _picture(state: State, canvas_px: tuple[int, int]) -> Rgb:
    """The input with the role ``backdrop``, cropped about its middle to cover the canvas."""
    if "backdrop" not in state.inputs:
        raise MissingInput(
            "The recipe wants a picture as backdrop, but the job has no input with the role 'backdrop'."
        )
    rgb, _, _ = normalise(open_photo(state.inputs["backdrop"]))
    width_px, height_px = canvas_px
    scale = max(width_px / rgb.shape[1], height_px / rgb.shape[0])
    # Cropped first, so that nothing is resized that will not be seen.
    wide, high = min(rgb.shape[1], round(width_px / scale)), min(rgb.shape[0], round(height_px / scale))
    x0, y0 = (rgb.shape[1] - wide) // 2, (rgb.shape[0] - high) // 2
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    seen = light.to_light(np.ascontiguousarray(rgb[y0 : y0 + high, x0 : x0 + wide]))
    return light.to_levels(np.asarray(cv2.resize(seen, canvas_px, interpolation=kernel), np.float32))
