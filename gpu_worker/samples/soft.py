"""Products that bend: sneaker, handbag, T-shirt."""

from __future__ import annotations

import numpy as np

from gpu_worker.samples import materials as m
from gpu_worker.samples import sdf, texture
from gpu_worker.samples.hard import Product
from gpu_worker.samples.sdf import Floats, Points
from gpu_worker.samples.shading import Part, Surface
from gpu_worker.samples.trace import Camera


def sneaker() -> Product:
    """A low canvas shoe seen from its outer side, toe to the right."""

    crown = (
        [-1.55, -1.35, -1.0, -0.5, -0.2, 0.05, 0.3, 0.6, 0.9, 1.15, 1.35, 1.5],
        [0.95, 1.08, 0.98, 0.86, 0.99, 1.02, 0.93, 0.78, 0.66, 0.57, 0.45, 0.28],
    )

    def half_width(x: Floats) -> Floats:
        return np.interp(x, [-1.5, -1.2, -0.5, 0.5, 1.1, 1.5], [0.26, 0.36, 0.36, 0.47, 0.44, 0.24]).astype(
            np.float32
        )

    def sole(p: Points) -> Floats:
        toe = 0.10 * texture.smoothstep(0.9, 1.6, p[0])
        q = (p[0], p[1] - toe, p[2])
        flat = -sdf.blend(-(np.abs(q[2]) - half_width(q[0]) - 0.05), -(np.abs(q[0]) - np.float32(1.53)), 0.5)
        return sdf.prism(flat * np.float32(0.8), q[1] - np.float32(0.16), 0.16, 0.05)

    def top(x: Floats) -> Floats:
        return np.interp(x, *crown).astype(np.float32)

    def upper(p: Points) -> Floats:
        over = np.maximum(p[1] - np.float32(0.2), 0)
        narrowing = 1 - 0.42 * texture.smoothstep(
            0.0, 1.0, over / np.maximum(top(p[0]) - np.float32(0.2), 0.2)
        )
        body = -sdf.blend(-(np.abs(p[2]) - half_width(p[0]) * narrowing), -(p[1] - top(p[0])), 0.26)
        body = -sdf.blend(-body, -(np.abs(p[0]) - np.float32(1.47)), 0.30)
        body = np.maximum(body, np.float32(0.18) - p[1])
        mouth = sdf.ellipsoid(sdf.moved(p, -0.72, 1.12), 0.60, 0.52, 0.215)
        return sdf.carve(body, mouth, 0.06) * np.float32(0.62)

    def toe_cap(p: Points) -> Floats:
        shell = upper(p) - np.float32(0.014)
        return np.maximum(shell, sdf.sphere(sdf.moved(p, 1.42, 0.15), 0.52) * np.float32(0.9))

    def laces(p: Points) -> Floats:
        total = np.full(p[0].shape, 9.0, np.float32)
        for x in (0.02, 0.16, 0.30, 0.44, 0.58):
            y = float(np.interp(x, *crown)) - 0.005
            for side in (-1, 1):
                low, high = (x + 0.02, y - 0.085, 0.20 * side), (x - 0.01, y + 0.012, 0.0)
                total = np.minimum(total, sdf.capsule(p, low, high, 0.034))
        for side in (-1, 1):
            tail = (0.02 - 0.05 * side, 1.00, 0.0), (-0.02 + 0.16 * side, 0.99, 0.27)
            total = np.minimum(total, sdf.capsule(p, *tail, 0.026))
        return total

    canvas = m.cloth((196, 72, 52), pitch=0.026, depth=0.18)

    def fabric(p: Points, n: Points) -> Surface:
        surface = canvas(p, n)
        seam = (np.abs(p[0] + 0.30 + 0.45 * (p[1] - 0.3)) < 0.012) | (
            np.abs(p[0] + 1.10 - 0.1 * p[1]) < 0.012
        )
        stitch = (seam & (np.sin(p[1] * 120) > -0.3)).astype(np.float32)
        surface.colour = m.mix(surface.colour, m.paint(p[0], (244, 232, 214)), stitch)
        inside = ((p[1] > 0.6) & (np.hypot((p[0] + 0.72) / 0.58, p[2] / 0.2) < 1.0) & (n[1] > -0.2)).astype(
            np.float32
        )
        surface.colour = m.mix(surface.colour, m.paint(p[0], (226, 214, 196)), inside)
        return surface

    def rubber(p: Points, n: Points) -> Surface:
        stripe = ((np.abs(p[1] - 0.235) < 0.018) & (np.abs(n[1]) < 0.5)).astype(np.float32)
        base = m.mix(m.paint(p[0], (240, 236, 226)), m.paint(p[0], (196, 72, 52)), stripe)
        ribs = (np.sin(p[0] * 90) * ((p[1] < 0.12) & (np.abs(n[1]) < 0.6))).astype(np.float32)
        base *= (1 - np.float32(0.10) * np.maximum(ribs, 0))[..., None]
        return Surface(base, 0.5, gloss=0.04)

    cream = m.matte((240, 236, 226), rough=0.45, bump=0.02)
    parts = [
        Part(upper, fabric),
        Part(sole, rubber),
        Part(toe_cap, cream),
        Part(laces, m.matte((246, 242, 234), 0.8)),
    ]
    return Product("Canvas sneaker", parts, Camera(0.46, 12, 13, 18, 17.0), "white", 2.0)


def handbag() -> Product:
    """A structured leather bag, its handle standing, brass at the clasp."""

    def body(p: Points) -> Floats:
        rise = np.clip(p[1] / np.float32(1.5), 0, 1)
        wide, deep = 1.12 - 0.14 * rise, 0.46 - 0.20 * rise
        q = (p[0] / wide.astype(np.float32), p[1] - np.float32(0.74), p[2] / deep.astype(np.float32))
        return sdf.box(q, 1.0, 0.74, 1.0, 0.16) * np.float32(0.26)

    def flap(p: Points) -> Floats:
        drop = 0.62 + 0.30 * (np.abs(p[0]) / np.float32(1.05)) ** 2
        shell = body(p) - np.float32(0.016)
        return np.maximum(shell, (drop.astype(np.float32) - p[1]) * np.float32(0.6))

    def handle(p: Points) -> Floats:
        x, y, z = sdf.moved(p, 0, 1.42)
        ring = np.hypot(np.hypot(x, y * np.float32(0.80)) - np.float32(0.52), z) - np.float32(0.055)
        return np.maximum(ring, -y - np.float32(0.10)) * np.float32(0.8)

    def rings(p: Points) -> Floats:
        total = np.full(p[0].shape, 9.0, np.float32)
        for side in (-0.52, 0.52):
            total = np.minimum(total, sdf.box(sdf.moved(p, side, 1.50), 0.085, 0.05, 0.085, 0.02))
        return total

    def clasp(p: Points) -> Floats:
        q = sdf.moved(p, 0, 0.64, 0.42)
        plate = sdf.box(sdf.turned(q, "x", -8), 0.13, 0.10, 0.05, 0.03)
        return np.minimum(plate, sdf.capsule(q, (-0.05, -0.02, 0.06), (0.05, -0.02, 0.06), 0.025))

    brass = m.metal((218, 178, 98), 0.2)
    hide = m.leather((62, 88, 78), seed=4)

    def stitched(p: Points, n: Points) -> Surface:
        surface = hide(p, n)
        drop = 0.62 + 0.30 * (np.abs(p[0]) / np.float32(1.05)) ** 2
        seam = ((np.abs(p[1] - drop - 0.05) < 0.010) & (np.sin(p[0] * 95) > -0.2) & (p[2] > 0)).astype(
            np.float32
        )
        surface.colour = m.mix(surface.colour, m.paint(p[0], (206, 190, 150)), seam)
        return surface

    parts = [Part(body, hide), Part(flap, stitched), Part(handle, m.leather((56, 80, 70), 6))]
    parts += [Part(rings, brass), Part(clasp, brass)]
    return Product("Leather handbag", parts, Camera(1.02, 12, 11, -20, 19.0), "grey", 2.0)


SHIRT = (
    (-0.42, 1.42), (-0.95, 1.22), (-1.62, 0.62), (-1.30, 0.22), (-0.92, 0.52),
    (-0.94, -1.50), (0.94, -1.50), (0.92, 0.52), (1.30, 0.22), (1.62, 0.62), (0.95, 1.22), (0.42, 1.42),
)  # fmt: skip


def tshirt() -> Product:
    """A T-shirt laid flat, seen from above, with folds and a printed chest."""

    def neck(x: Floats, z: Floats) -> Floats:
        return np.hypot(x, (z + np.float32(1.50)) * np.float32(1.25)) - np.float32(0.40)

    def outline(x: Floats, z: Floats) -> Floats:
        wobble = (texture.noise(x, z, 1.6, 12) - np.float32(0.5)) * np.float32(0.045)
        return sdf.polygon(x, -z, SHIRT) - np.float32(0.05) + wobble

    def folds(x: Floats, z: Floats) -> Floats:
        drift = texture.grain(x, z * np.float32(0.35), 2.8, 5)
        hang = texture.grain(x * np.float32(1.4) + z * np.float32(0.25), z * np.float32(0.22), 2.0, 8)
        return drift * np.float32(0.10) + hang * np.float32(0.10)

    front_edge = sdf.baked(lambda x, z: sdf.carve(outline(x, z), neck(x, z), 0.04), 2.4)
    height = sdf.baked(folds, 2.4)
    back_edge = sdf.baked(
        lambda x, z: np.maximum(
            outline(x, z), np.float32(0.46) - np.hypot(x, (z + np.float32(1.78)) * np.float32(1.6))
        ),
        2.4,
    )

    def cloth(p: Points) -> Floats:
        lifted = p[1] - np.float32(0.03) - height(p[0], p[2])
        return sdf.prism(front_edge(p[0], p[2]), lifted, 0.05, 0.04) * np.float32(0.6)

    def back(p: Points) -> Floats:
        return sdf.prism(back_edge(p[0], p[2]), p[1] - np.float32(0.02), 0.02, 0.01) * np.float32(0.7)

    def jersey(p: Points, n: Points) -> Surface:
        surface = m.cloth((72, 104, 132), pitch=0.020, depth=0.10, seed=2)(p, n)
        ribbed = (np.abs(neck(p[0], p[2]) - np.float32(0.045)) < 0.05).astype(np.float32)
        surface.colour = m.mix(surface.colour, surface.colour * np.float32(0.78), ribbed)
        for hem in (1.36, 1.40):
            line = ((np.abs(p[2] - np.float32(hem)) < 0.008) & (np.abs(p[0]) < 0.9)).astype(np.float32)
            surface.colour = m.mix(surface.colour, surface.colour * np.float32(0.66), line)
        u, v = p[0], p[2] + np.float32(0.45)
        disc = np.hypot(u, v) < 0.40
        waves = np.sin(v * 34 + 1.6 * np.sin(u * 7)) > 0.1
        print_ = (disc & ((v < -0.02) | waves)).astype(np.float32)
        surface.colour = m.mix(surface.colour, m.paint(p[0], (242, 226, 192)), print_ * np.float32(0.94))
        creased = (p[0] * np.float32(1.3) + p[2] * np.float32(0.5), p[1], p[2] * np.float32(0.5))
        woven = surface.normal
        surface.normal = lambda: texture.wrinkle(woven() if woven else n, creased, 7.0, 0.60, 9)
        return surface

    inside = m.cloth((52, 78, 102), pitch=0.02, depth=0.1)
    parts = [Part(cloth, jersey), Part(back, inside)]
    return Product("Printed T-shirt", parts, Camera(0.0, 12, 86, 0, 19.0), "white", 2.4)
