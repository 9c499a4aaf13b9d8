"""The shadow on the new backdrop: drawn from the product's matte, or the photo's own carried over."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha
from gpu_worker.recipe import Light
from gpu_worker.stages.base import Patch, Placement, State
from gpu_worker.stages.foot import Foot, foot_of
from gpu_worker.stages.ground import Ground, ground_of

# A shadow has no detail: it is drawn on a small canvas and enlarged.
WORK_PX = 480
PURE_EDGE_SHARE, FADE_SHARE = 0.025, 0.035
# The photo's own shadow fades towards the photo's edge over this share; the edge hides so much of it (work pixels).
OWN_FADE_SHARE, KEPT_FADE_SHARE, HIDDEN_REACH_PX = 0.16, 0.11, 6
# Half a level of light on white: less is not drawn, so a pure backdrop stays pure away from the product.
LEAST_SHADE = 0.004
# The floor as a camera sees it from a little above: depth looks this much shorter than width.
FORESHORTENING = 0.45
# How deep a product is, of its width, where only its front is seen.
DEPTH = 0.35
# Heights at which a cast shadow is blurred on its own; how near to the picture's edge it may fall.
CAST_LAYERS, ROOM_SHARE, FLATTEST = 6, 0.06, 0.05
# Backdrops that must stay pure at the edge of the picture, as channels check it there.
PURE = ("solid", "transparent")
DEFAULT = Light()


class Shadow:
    """Gives the share of light that the shadow takes away; None where there is none."""

    name = "shadow"
    needs: tuple[str, ...] = ("rgb", "matte", "placement")
    gives: tuple[str, ...] = ("shade",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        assert state.matte is not None and state.placement is not None
        state.shade = None
        wanted, placement = state.recipe.shadow, state.placement
        if wanted.kind == "none" or wanted.strength == 0:
            return
        small = None
        if wanted.kind == "keep":
            small = self._kept(state, placement)
            state.notes["shadow_kept"] = small is not None
        if small is None:
            alpha = small_canvas(state.matte.alpha, placement)
            drawn = cast if wanted.kind == "cast" else contact
            small = drawn(alpha, state.recipe.light)
        if state.recipe.backdrop.kind in PURE:
            # The photo's own shadow knows nothing of this canvas: it needs a longer way out than a drawn one.
            kept = bool(state.notes.get("shadow_kept"))
            small = small * fading_at_the_edges(
                small.shape, fade_share=KEPT_FADE_SHARE if kept else FADE_SHARE
            )
        state.shade = _on_canvas(small * np.float32(wanted.strength), placement.canvas_px)

    def _kept(self, state: State, placement: Placement) -> Alpha | None:
        """None where the photo's backdrop does not tell what is shadow: then a contact shadow is drawn."""
        seen = ground_of(state)
        if seen is None:
            return None
        width_px, height_px, scale = _small_size(placement.canvas_px)
        to_canvas = scale * placement.to_canvas() @ np.diag([1 / seen.scale[0], 1 / seen.scale[1], 1.0])
        return _warped(own(seen), to_canvas, (width_px, height_px))


def _small_size(canvas_px: tuple[int, int]) -> tuple[int, int, float]:
    scale = min(1.0, WORK_PX / max(canvas_px))
    return max(1, round(canvas_px[0] * scale)), max(1, round(canvas_px[1] * scale)), scale


def _warped(values: Alpha, matrix: NDArray[np.float64], size_px: tuple[int, int]) -> Alpha:
    """`values` under a map of continuous coordinates (2 × 3); 0 outside."""
    # OpenCV counts from pixel centres.
    shifted = matrix.copy()
    shifted[:, 2] = matrix[:, 2] + matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return np.asarray(cv2.warpAffine(values, shifted, size_px, flags=cv2.INTER_LINEAR), np.float32)


def small_canvas(alpha: Alpha, placement: Placement) -> Alpha:
    """The placed matte on a small canvas (longer side at most WORK_PX)."""
    width_px, height_px, scale = _small_size(placement.canvas_px)
    x0, y0, x1, y1 = placement.box_px
    box = alpha[y0:y1, x0:x1]
    # Shrunk by area first, so that thin parts do not fall between the samples of the warp.
    shrink = min(1.0, placement.scale * scale)
    size = max(1, round(box.shape[1] * shrink)), max(1, round(box.shape[0] * shrink))
    small = np.asarray(cv2.resize(box, size, interpolation=cv2.INTER_AREA), np.float32)
    to_box = np.array([[(x1 - x0) / size[0], 0, x0], [0, (y1 - y0) / size[1], y0], [0, 0, 1]])
    return _warped(small, scale * placement.to_canvas() @ to_box, (width_px, height_px))


def _on_canvas(small: Alpha, canvas_px: tuple[int, int]) -> Patch | None:
    """The small shade enlarged, only where it is."""
    rows = np.flatnonzero(small.max(axis=1) >= LEAST_SHADE)
    columns = np.flatnonzero(small.max(axis=0) >= LEAST_SHADE)
    if not rows.size:
        return None
    sx, sy = canvas_px[0] / small.shape[1], canvas_px[1] / small.shape[0]
    left, top = (int(max(0, np.floor((first[0] - 2) * s))) for first, s in ((columns, sx), (rows, sy)))
    right = int(min(canvas_px[0], np.ceil((columns[-1] + 3) * sx)))
    bottom = int(min(canvas_px[1], np.ceil((rows[-1] + 3) * sy)))
    matrix = np.array([[1 / sx, 0, (left + 0.5) / sx - 0.5], [0, 1 / sy, (top + 0.5) / sy - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = right - left, bottom - top
    wide = cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    _, wide = cv2.threshold(wide, LEAST_SHADE, 1.0, cv2.THRESH_TOZERO)
    return Patch((left, top), np.asarray(np.minimum(wide, 1.0), np.float32))


def fading_at_the_edges(
    shape: tuple[int, ...], pure_share: float = PURE_EDGE_SHARE, fade_share: float = FADE_SHARE
) -> Alpha:
    """1 inside, 0 along the canvas' edge: a pure backdrop must stay pure there, as channels check it at the border."""
    sides = []
    for side_px in shape[:2]:
        place = (np.arange(side_px) + 0.5) / side_px
        t = np.clip((np.minimum(place, 1 - place) - pure_share) / fade_share, 0, 1)
        sides.append(t * t * (3 - 2 * t))
    return np.outer(*sides).astype(np.float32)


def own(seen: Ground) -> Alpha:
    """The photo's own shadow (h × w at work size): the share of the old backdrop's light that is missing.

    Under the product it is continued from around it; noise and what is brighter than the backdrop count as none; it
    fades towards the photo's edge, where a shadow that is cut off would end in a line.
    """
    seen_light = cv2.GaussianBlur(seen.rgb, (0, 0), 0.8).astype(np.float32) / 255
    photo = np.where(seen_light <= 0.04045, seen_light / 12.92, ((seen_light + 0.055) / 1.055) ** 2.4)
    missing = 1 - (photo.sum(axis=2) / seen.surface.sum(axis=2))
    quiet = np.clip(missing - 1.5 * seen.noise, 0, 0.95) * 0.95 / (0.95 - min(0.5, 1.5 * seen.noise))
    # The soft edge holds the product's own colour: it is hidden together with the product.
    hidden = cv2.dilate((seen.alpha > 0.01).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    shade = _continued(np.asarray(quiet, np.float32), 1 - hidden)
    fading = fading_at_the_edges(shade.shape, 0.0, OWN_FADE_SHARE)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 1.2) * fading, np.float32)


def _continued(values: Alpha, known: Alpha) -> Alpha:
    """`values` where they are known; beside that the darkest nearby, as a shadow is darkest where it is thrown; further
    in the mean of what is known, from ever wider around."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * HIDDEN_REACH_PX + 1,) * 2)
    seen = cv2.dilate(known, reach)
    values = np.asarray(np.where(known > 0, values, cv2.dilate(values * known, reach)) * seen, np.float32)
    out, weight = values.copy(), seen.copy()
    for sigma_px in (5.0, 12.0, 30.0):
        near, cover = cv2.GaussianBlur(values, (0, 0), sigma_px), cv2.GaussianBlur(seen, (0, 0), sigma_px)
        share = np.clip(cover * 8, 0, 1) * (1 - weight)
        out += share * near / np.maximum(cover, 1e-4)
        weight = weight + share
    return np.asarray(out, np.float32)


def contact(alpha: Alpha, source: Light = DEFAULT) -> Alpha:
    """A thin dark line where the product stands, and a soft pool of shade around it that leans away from the light
    (H × W, share of light taken)."""
    foot = foot_of(alpha)
    if foot is None:
        return np.zeros_like(alpha)
    shade = np.zeros_like(alpha)
    # Nothing reaches further than three of the widest sigmas: the rest of the picture needs no blurring.
    reach_px = 0.045 * foot.size_px * 4.2 + 2
    top = max(0, int(foot.bottoms[foot.touch > 0].min(initial=foot.lowest) - reach_px))
    near = slice(top, min(alpha.shape[0], int(foot.lowest + reach_px) + 1))
    shade[near] = _contact(foot, (near.stop - near.start, alpha.shape[1]), top, source)
    return shade


def _contact(foot: Foot, shape: tuple[int, int], top: int, source: Light) -> Alpha:
    """The rows from `top` on of a contact shadow, `shape` of them."""
    size_px, bottoms, touch = foot.size_px, foot.bottoms - top, foot.touch
    away_x, _ = away(source)
    line = _deposit(shape, foot.columns, bottoms + 0.002 * size_px, touch)
    wide = _deposit(shape, foot.columns, bottoms + 0.012 * size_px, touch**0.7)
    spread = 0.6 + 0.8 * source.softness
    dark = _spread(line, 0.012 * size_px, 0.006 * size_px, 0.62)
    pool = _moved(
        _spread(wide, 0.055 * size_px * spread, 0.020 * size_px * spread, 0.30), 0.020 * size_px * away_x
    )
    haze = _moved(
        _spread(wide, 0.110 * size_px * spread, 0.045 * size_px * spread, 0.10), 0.050 * size_px * away_x
    )
    return (1 - (1 - dark) * (1 - pool) * (1 - haze)).astype(np.float32)


def away(source: Light) -> tuple[float, float]:
    """Where the shadow of something one unit high falls, per unit: to the right and, on the picture, upwards."""
    turn, length = np.radians(source.azimuth), 1 / np.tan(np.radians(source.elevation))
    return float(-np.sin(turn) * length), float(np.cos(turn) * length * FORESHORTENING)


def cast(alpha: Alpha, source: Light = DEFAULT) -> Alpha:
    """The product's outline laid down on the floor away from the light, softer the higher the part that throws it.

    The outline is taken apart by height; each part is laid down, blurred by the light's width at its height, and added:
    parts that share the light's way add up to one shadow without seams.
    """
    foot = foot_of(alpha)
    if foot is None:
        return np.zeros_like(alpha)
    right, up = _within(away(source), foot, alpha.shape)
    lowest = foot.lowest
    height = (lowest - np.arange(alpha.shape[0], dtype=np.float32) - 0.5) / max(1.0, foot.height_px)
    lay = np.array([[1, -right, right * lowest], [0, up, lowest * (1 - up)]], np.float64)
    depth_px = max(1, round(FORESHORTENING * DEPTH * foot.width_px * (1 - 0.8 * min(1.0, abs(up)))))
    laid = np.zeros_like(alpha)
    for layer, high in enumerate(np.linspace(0, 1, CAST_LAYERS)):
        weight = np.clip(1 - np.abs(height * (CAST_LAYERS - 1) - layer), 0, 1).astype(np.float32)
        if layer == 0:
            weight[height < 0] = 1
        part = _deepened(_warped(alpha * weight[:, None], lay, (alpha.shape[1], alpha.shape[0])), depth_px)
        sigma_px = foot.size_px * (0.008 + (0.02 + 0.12 * source.softness) * high)
        # A wide light reaches behind what is high: the further the shadow falls, the more of it is filled.
        dark = 0.50 * (1 - high * (0.45 + 0.5 * source.softness))
        laid += cv2.GaussianBlur(part, (0, 0), max(0.6, float(sigma_px))) * np.float32(dark)
    return (1 - (1 - np.minimum(laid, 0.55)) * (1 - contact(alpha, source) * 0.85)).astype(np.float32)


def _within(per_height: tuple[float, float], foot: Foot, shape: tuple[int, ...]) -> tuple[float, float]:
    """The shadow's way, shortened where it would run out of the picture: cut off, it would end in a line."""
    right, up = per_height
    room_px = ROOM_SHARE * shape[1]
    left_px, right_px = foot.columns[0] - room_px, shape[1] - room_px - foot.columns[-1]
    free_px = max(right_px if right > 0 else left_px, 0.12 * foot.width_px)
    shorter = min(1.0, free_px / max(1e-3, abs(right) * foot.height_px))
    # Light from exactly the side lays the outline down to a line, which no map can draw.
    return right * shorter, float(np.copysign(max(FLATTEST, abs(up * max(shorter, 0.5))), up))


def _deepened(part: Alpha, depth_px: int) -> Alpha:
    """The laid outline swept back over the floor by the product's depth: a product is no cardboard."""
    kernel = np.ones((depth_px, 1), np.uint8)
    return np.asarray(cv2.dilate(part, kernel, anchor=(0, 0)), np.float32)


def _moved(values: Alpha, right_px: float) -> Alpha:
    if abs(right_px) < 0.25:
        return values
    matrix = np.array([[1, 0, right_px], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(values, matrix, values.shape[::-1]), np.float32)


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
