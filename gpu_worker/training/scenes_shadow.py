"""What a product does to the place it stands on: contact and cast shadows, reflections in a glossy floor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training.products_mesh import Floats, vec

SMALL_PX = 160
Rng = np.random.Generator


def shadow(rng: Rng, alpha: NDArray[np.float32] | NDArray[np.uint8]) -> Floats:
    """Share of the light that a product of cover `alpha` (H × W, float 0 to 1 or uint8) takes from its backdrop.

    H × W × 3 float32, 0 (all light left) to 1. Contact, cast, hovering or none; of any direction, softness, colour.
    """
    cover = (alpha / np.float32(255 if alpha.dtype == np.uint8 else 1)).astype(np.float32)
    h, w = cover.shape
    scale = min(1.0, SMALL_PX / max(h, w))
    small_size = max(4, round(w * scale)), max(4, round(h * scale))
    small = np.asarray(cv2.resize(cover, small_size, interpolation=cv2.INTER_AREA), np.float32)
    taken = np.zeros_like(small)
    kind = rng.random()
    if kind < 0.75:
        taken = np.maximum(taken, _contact(rng, small))
    if kind > 0.45:
        taken = np.maximum(taken, _cast(rng, small))
    if kind > 0.9:
        taken = np.maximum(taken, _drop(rng, small))
    tint = np.clip(1 - np.abs(rng.normal(0, 0.04, 3)), 0.6, 1)
    if rng.random() < 0.12:
        tint = rng.uniform(0.55, 1, 3)
    wide = cv2.resize(taken, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.clip(wide[..., None] * tint.astype(np.float32), 0, 1)


def _box(cover: Floats) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is covered; the whole picture where nothing is."""
    x, y, w, h = cv2.boundingRect((cover > 0.3).astype(np.uint8))
    return (x, y, x + w, y + h) if w else (0, 0, cover.shape[1], cover.shape[0])


def _contact(rng: Rng, cover: Floats) -> Floats:
    """Dark close under the foot: the lowest rows of the product, flattened and spread."""
    left, top, right, bottom = _box(cover)
    tall, wide = bottom - top, right - left
    foot = cover.copy()
    foot[: int(bottom - max(2, tall * rng.uniform(0.04, 0.2)))] = 0
    down = float(rng.uniform(0.0, 0.03)) * tall
    moved = cv2.warpAffine(foot, vec([(1.0, 0.0, 0.0), (0.0, 1.0, down)]), foot.shape[1::-1])
    sigma = max(0.6, float(rng.uniform(0.006, 0.06)) * wide)
    soft = cv2.GaussianBlur(moved, (0, 0), sigmaX=sigma, sigmaY=sigma * float(rng.uniform(0.3, 0.8)))
    return np.asarray(soft / max(float(soft.max()), 1e-6) * float(rng.uniform(0.2, 0.85)), np.float32)


def _cast(rng: Rng, cover: Floats) -> Floats:
    """The outline thrown on the floor: sheared sideways and flattened about the foot, softer far from it."""
    left, top, right, bottom = _box(cover)
    lean, flat = (
        float(rng.uniform(-1.4, 1.4)),
        float(rng.uniform(0.12, 0.7)) * (-1 if rng.random() < 0.3 else 1),
    )
    foot = bottom - 0.02 * (bottom - top)
    # A point `d` above the foot falls `lean * d` aside and `flat * d` up (behind) or down (in front).
    matrix = vec([[1, -lean, lean * foot], [0, flat, foot * (1 - flat)]])
    thrown = cv2.warpAffine(cover, matrix, cover.shape[1::-1])
    span = max(right - left, bottom - top)
    near = cv2.GaussianBlur(thrown, (0, 0), max(0.5, float(rng.uniform(0.003, 0.02)) * span))
    far = cv2.GaussianBlur(thrown, (0, 0), max(0.8, float(rng.uniform(0.02, 0.09)) * span))
    rows = np.abs(np.arange(len(cover), dtype=np.float32) - foot)[:, None]
    share = np.clip(rows / max(span * 0.5, 1), 0, 1)
    fade = 1 - share * float(rng.uniform(0, 0.7))
    return np.asarray((near * (1 - share) + far * share) * fade * float(rng.uniform(0.12, 0.7)), np.float32)


def _drop(rng: Rng, cover: Floats) -> Floats:
    """A flat lay's shadow: the outline, moved a little and blurred."""
    span = max(cover.shape)
    dx, dy = rng.uniform(-0.05, 0.05, 2) * span
    moved = cv2.warpAffine(cover, vec([[1, 0, dx], [0, 1, dy]]), cover.shape[1::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), max(0.6, float(rng.uniform(0.005, 0.05)) * span))
    return np.asarray(soft * float(rng.uniform(0.2, 0.7)), np.float32)


def reflection(rng: Rng, rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a glossy floor shows under a product placed in a frame (H × W × 4, straight alpha, as large as `rgba`)."""
    h, w = rgba.shape[:2]
    _, top, _, bottom = _box((rgba[..., 3] / np.float32(255)).astype(np.float32))
    tall = max(bottom - top, 1)
    out = np.zeros_like(rgba)
    rows = min(h - bottom, tall)
    if rows <= 0:
        return out
    out[bottom : bottom + rows] = rgba[bottom - rows : bottom][::-1]
    reach = float(rng.uniform(0.2, 1.0)) * tall
    fade = np.clip(1 - np.arange(h - bottom, dtype=np.float32) / reach, 0, 1) ** float(rng.uniform(0.7, 2))
    fade *= float(rng.uniform(0.08, 0.5))
    out[bottom:, :, 3] = (out[bottom:, :, 3] * fade[:, None]).astype(np.uint8)
    if rng.random() < 0.6:
        k = 2 * int(rng.uniform(0.5, 0.012 * w + 1)) + 1
        band = out[bottom : bottom + rows].astype(np.float32)
        band[..., :3] *= band[..., 3:] / 255
        band = np.asarray(cv2.blur(band, (k, k)), np.float32)
        band[..., :3] /= np.maximum(band[..., 3:] / 255, 1e-3)
        out[bottom : bottom + rows] = np.clip(band, 0, 255).astype(np.uint8)
    return out
