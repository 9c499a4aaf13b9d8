"""A clear bottle with a printed label and a cap, whose glass lets a known share of the backdrop's light through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpu_worker import samples
from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.samples import backdrops, hard, sdf, shading, trace
from gpu_worker.samples import materials as m
from gpu_worker.samples.sdf import Floats, Points
from gpu_worker.samples.shading import Colours, Part, Surface
from gpu_worker.samples.texture import smoothstep

# Straight through both walls; at the rim light is bent away and what is dark beside the set is seen.
MIDDLE, RIM = 0.95, 0.30
# Its shadow is as much weaker than that of a solid thing.
SHADE = np.float32(0.35)
GLASS = [(0.0, 0.50), (0.05, 0.56), (1.45, 0.56), (1.62, 0.50), (1.80, 0.27), (1.95, 0.24), (2.05, 0.24)]


@dataclass(frozen=True)
class Clear:
    """`rgb` H × W × 3 uint8 sRGB; `alpha` H × W, the exact cover; `through` H × W, the share of the backdrop's light
    that passes the glass (0 on label and cap); `own` H × W × 3, the linear light that the product adds."""

    rgb: Rgb
    alpha: Alpha
    through: Alpha
    own: Colours

    @property
    def glass(self) -> Mask:
        """Where the backdrop is seen through the product (H × W)."""
        return np.asarray((self.alpha >= 1) & (self.through > 0), bool)

    def onto(self, colour: tuple[int, int, int]) -> Rgb:
        """What a camera would see had the set been of one `colour` (sRGB levels), with no shadow and no grain."""
        behind = m.paint(np.zeros(1, np.float32), colour)[0]
        light = _laid(self.own, self.through, self.alpha, np.broadcast_to(behind, self.own.shape))
        return samples.developed(light, 0, 0.0)


def bottle(backdrop: str = "grey", size_px: int = 1000, seed: int = 0) -> Clear:
    """The bottle on a plain backdrop ``white``, ``grey``, ``paper-teal`` or ``paper-sand``; the same for the same
    arguments."""
    parts, camera, reach = _parts(), trace.Camera(1.2, 12, 7, 0, 17.0), 2.1
    field, floor = shading.union(parts), backdrops.floor_colour(backdrop)
    hits = trace.shoot(field, camera, size_px, reach)
    colours = shading.shade(parts, hits, camera, size_px, reach, floor)
    passing = _glass(parts, hits, camera, size_px, colours, floor)
    own: Colours = np.zeros((size_px, size_px, 3), np.float32)
    through: Alpha = np.zeros((size_px, size_px), np.float32)
    own.reshape(-1, 3)[hits.index], through.reshape(-1)[hits.index] = colours, passing
    lit, shaded = (backdrops.draw(backdrop, f, camera, size_px, reach, seed) for f in (_nothing, field))
    scene = lit + SHADE * (shaded - lit)
    light = _laid(own, through, hits.alpha, scene)
    return Clear(samples.developed(light, seed), hits.alpha, through, own)


def _nothing(p: Points) -> Floats:
    """A field without any solid: it throws no shadow."""
    return np.full_like(p[0], 9)


def _laid(own: Colours, through: Floats, alpha: Floats, scene: Colours) -> Colours:
    seen = own + through[..., None] * scene
    return np.asarray(seen * alpha[..., None] + scene * (1 - alpha[..., None]), np.float32)


def _glass(
    parts: list[Part], hits: trace.Hits, camera: trace.Camera, size_px: int, colours: Colours, floor: Colours
) -> Floats:
    """What passes at each hit (N); where that is glass, `colours` becomes what it mirrors, in place."""
    origin, *_ = camera.axes()
    p = trace.at(origin, hits.rays, hits.t)
    is_glass = np.argmin(np.stack([part.solid(p) for part in parts]), axis=0) == 0
    nx, ny, nz = trace.normals(shading.union(parts), p, 4e-3)
    cosine = -(nx * hits.rays[0] + ny * hits.rays[1] + nz * hits.rays[2])
    facing = np.clip(cosine, 0, 1)
    mirror = tuple(r + 2 * cosine * n for r, n in zip(hits.rays, (nx, ny, nz), strict=True))
    seen = shading.around(mirror, 0.03, floor).mean(axis=1)
    mirrored = seen * (0.04 + 0.5 * (1 - facing) ** 5)
    colours[is_glass] = mirrored[is_glass, None] * 0.7
    passing = RIM + (MIDDLE - RIM) * smoothstep(0.05, 0.55, facing)
    return np.where(is_glass, passing, 0).astype(np.float32)


def _parts() -> list[Part]:
    def body(p: Points) -> sdf.Floats:
        return sdf.lathe(p, GLASS)

    def cap(p: Points) -> sdf.Floats:
        return sdf.cylinder(sdf.moved(p, y=2.16), 0.29, 0.17, 0.04)

    def label(p: Points) -> sdf.Floats:
        return sdf.cylinder(sdf.moved(p, y=0.78), 0.568, 0.40, 0.004)

    def clear(p: Points, n: Points) -> Surface:
        return Surface(m.paint(p[0], (128, 128, 128)), 0.03)

    return [
        Part(body, clear),
        Part(cap, m.matte((150, 34, 30), rough=0.4, bump=0.01)),
        Part(label, hard.printed),
    ]
