"""All measures of one render, from the state its stages left behind."""

from __future__ import annotations

import numpy as np

from gpu_worker.engines.base import Mask
from gpu_worker.qa import fidelity, picture
from gpu_worker.stages.base import State

Measures = dict[str, float | int | str | bool]


def measures(state: State) -> Measures:
    """Numbers by name, JSON-ready. Needs a state that went through a whole pipeline."""
    assert state.rgb is not None and state.matte is not None
    assert state.placement is not None and state.picture is not None and state.layer is not None
    main, product = state.files["main"], placed_product(state)
    rgb = np.ascontiguousarray(state.picture[..., :3])
    height_px, width_px = state.rgb.shape[:2]
    transparent = state.backdrop is None
    solid = state.recipe.backdrop.rgb if state.recipe.backdrop.kind == "solid" else None
    out: Measures = {**picture.size(main.width_px, main.height_px, main.format, len(main.data))}
    out |= {} if transparent else picture.backdrop(rgb, solid)
    out |= picture.placement(product) | picture.clipped(rgb, product)
    out |= fidelity.measure(state.rgb, state.matte.alpha, state.placement, state.picture, main)
    out |= {
        "sharpness": picture.sharpness(rgb, product),
        "confidence": round(float(state.matte.confidence), 4),
        "source_width_px": width_px,
        "source_height_px": height_px,
        "scale": round(state.placement.scale, 4),
        "touches_frame": touches_frame(state.matte.alpha),
        **state.notes,
    }
    if main.quality is not None:
        out["quality"] = main.quality
    return out


def placed_product(state: State) -> Mask:
    """Where the product is on the canvas (H × W)."""
    assert state.placement is not None and state.layer is not None
    width_px, height_px = state.placement.canvas_px
    (x, y), (w, h) = state.placement.at_px, state.placement.size_px
    out = np.zeros((height_px, width_px), bool)
    left, top, right, bottom = max(0, x), max(0, y), min(width_px, x + w), min(height_px, y + h)
    out[top:bottom, left:right] = state.layer[top - y : bottom - y, left - x : right - x, 3] >= 0.5
    return out


def touches_frame(alpha: np.ndarray) -> float:
    """Share of the source photo's outline that the product covers: above 0 it may be cut off."""
    rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return round(float((rim >= 0.5).mean()), 4)
