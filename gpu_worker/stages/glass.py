"""Glass and clear plastic: measures where the product looks as if the old backdrop were seen through it, and where
somebody said that it is see-through, finds the pixels that are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light
from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.stages import transmission
from gpu_worker.stages.base import Glass, Light, State
from gpu_worker.stages.ground import Ground, ground_of
from gpu_worker.tiles import enlarged, tiles

TILE_PX, HALO_PX = 512, 8
# A place is paper where the matte says so; this far from the product (work pixels) its light is believed.
NEAR_PX = 3
# How much the paper's light may differ from the smooth surface that follows the photo's border.
DARKEST, BRIGHTEST = 0.55, 1.25
# Single pixels are grainy: what they are is judged on a mean over this share of the photo's longer side.
GRAIN_SHARE = 1 / 900
# A speck of glass below this share of the product is a shade of print, and a gap in glass a reflex.
SPECK_SHARE, GAP_SHARE = 0.004, 0.01
# The soft edge is a mixture with the backdrop by itself and says nothing (work pixels).
RIM_PX = 2
# Shares of the backdrop's light that pass (none of it is glass, all of it is): what looks like glass by itself, and
# what is glass beside glass, whose rim bends light away.
CLEAR, DARK_RIM = (0.35, 0.5), (0.1, 0.3)
# A pixel that is glass by less than this stays exactly as it is.
DOUBTFUL = 0.25


@dataclass(frozen=True)
class Suspicion:
    """At work size (h × w): `where` the product looks like the old backdrop seen through it, `solid` where it could be
    told, `behind` the old backdrop's light (h × w × 3), `strays` how uneven that is (CIELAB)."""

    where: Mask
    solid: Mask
    behind: Light
    strays: float

    @property
    def share(self) -> float:
        """Of the product, 0 to 1."""
        return float(self.where.sum()) / max(1, int(self.solid.sum()))


class SeeThrough:
    """Gives `glass`; None where nobody said that the product is see-through. Notes ``see_through`` (the share of the
    product that has the old backdrop's colours, absent where that backdrop is not plain) and, where it was asked for,
    ``see_through_used``."""

    name = "glass"
    needs: tuple[str, ...] = ("rgb", "matte")
    gives: tuple[str, ...] = ("glass",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None
        state.glass = None
        asked = bool(state.recipe.cutout.see_through)
        seen = suspicion_of(state)
        if seen is not None:
            state.notes["see_through"] = round(seen.share, 4)
        if asked:
            found = None if seen is None else glass(state.rgb, state.matte.alpha, seen)
            state.glass = found if found is not None and found.clear.any() else None
            state.notes["see_through_used"] = state.glass is not None


def suspicion_of(state: State) -> Suspicion | None:
    """That of the photo in hand, looked at once; None where the old backdrop is not plain or was never seen."""
    if "suspicion" not in state.looked_up:
        seen = ground_of(state)
        state.looked_up["suspicion"] = None if seen is None else suspicion(seen)
    found: Suspicion | None = state.looked_up["suspicion"]
    return found


def suspicion(seen: Ground) -> Suspicion:
    """Looks at a small copy; a white shoe on white paper is as suspicious as a glass, for nothing tells them apart."""
    back = behind(seen)
    solid = cv2.erode((seen.alpha > 0.98).astype(np.uint8), _disc(RIM_PX)).astype(bool)
    soft = np.asarray(cv2.GaussianBlur(seen.rgb, (0, 0), 0.8), np.uint8)
    left, top, wide, high = cv2.boundingRect(solid.astype(np.uint8))
    here = np.s_[top : top + high, left : left + wide]
    near = np.ascontiguousarray(back[here])
    likely = np.zeros(solid.shape, bool)
    if near.size:
        through = transmission.fit(light.to_light(soft[here]), near)
        likely[here] = transmission.glassy(through, near, seen.strays, CLEAR) > 0.5
    return Suspicion(_without_specks(likely & solid, solid), solid, back, seen.strays)


def behind(seen: Ground) -> Light:
    """The light of the old backdrop behind the product (h × w × 3): the surface that follows the border, made brighter
    or darker as the paper around the product is, shadow included."""
    surface = np.clip(cv2.cvtColor(seen.lab, cv2.COLOR_Lab2LRGB), 1e-3, 1).astype(np.float32)
    ratio = light.to_light(seen.rgb).sum(axis=2) / surface.sum(axis=2)
    near = cv2.dilate((seen.alpha > 0.01).astype(np.uint8), _disc(NEAR_PX)).astype(bool)
    paper = ~near & (ratio > DARKEST) & (ratio < BRIGHTEST)
    if not paper.any():
        return surface
    there = continued(ratio.astype(np.float32), paper.astype(np.float32))
    return np.asarray(surface * cv2.GaussianBlur(there, (0, 0), 2.0)[..., None], np.float32)


def continued(values: Alpha, known: Alpha) -> Alpha:
    """`values` where `known` is 1, and a smooth membrane between them elsewhere: known means from ever coarser copies
    (S. Gortler et al., "The Lumigraph", 1996, pull and push)."""
    if min(values.shape) <= 2:
        return np.full_like(values, float((values * known).sum() / max(1e-6, float(known.sum()))))
    size = (values.shape[1] + 1) // 2, (values.shape[0] + 1) // 2
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(values * known, size, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)
    coarse = continued(np.asarray(mean, np.float32), np.minimum(np.float32(1), weight * 4))
    wide = cv2.resize(coarse, values.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(values * known + wide * (1 - known), np.float32)


def glass(rgb: Rgb, alpha: Alpha, seen: Suspicion) -> Glass:
    """Which pixels of the photo are glass. Works in tiles, and only where the small copy saw glass."""
    gate = cv2.dilate(seen.where.astype(np.uint8), _disc(RIM_PX + 1)).astype(np.float32)
    # The rim was left out because it is soft; between glass and the backdrop it is glass.
    gate *= (seen.where | ~_firm(seen)).astype(np.float32)
    gate = np.asarray(cv2.blur(gate, (3, 3)), np.float32)
    full = cv2.resize(gate, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    clear = np.zeros(alpha.shape, np.uint8)
    grain_px = 2 * round(max(alpha.shape) * GRAIN_SHARE) + 1
    for here, around, inner in tiles(full & (alpha > 0), TILE_PX, HALO_PX):
        back = enlarged(seen.behind, around, alpha.shape)
        share = np.minimum(np.float32(1), 2 * enlarged(gate, around, alpha.shape))
        clear[here] = _clear(rgb[around], back, share, seen.strays, grain_px)[inner]
    clear[alpha <= 0] = 0
    return Glass(clear, seen.behind)


def _firm(seen: Suspicion) -> Mask:
    """What is no glass for certain: solid and not suspicious, but for its outermost pixel, where single pixels tell."""
    return cv2.erode((seen.solid & ~seen.where).astype(np.uint8), _disc(1)).astype(bool)


def _clear(rgb: Rgb, back: Light, share: Alpha, strays: float, grain_px: int) -> NDArray[np.uint8]:
    pixels = light.to_light(np.ascontiguousarray(rgb))
    calm = np.asarray(cv2.blur(pixels, (grain_px, grain_px)), np.float32)
    likely = transmission.glassy(transmission.fit(calm, back), back, strays, DARK_RIM)
    single = transmission.glassy(transmission.fit(pixels, back), back, strays, DARK_RIM, loose=2.5)
    sure = np.clip((np.minimum(likely, single) - DOUBTFUL) / (1 - 2 * DOUBTFUL), 0, 1)
    return np.asarray(np.rint(sure * share * 255), np.uint8)


def _without_specks(found: Mask, solid: Mask) -> Mask:
    """Small parts change sides: a shade within print is no glass, and a reflex within glass is no label."""
    product_px = float(solid.sum())
    calm = cv2.medianBlur(found.astype(np.uint8), 5).astype(bool) & solid
    calm = _large(calm, SPECK_SHARE * product_px)
    return solid & ~_large(solid & ~calm, GAP_SHARE * product_px)


def _large(found: Mask, least_px: float) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= least_px
    keep[0] = False
    return np.asarray(keep[labels], bool)


def _disc(radius_px: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1,) * 2), np.uint8)
