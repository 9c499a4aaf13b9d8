"""All measures of one render, from the state its stages left behind."""

from __future__ import annotations

import numpy as np

from gpu_worker.engines.base import Mask
from gpu_worker.qa import fidelity, picture, see_through
from gpu_worker.qa.fidelity import Reference
from gpu_worker.stages.base import State, on_canvas
from gpu_worker.stages.frame import wanted_centre

Measures = dict[str, float | int | str | bool]


def measures(state: State) -> tuple[Measures, Reference | None]:
    """Numbers by name, JSON-ready, and the reference they were measured against. Needs a state that went through a
    whole pipeline."""
    assert state.rgb is not None and state.matte is not None
    assert state.placement is not None and state.picture is not None
    main, product = state.files["main"], placed_product(state)
    rgb = np.ascontiguousarray(state.picture[..., :3])
    height_px, width_px = state.rgb.shape[:2]
    solid = state.recipe.backdrop.rgb if state.recipe.backdrop.kind == "solid" else None
    clear = None if state.glass is None else state.glass.clear
    wanted = fidelity.reference(state.rgb, state.matte.alpha, state.placement, state.gains, clear)
    out: Measures = {**picture.size(main.width_px, main.height_px, main.format, len(main.data))}
    out |= {} if state.backdrop is None else picture.backdrop(rgb, solid)
    out |= _framing(state, product) | picture.clipped(rgb, product)
    out |= fidelity.levels(wanted, state.picture) | fidelity.colours(wanted, main)
    out |= {
        "sharpness": picture.sharpness(rgb, product),
        "confidence": round(float(state.matte.confidence), 4),
        "source_width_px": width_px,
        "source_height_px": height_px,
        "scale": round(state.placement.scale, 4),
        "touches_frame": touches_frame(state.matte.alpha),
        **see_through.measures(state),
        **state.notes,
    }
    if main.quality is not None:
        out["quality"] = main.quality
    return out, wanted


def remeasured(taken: Measures, state: State, wanted: Reference | None) -> Measures:
    """`taken` with what changes when the same picture is encoded again."""
    main = state.files["main"]
    out = taken | fidelity.colours(wanted, main) | {"size_bytes": len(main.data)}
    return out if main.quality is None else out | {"quality": main.quality}


def _framing(state: State, product: Mask) -> Measures:
    """Fill and centring; the size of the product in the photo's pixels, which a shared scale is computed from."""
    assert state.placement is not None
    box = picture.box_of(product)
    if box is None or state.recipe.framing.canvas_px is None:
        return {**picture.placement(product)}
    width_px, height_px = box[2] - box[0], box[3] - box[1]
    centre = wanted_centre((width_px, height_px), state.recipe.framing)
    return {
        **picture.placement(product, centre),
        "product_width_px": round(width_px / state.placement.scale, 1),
        "product_height_px": round(height_px / state.placement.scale, 1),
    }


def placed_product(state: State) -> Mask:
    """Where the product is on the canvas (H × W)."""
    assert state.placement is not None and state.layer is not None
    placement = state.placement
    out = np.zeros(placement.canvas_px[::-1], bool)
    windows = on_canvas(placement.at_px, placement.size_px, placement.canvas_px)
    if windows is not None:
        out[windows[0]] = state.layer.cover[windows[1]] >= 0.5
    return out


def touches_frame(alpha: np.ndarray) -> float:
    """Share of the source photo's outline that the product covers: above 0 it may be cut off."""
    rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return round(float((rim >= 0.5).mean()), 4)
