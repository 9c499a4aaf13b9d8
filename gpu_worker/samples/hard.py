"""Products with hard surfaces: mug, bottle, vase, ornament, soap, watch, lamp, box, book."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpu_worker.samples import materials as m
from gpu_worker.samples import sdf, texture
from gpu_worker.samples.sdf import Points
from gpu_worker.samples.shading import Part, Surface
from gpu_worker.samples.trace import Camera


@dataclass(frozen=True)
class Product:
    """A title, its pieces, and how it is photographed. `reach` is the radius of a ball round the aim that
    holds it all."""

    title: str
    parts: list[Part]
    camera: Camera
    backdrop: str
    reach: float


def mug() -> Product:
    """A stoneware mug, its handle to the right with paper showing through."""

    def body(p: Points) -> sdf.Floats:
        outer = sdf.cylinder(sdf.moved(p, y=0.95), 0.80, 0.95, 0.16)
        inner = sdf.cylinder(sdf.moved(p, y=1.20), 0.70, 1.05, 0.14)
        return sdf.carve(outer, inner, 0.05)

    def handle(p: Points) -> sdf.Floats:
        x, y, z = sdf.moved(p, 0.82, 0.98)
        ring = sdf.torus((x, y * np.float32(0.86), z * np.float32(0.72)), 0.46, 0.085) * np.float32(0.86)
        return sdf.carve(ring, sdf.cylinder(sdf.moved(p, y=1.0), 0.74, 1.5))

    def whole(p: Points) -> sdf.Floats:
        return sdf.blend(body(p), handle(p), 0.10)

    dip = m.glazed((52, 92, 120), rough=0.08)
    clay = m.glazed((228, 219, 203), speckle=0.8, rough=0.16)

    def glaze(p: Points, n: Points) -> Surface:
        line = p[1] + 0.10 * texture.noise(np.arctan2(p[0], p[2]), p[1] * 0, 3.14, 6)
        share = texture.smoothstep(0.80, 0.83, line)
        low, high = dip(p, n), clay(p, n)
        return Surface(m.mix(low.colour, high.colour, share), 0.12, gloss=0.045, normal=high.normal)

    return Product(
        "Stoneware mug", [Part(whole, glaze)], Camera(0.92, 12, 16, 8, 17.0, off_x=0.018), "white", 1.9
    )


def printed(p: Points, n: Points) -> Surface:
    """A paper label round a bottle: a word, rules and lines of small print."""
    base = m.paint(p[0], (240, 235, 224))
    ink = m.paint(p[0], (44, 52, 46))
    u, v = np.arctan2(p[0], p[2]) * np.float32(0.57), p[1] - np.float32(0.78)
    word = (np.abs(v - 0.16) < 0.055) & (np.abs(u) < 0.26) & (np.sin(u * 62) > -0.45)
    lines = (np.abs(u) < 0.22) & (v < -0.02) & (v > -0.26) & (np.sin(v * 95) > 0.55)
    rules = (np.abs(np.abs(v) - 0.36) < 0.008) & (np.abs(u) < 0.40)
    leaf = np.hypot(u * 1.5, v - 0.02) < 0.035
    return Surface(m.mix(base, ink, (word | lines | rules | leaf).astype(np.float32)), 0.65)


def bottle() -> Product:
    """Amber glass with a dropper cap and a paper label."""
    glass = [(0.0, 0.50), (0.05, 0.56), (1.45, 0.56), (1.62, 0.50), (1.80, 0.27), (1.95, 0.24), (2.0, 0.24)]

    def body(p: Points) -> sdf.Floats:
        return sdf.lathe(p, glass)

    def cap(p: Points) -> sdf.Floats:
        angle = np.arctan2(p[0], p[2])
        ribs = np.float32(0.008) * np.cos(angle * 44)
        return (sdf.cylinder(sdf.moved(p, y=2.08), 0.29, 0.17, 0.04) + ribs) * np.float32(0.8)

    def bulb(p: Points) -> sdf.Floats:
        return sdf.lathe(p, [(2.24, 0.16), (2.34, 0.17), (2.62, 0.15), (2.74, 0.09), (2.78, 0.02)])

    def label(p: Points) -> sdf.Floats:
        return sdf.cylinder(sdf.moved(p, y=0.78), 0.568, 0.46, 0.004)

    def amber(p: Points, n: Points) -> Surface:
        depth = texture.smoothstep(0.0, 0.56, np.abs(p[0]))
        glow = m.mix(m.paint(p[0], (196, 104, 24)), m.paint(p[0], (58, 22, 6)), depth)
        empty = texture.smoothstep(1.30, 1.36, p[1])
        glow = m.mix(glow, glow * 1.6 + 0.02, empty)
        return Surface(glow, 0.03, gloss=0.05)

    parts = [
        Part(body, amber),
        Part(cap, m.matte((30, 30, 32), rough=0.35, bump=0.01)),
        Part(bulb, m.matte((26, 26, 28), rough=0.5, bump=0.02)),
        Part(label, printed),
    ]
    return Product("Amber dropper bottle", parts, Camera(1.38, 12, 7, 0, 18.5), "grey", 2.1)


def vase() -> Product:
    """Speckled clay with a narrow neck, on a wooden table."""
    profile = [
        (0.0, 0.44), (0.04, 0.50), (0.2, 0.65), (0.4, 0.77), (0.6, 0.85), (0.8, 0.89), (1.0, 0.89), (1.2,
        0.83), (1.4, 0.71),
        (1.6, 0.54), (1.75, 0.41), (1.9, 0.32), (2.05, 0.285), (2.18, 0.30), (2.3, 0.35),
    ]  # fmt: skip

    def solid(p: Points) -> sdf.Floats:
        return sdf.carve(
            sdf.lathe(p, profile, 0.7), sdf.lathe(sdf.moved(p, y=0.02), [(1.5, 0.1), (2.4, 0.28)]), 0.03
        )

    def clay(p: Points, n: Points) -> Surface:
        surface = m.matte((196, 148, 116), rough=0.6, bump=0.10, scale=0.5)(p, n)
        white = m.glazed((236, 230, 218), speckle=0.9, rough=0.25)(p, n)
        share = texture.smoothstep(
            0.92, 0.97, p[1] + 0.16 * texture.noise(np.arctan2(p[0], p[2]), p[1] * 0, 2.1, 3)
        )
        return Surface(m.mix(surface.colour, white.colour, share), 0.45, normal=surface.normal)

    return Product("Clay vase", [Part(solid, clay)], Camera(1.1, 12, 17, 0, 18.5), "wood", 1.8)


def ornament() -> Product:
    """A glass bauble with a gold cap and a loop that shows a tiny hole."""

    def ball(p: Points) -> sdf.Floats:
        return sdf.sphere(sdf.moved(p, y=1.0), 1.0)

    def cap(p: Points) -> sdf.Floats:
        angle = np.arctan2(p[0], p[2])
        wave = np.float32(0.012) * np.cos(angle * 18)
        return (sdf.cylinder(sdf.moved(p, y=2.06), 0.20, 0.11, 0.02) + wave) * np.float32(0.8)

    def loop(p: Points) -> sdf.Floats:
        return sdf.torus(sdf.turned(sdf.moved(p, y=2.28), "y", 25), 0.13, 0.018)

    def lacquer(p: Points, n: Points) -> Surface:
        band = np.abs(p[1] - 1.0)
        line = ((np.abs(band - 0.20) < 0.02) | (np.abs(band - 0.27) < 0.008)).astype(np.float32)
        angle = np.arctan2(p[0], p[2])
        star = ((np.abs(((angle * 7 / np.pi) % 1) - 0.5) * 1.6 + band * 5) < 0.62).astype(np.float32)
        base = m.mix(
            m.paint(p[0], (150, 14, 26)),
            m.paint(p[0], (214, 170, 82)),
            np.maximum(line, star * (band < 0.17)),
        )
        return Surface(base, 0.06, metal=0.55, gloss=0.08)

    parts = [
        Part(ball, lacquer),
        Part(cap, m.metal((226, 188, 104), 0.2)),
        Part(loop, m.metal((226, 188, 104), 0.15)),
    ]
    return Product("Glass bauble", parts, Camera(1.15, 12, 9, 0, 17.5), "white", 1.6)


def soap() -> Product:
    """A pressed bar with rounded edges, on coloured paper."""

    def bar(p: Points) -> sdf.Floats:
        q = sdf.turned(sdf.moved(p, y=0.34), "y", -24)
        solid = sdf.box(q, 1.25, 0.34, 0.78, 0.24)
        dish = sdf.ellipsoid(sdf.moved(q, y=0.62), 1.06, 0.36, 0.60)
        ring = np.abs(np.hypot(q[0] / np.float32(1.35), q[2]) - np.float32(0.30)) - np.float32(0.016)
        groove = np.maximum(ring, np.abs(q[1] - 0.30) - np.float32(0.07))
        return sdf.carve(sdf.carve(solid, dish, 0.06), groove, 0.03) * np.float32(0.9)

    def wax(p: Points, n: Points) -> Surface:
        swirl = texture.noise(p[0] + 0.7 * p[1], p[2] - 0.5 * p[1], 2.2, 9)
        base = m.mix(
            m.paint(p[0], (236, 214, 196)),
            m.paint(p[0], (214, 168, 150)),
            texture.smoothstep(0.45, 0.62, swirl),
        )
        fleck = texture.specks(p[0] + np.float32(0.5) * p[1], p[2] + p[1], 0.14, 11)
        base = m.mix(base, m.paint(p[0], (122, 84, 66)), fleck * np.float32(0.75))
        return Surface(base, 0.38, gloss=0.045, normal=lambda: texture.wrinkle(n, p, 0.5, 0.05, 2))

    return Product("Rose clay soap", [Part(bar, wax)], Camera(0.30, 12, 33, 0, 15.5), "paper-teal", 1.8)


def watch() -> Product:
    """Steel case, cream dial, leather strap bent round behind it."""

    def at_case(p: Points) -> Points:
        return sdf.turned(sdf.turned(sdf.moved(p, 0, 0.95, 0.78), "x", 10), "y", -14)

    def round_z(p: Points) -> Points:
        q = at_case(p)
        return q[0], q[2], q[1]

    def case(p: Points) -> sdf.Floats:
        q = round_z(p)
        shell = sdf.carve(
            sdf.cylinder(q, 0.70, 0.16, 0.06), sdf.cylinder(sdf.moved(q, y=0.14), 0.60, 0.05), 0.02
        )
        crown = sdf.turned(at_case(p), "z", 90)
        return np.minimum(shell, sdf.cylinder(sdf.moved(crown, y=-0.74), 0.085, 0.09, 0.02))

    def dial(p: Points) -> sdf.Floats:
        return sdf.cylinder(round_z(p), 0.61, 0.10)

    def strap(p: Points) -> sdf.Floats:
        q = sdf.turned(sdf.moved(p, 0, 0.95, 0.0), "y", -14)
        ring = np.abs(
            np.hypot(q[1] / np.float32(1.10), q[2] - np.float32(0.02)) - np.float32(0.80)
        ) - np.float32(0.055)
        wide = np.abs(q[0]) - (np.float32(0.34) + 0.08 * np.clip(q[2], 0, 1))
        in_front = np.maximum(np.hypot(q[0], q[1]) - np.float32(0.63), np.float32(0.3) - q[2])
        return np.maximum(np.maximum(ring, wide), -in_front) * np.float32(0.85)

    def face(p: Points, n: Points) -> Surface:
        q = at_case(p)
        radius, angle = np.hypot(q[0], q[1]), np.degrees(np.arctan2(q[0], q[1]))
        base = (
            m.paint(p[0], (240, 234, 220)) * (1.02 - 0.15 * texture.smoothstep(0.4, 0.62, radius))[..., None]
        )

        def hand(towards: float, long: float, wide: float) -> sdf.Floats:
            along = q[0] * np.sin(np.radians(towards)) + q[1] * np.cos(np.radians(towards))
            across = q[0] * np.cos(np.radians(towards)) - q[1] * np.sin(np.radians(towards))
            return ((np.abs(across) < wide) & (along > -0.08) & (along < long)).astype(np.float32)

        hours = (np.abs((angle + 15) % 30 - 15) < 2.0) & (radius > 0.44) & (radius < 0.55)
        minutes = (np.abs((angle + 3) % 6 - 3) < 0.5) & (radius > 0.53) & (radius < 0.56)
        ink = np.maximum(
            np.maximum(hand(304, 0.30, 0.020), hand(52, 0.46, 0.014)), (hours | minutes).astype(np.float32)
        )
        base = m.mix(base, m.paint(p[0], (24, 30, 46)), np.maximum(ink, (radius < 0.03).astype(np.float32)))
        base = m.mix(base, m.paint(p[0], (178, 40, 34)), hand(180, 0.50, 0.005))
        return Surface(base, 0.10, gloss=0.04)

    def hide(p: Points, n: Points) -> Surface:
        surface = m.leather((126, 74, 40))(p, n)
        q = sdf.turned(sdf.moved(p, 0, 0.95, 0.0), "y", -14)
        edge = np.abs(np.abs(q[0]) - (np.float32(0.28) + 0.08 * np.clip(q[2], 0, 1)))
        stitch = ((edge < 0.012) & (np.sin(np.arctan2(q[1], q[2]) * 60) > -0.2)).astype(np.float32)
        surface.colour = m.mix(surface.colour, m.paint(p[0], (226, 204, 168)), stitch)
        return surface

    parts = [Part(case, m.metal((205, 207, 210), 0.16)), Part(dial, face), Part(strap, hide)]
    return Product("Field watch", parts, Camera(0.92, 12, 11, 0, 14.5), "white", 1.8)


def lamp() -> Product:
    """A linen shade on a turned oak foot, on a shelf with other things."""

    def shade(p: Points) -> sdf.Floats:
        outer = sdf.lathe(p, [(1.50, 0.88), (2.62, 0.58)])
        return sdf.carve(outer, sdf.lathe(p, [(1.40, 0.86), (2.70, 0.54)]), 0.01)

    def foot(p: Points) -> sdf.Floats:
        profile = [
            (0.0, 0.52),
            (0.10, 0.52),
            (0.16, 0.44),
            (0.30, 0.16),
            (0.6, 0.12),
            (0.9, 0.20),
            (1.15, 0.12),
            (1.3, 0.09),
        ]
        return sdf.lathe(p, profile, 0.6)

    def rod(p: Points) -> sdf.Floats:
        return sdf.cylinder(sdf.moved(p, y=1.9), 0.035, 0.72)

    def linen(p: Points, n: Points) -> Surface:
        surface = m.cloth((228, 214, 188), pitch=0.03, depth=0.16)(p, n)
        glow = np.exp(-((p[1] - 1.95) ** 2) / np.float32(0.22))
        surface.colour = surface.colour * (
            1.0 + 0.45 * glow[..., None] * np.array([1.0, 0.88, 0.62], np.float32)
        )
        trim = ((np.abs(p[1] - 1.525) < 0.025) | (np.abs(p[1] - 2.595) < 0.025)).astype(np.float32)
        surface.colour = m.mix(surface.colour, m.paint(p[0], (186, 166, 132)), trim)
        return surface

    oak = m.timber((198, 152, 100), (134, 90, 52))
    parts = [Part(shade, linen), Part(foot, oak), Part(rod, m.metal((196, 160, 92), 0.25))]
    return Product("Oak table lamp", parts, Camera(1.32, 12, 6, 0, 19.0), "shelf", 2.0)


def box() -> Product:
    """A gift box with a lid and a ribbon."""

    def turned(p: Points) -> Points:
        return sdf.turned(p, "y", 32)

    def base(p: Points) -> sdf.Floats:
        return sdf.box(sdf.moved(turned(p), y=0.52), 0.92, 0.52, 0.92, 0.02)

    def lid(p: Points) -> sdf.Floats:
        return sdf.box(sdf.moved(turned(p), y=1.16), 0.97, 0.17, 0.97, 0.02)

    def ribbon(p: Points) -> sdf.Floats:
        q = turned(p)
        lower = sdf.box(sdf.moved(q, y=0.52), 0.928, 0.515, 0.13)
        upper = sdf.box(sdf.moved(q, y=1.165), 0.978, 0.173, 0.13)
        lower2, upper2 = (
            sdf.box(sdf.moved(q, y=0.52), 0.13, 0.515, 0.928),
            sdf.box(sdf.moved(q, y=1.165), 0.13, 0.173, 0.978),
        )
        return np.minimum(np.minimum(lower, upper), np.minimum(lower2, upper2))

    def bow(p: Points) -> sdf.Floats:
        q = sdf.moved(turned(p), y=1.54)
        total = sdf.ellipsoid(sdf.moved(q, y=-0.12), 0.13, 0.11, 0.13)
        for side in (-1, 1):
            r = sdf.turned(sdf.moved(q, 0.34 * side, 0.02), "z", 22 * side)
            ring = np.abs(np.hypot(r[0] / np.float32(1.7), r[1]) - np.float32(0.17)) - np.float32(0.022)
            total = np.minimum(total, np.maximum(ring, np.abs(r[2]) - np.float32(0.15)) * np.float32(0.6))
        return total

    card = m.matte((44, 78, 74), rough=0.6, bump=0.05, scale=0.25)
    satin = m.matte((222, 190, 150), rough=0.28, bump=0.03, scale=0.9)
    parts = [Part(base, card), Part(lid, m.matte((52, 90, 84), rough=0.6, bump=0.05, scale=0.25))]
    parts += [Part(ribbon, satin), Part(bow, satin)]
    return Product("Gift box", parts, Camera(0.82, 12, 24, 0, 18.0), "grey", 1.9)


def book() -> Product:
    """A cloth-bound book, standing, a little turned, with a printed cover."""

    def turned(p: Points) -> Points:
        return sdf.moved(sdf.turned(p, "y", -28), y=1.2)

    def cover(p: Points) -> sdf.Floats:
        q = turned(p)
        outer = sdf.box(q, 0.86, 1.2, 0.20, 0.03)
        inside = sdf.box(sdf.moved(q, x=0.10), 0.86, 1.4, 0.155)
        return sdf.carve(outer, inside)

    def pages(p: Points) -> sdf.Floats:
        return sdf.box(sdf.moved(turned(p), x=-0.02), 0.82, 1.15, 0.16)

    def printed(p: Points, n: Points) -> Surface:
        q = turned(p)
        surface = m.cloth((34, 54, 92), pitch=0.03, depth=0.10)(p, n)
        gold = m.paint(p[0], (222, 184, 108))
        front = q[2] > 0.15
        u, v = q[0] - np.float32(0.04), q[1]
        frame = np.abs(np.maximum(np.abs(u) / 0.70, np.abs(v) / 1.04) - 1) < 0.012
        sun = np.abs(np.hypot(u, v - 0.18) - 0.30) < 0.016
        hills = (np.abs(v + 0.02 - 0.12 * np.sin(u * 5)) < 0.014) & (np.abs(u) < 0.46)
        title = (np.abs(v - 0.72) < 0.06) & (np.abs(u) < 0.44) & (np.sin(u * 44) > -0.5)
        name = (np.abs(v + 0.78) < 0.028) & (np.abs(u) < 0.26) & (np.sin(u * 70) > -0.4)
        ink = (front & (frame | sun | hills | title | name)).astype(np.float32)
        surface.colour = m.mix(surface.colour, gold, ink)
        return surface

    def paper(p: Points, n: Points) -> Surface:
        q = turned(p)
        sheets = texture.noise(q[2] * 3.0, q[0] * 0.02 + q[1] * 0.02, 0.5, 8)
        return Surface(m.paint(p[0], (242, 234, 214)) * (0.82 + 0.22 * sheets)[..., None], 0.85)

    return Product(
        "Cloth-bound book",
        [Part(cover, printed), Part(pages, paper)],
        Camera(1.15, 12, 9, 0, 18.0),
        "paper-sand",
        1.8,
    )
