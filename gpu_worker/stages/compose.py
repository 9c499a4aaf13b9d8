"""Puts the placed product on the backdrop, over its shadow and its reflection. Light adds up in linear light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light
from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.stages.base import Layer, Patch, Placement, State, on_canvas


class Compose:
    """Gives the picture: H × W × 3, or × 4 where the backdrop is transparent."""

    name = "compose"
    needs: tuple[str, ...] = ("placement", "backdrop", "shade", "layer", "mirrored")
    gives: tuple[str, ...] = ("picture",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        assert state.layer is not None and state.placement is not None
        if state.backdrop is None:
            state.picture = over_nothing(state.layer, state.shade, state.mirrored, state.placement)
        else:
            ground = state.backdrop.copy()
            _darken(ground, state.shade)
            _mirror(ground, state.mirrored)
            state.picture = over(ground, state.layer, state.placement)


def over(ground: Rgb, layer: Layer, placement: Placement) -> Rgb:
    """`ground` (canvas H × W × 3, changed in place) with the product on it. Solid pixels are copied; only the soft edge
    and glass are mixed."""
    windows = on_canvas(placement.at_px, placement.size_px, placement.canvas_px)
    if windows is None:
        return ground
    there, here = windows
    below, alpha, own = ground[there], layer.alpha[here], layer.rgb[here]
    through = None if layer.through is None else layer.through[here]
    passes: Mask = alpha < 1 if through is None else through > 0
    soft = np.nonzero((alpha > 0) & passes)
    a = alpha[soft][:, None]
    rest = 1 - a if through is None else through[soft][:, None]
    mixed = light.to_levels(light.to_light(own[soft]) * a + light.to_light(below[soft]) * rest)
    below[soft] = mixed
    _copy(own, (alpha >= 1) & ~passes, below)
    return ground


def _copy(own: NDArray[np.uint8], where: NDArray[np.bool_], below: NDArray[np.uint8]) -> None:
    cv2.copyTo(own, where.view(np.uint8), below)  # `below` is a view: written in place


def _darken(ground: Rgb, shade: Patch | None) -> None:
    if shade is not None:
        kept = cv2.merge([np.float32(1) - shade.values] * 3)
        ground[shade.there] = light.to_levels(light.to_light(ground[shade.there]) * kept)


def _mirror(ground: Rgb, mirrored: Patch | None) -> None:
    if mirrored is not None:
        rest = np.float32(1) - mirrored.values[..., 3:]
        below = light.to_light(ground[mirrored.there])
        ground[mirrored.there] = light.to_levels(mirrored.values[..., :3] + below * rest)


def over_nothing(
    layer: Layer, shade: Patch | None, mirrored: Patch | None, placement: Placement
) -> NDArray[np.uint8]:
    """RGBA (canvas H × W × 4). The shadow becomes black with an alpha that darkens a gamma-encoded page as the shade
    darkens light."""
    width_px, height_px = placement.canvas_px
    out = np.zeros((height_px, width_px, 4), np.uint8)
    if shade is not None:
        out[(*shade.there, 3)] = np.round((1 - (1 - shade.values) ** (1 / 2.2)) * 255).astype(np.uint8)
    if mirrored is not None:
        values = mirrored.values
        colours = values[..., :3] / np.maximum(values[..., 3:], 1e-4)
        pure = light.to_levels(colours.astype(np.float32))
        _lay(out[mirrored.there], pure, np.ascontiguousarray(values[..., 3]))
    windows = on_canvas(placement.at_px, placement.size_px, placement.canvas_px)
    if windows is not None:
        there, here = windows
        _lay(out[there], layer.rgb[here], layer.alpha[here])
    return out


def _lay(below: NDArray[np.uint8], own: Rgb, alpha: NDArray[np.float32]) -> None:
    """`own` under `alpha` on the RGBA `below`, in place. Mixed in levels, as a page will."""
    soft = np.nonzero((alpha > 0) & (alpha < 1))
    a, under = alpha[soft][:, None], below[soft].astype(np.float32)
    under_a = under[:, 3:] / 255 * (1 - a)
    covered = a + under_a
    mixed = (own[soft] * a + under[:, :3] * under_a) / np.maximum(covered, 1e-4)
    below[soft] = np.round(np.hstack([mixed, covered * 255])).astype(np.uint8)
    opaque = cv2.merge([*cv2.split(np.ascontiguousarray(own)), np.full(alpha.shape, 255, np.uint8)])
    _copy(np.asarray(opaque, np.uint8), alpha >= 1, below)
