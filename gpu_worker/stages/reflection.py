"""The product mirrored in a polished floor: nearly whole where it stands, fainter and softer further down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light
from gpu_worker.recipe import Reflection as Wanted
from gpu_worker.stages.base import Layer, Patch, Placement, State, on_canvas
from gpu_worker.stages.foot import Foot, foot_of
from gpu_worker.stages.shadow import FADE_SHARE, PURE, PURE_EDGE_SHARE

# How sure it must be that a column stands on the floor.
STANDS_FROM = 0.5
SOFTEST_SHARE = 0.012


class Reflection:
    """Gives the reflection as a patch of the canvas; None unless the recipe asks for one."""

    name = "reflection"
    needs: tuple[str, ...] = ("placement", "layer")
    gives: tuple[str, ...] = ("mirrored",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.layer is not None and state.placement is not None
        wanted = state.recipe.reflection
        state.mirrored = None
        if wanted.strength > 0:
            pure = state.recipe.backdrop.kind in PURE
            state.mirrored = mirrored(state.layer, state.placement, wanted, pure)


def mirrored(layer: Layer, placement: Placement, wanted: Wanted, pure_edge: bool = True) -> Patch | None:
    """Premultiplied linear light and alpha (H × W × 4) below the product's foot, clipped to the canvas; with
    `pure_edge` none of it reaches the canvas' edge."""
    foot = foot_of(layer.cover)
    if foot is None:
        return None
    floor = _floor(foot, layer.alpha.shape[1])
    reach_px = max(2, round(wanted.fade * foot.height_px))
    first = max(0, int(floor.min()) - 1)
    last = int(np.ceil(floor.max())) + reach_px
    values = _flipped(layer, floor, first, last, reach_px, wanted.strength)
    at = placement.at_px[0], placement.at_px[1] + first
    windows = on_canvas(at, (values.shape[1], values.shape[0]), placement.canvas_px)
    if windows is None:
        return None
    there, here = windows
    kept = np.ascontiguousarray(values[here])
    if pure_edge:
        kept *= _faded(there, placement.canvas_px)[..., None]
    return Patch((there[1].start, there[0].start), kept)


def _floor(foot: Foot, width_px: int) -> NDArray[np.float32]:
    """The row about which each column of the layer is mirrored: its own where it stands, elsewhere that of the nearest
    column that does, for what hangs over the floor is mirrored below its foot."""
    stands = foot.touch > STANDS_FROM
    if not stands.any():
        return np.full(width_px, foot.lowest, np.float32)
    floor = np.interp(np.arange(width_px), foot.columns[stands], foot.floor[stands])
    soft = cv2.GaussianBlur(floor[None].astype(np.float32), (0, 0), max(1.0, 0.01 * width_px))[0]
    # Smoothing must not lift the floor over the foot.
    return np.maximum(soft, floor).astype(np.float32)


def _flipped(
    layer: Layer, floor: NDArray[np.float32], first: int, last: int, reach_px: int, strength: float
) -> NDArray[np.float32]:
    """Rows first:last of the mirror image, each column about its own floor, fading over `reach_px`."""
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    down = rows + 0.5 - floor[None]
    top = max(0, first - reach_px - int(np.ceil(floor.max() - floor.min())) - 2)
    source = layer.rgb[top:], layer.alpha[top:]
    from_row = 2 * floor[None] - rows - 1 - top
    from_column = np.repeat(np.arange(len(floor), dtype=np.float32)[None], len(rows), axis=0)
    planes = np.dstack([light.to_light(source[0]) * source[1][..., None], source[1]])
    out = cv2.remap(planes, from_column, from_row.astype(np.float32), cv2.INTER_LINEAR)
    # What a rough floor scatters: the further from the foot, the softer.
    blurred = cv2.GaussianBlur(out, (0, 0), max(0.8, SOFTEST_SHARE * reach_px * 2))
    far = np.clip(down / reach_px, 0, 1)
    fading = np.where(down > 0, strength * (1 - far) ** 2, 0)
    mixed = out * (1 - far)[..., None] + blurred * far[..., None]
    return np.asarray(mixed * fading[..., None], np.float32)


def _faded(there: tuple[slice, slice], canvas_px: tuple[int, int]) -> NDArray[np.float32]:
    """1 inside, 0 along the canvas' edge, for the part `there`: a pure backdrop must stay pure at the border."""
    sides = []
    for part, side_px in zip(there, canvas_px[::-1], strict=True):
        place = (np.arange(part.start, part.stop) + 0.5) / side_px
        sides.append(np.clip((np.minimum(place, 1 - place) - PURE_EDGE_SHARE) / FADE_SHARE, 0, 1))
    return np.outer(*sides).astype(np.float32)
