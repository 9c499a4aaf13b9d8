"""Kitchen and bath: mugs, bottles, jars, teapots, glasses, cutlery, pans, cosmetics."""

from __future__ import annotations

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_material import Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def painted(rng: Rng, gloss: float | None = None) -> Material:
    """A glazed or lacquered surface: plain, patterned or with a print round it."""
    kind = rng.random()
    rough = float(rng.uniform(0.05, 0.5)) if gloss is None else gloss
    if kind < 0.5:
        return m.ceramic(m.colour(rng), rng)
    if kind < 0.75:
        return Material(prints.pattern(rng), rough, 0.045)
    return Material(prints.label(rng, 512, 256), rough, 0.045)


def mug(rng: Rng) -> Thing:
    """A mug, cup or beaker, its handle showing what lies behind."""
    h, r, foot = rng.uniform(0.8, 1.9), rng.uniform(0.5, 0.8), rng.uniform(0.75, 1.0)
    belly = rng.uniform(0.95, 1.15)
    wall = [
        (0, 0),
        (0, r * foot),
        (h * 0.45, r * belly),
        (h, r),
        (h, r - 0.07),
        (0.12, r * foot - 0.09),
        (0.12, 0),
    ]
    body = painted(rng)
    parts = [Part(g.lathe(wall, 0.06), body)]
    plain = (
        m.plastic(body.texture.mean(axis=(0, 1)), 0.15)
        if rng.random() < 0.7
        else m.ceramic(m.colour(rng), rng)
    )
    if rng.random() < 0.85:
        out, tall = rng.uniform(0.3, 0.55), h * rng.uniform(0.25, 0.36)
        mid = h * rng.uniform(0.48, 0.6)
        path = g.smooth(
            [
                (r * 0.95, mid + tall, 0),
                (r + out * 0.8, mid + tall * 0.9, 0),
                (r + out, mid, 0),
                (r + out * 0.6, mid - tall * 0.8, 0),
                (r * 0.92, mid - tall, 0),
            ],
            24,
        )
        parts.append(
            Part(
                g.tube(path, rng.uniform(0.06, 0.11), 12, flat=rng.uniform(0.7, 1.5)).turned(
                    "y", rng.uniform(-50, 50)
                ),
                plain,
            )
        )
    if rng.random() < 0.4:
        drink = g.lathe([(h * 0.9, 0.0), (h * 0.9, r - 0.08)], 0)
        parts.append(Part(drink, m.plastic(m.hsv(0.07, 0.7, rng.uniform(0.15, 0.7)), 0.1)))
    return Thing(parts, standing(rng, 40, 5, 40))


def bottle(rng: Rng) -> Thing:
    """Bottles and flasks of glass, plastic or metal, labelled, capped, pumped or sprayed."""
    h, r = rng.uniform(1.3, 2.6), rng.uniform(0.32, 0.6)
    neck, shoulder = r * rng.uniform(0.25, 0.75), rng.uniform(0.55, 0.85)
    bulge = rng.uniform(0.92, 1.05)
    line = g.smooth(
        [
            (0.04, r * 0.96),
            (h * 0.3, r * bulge),
            (h * shoulder, r),
            (h * (shoulder + 0.1), (r + neck) / 2),
            (h * 0.97, neck),
            (h, neck),
        ],
        22,
    )
    shape = np.concatenate([[(0, 0), (0, r * 0.9)], line, [(h, 0)]])
    squeeze = 1.0 if rng.random() < 0.7 else rng.uniform(0.5, 0.85)
    kind = rng.random()
    c = m.colour(rng)
    skin = (
        m.glass(rng)
        if kind < 0.4
        else (m.metal(rng) if kind < 0.5 else (m.plastic(c, 0.25) if kind < 0.8 else painted(rng)))
    )
    parts = [Part(g.lathe(shape, 0.03, round_=squeeze), skin)]
    if skin.opaque < 1 and rng.random() < 0.7:
        level = h * rng.uniform(0.3, shoulder)
        inner = [(0.06, 0), (0.06, r * 0.85), (level, r * 0.9), (level, 0)]
        parts.append(Part(g.lathe(inner, 0.03, round_=squeeze), m.plastic(m.colour(rng), 0.3)))
    if rng.random() < 0.8:
        lo, hi = h * rng.uniform(0.08, 0.25), h * rng.uniform(0.42, shoulder * 0.95)
        band = g.lathe([(lo, r * bulge * 1.015), (hi, r * bulge * 1.015)], 0, round_=squeeze)
        parts.append(Part(band, Material(prints.label(rng, 512, 200), 0.7, 0.03)))
    parts += _closure(rng, h, neck)
    return Thing(parts, standing(rng, 180, 0, 28))


def _closure(rng: Rng, h: float, neck: float) -> list[Part]:
    """A cap, a pump, a spray head or a cork on a neck."""
    kind = rng.random()
    cap = m.metal(rng) if rng.random() < 0.3 else m.plastic(m.colour(rng), float(rng.uniform(0.1, 0.5)))
    tall = float(rng.uniform(0.12, 0.45))
    if kind < 0.6:
        top = neck * rng.uniform(0.85, 1.15)
        return [
            Part(g.lathe([(h - 0.05, 0), (h - 0.05, neck * 1.12), (h + tall, top), (h + tall, 0)], 0.03), cap)
        ]
    if kind < 0.72:
        return [Part(g.cylinder(neck * 0.9, tall).moved(0, h - 0.08), m.wood(rng))]
    collar = Part(g.cylinder(neck * 1.1, 0.16).moved(0, h - 0.06), cap)
    stem = Part(g.cylinder(neck * 0.35, tall + 0.2).moved(0, h), cap)
    reach = rng.uniform(0.3, 0.5)
    head = [
        (-0.05, h + tall + 0.2, 0),
        (reach * 0.5, h + tall + 0.22, 0),
        (reach, h + tall + 0.2, 0),
        (reach + 0.05, h + tall + 0.08, 0),
    ]
    spout = Part(g.tube(g.smooth(head, 14), 0.075, 10), cap)
    knob = Part(g.cylinder(0.14, 0.12).moved(0, h + tall + 0.14), cap)
    return [collar, stem, spout, knob]


def jar(rng: Rng) -> Thing:
    """Jars, pots and tins with lids."""
    h, r = rng.uniform(0.5, 1.5), rng.uniform(0.5, 0.85)
    kind = rng.random()
    skin = m.glass(rng) if kind < 0.45 else (m.metal(rng) if kind < 0.6 else painted(rng))
    wall = [(0, 0), (0, r * 0.95), (h * 0.85, r), (h, r * rng.uniform(0.8, 1))]
    parts = [Part(g.lathe([*wall, (h, 0)], 0.07), skin)]
    if skin.opaque < 1:
        fill = h * rng.uniform(0.5, 0.85)
        parts.append(
            Part(
                g.lathe([(0.05, 0), (0.05, r * 0.88), (fill, r * 0.93), (fill, 0)], 0.04),
                m.matte(m.colour(rng)),
            )
        )
    if rng.random() < 0.8:
        lo, hi = h * 0.15, h * rng.uniform(0.6, 0.8)
        parts.append(
            Part(g.lathe([(lo, r * 1.012), (hi, r * 1.012)], 0), Material(prints.label(rng, 512, 180), 0.6))
        )
    lid, tall = m.any_material(rng), rng.uniform(0.1, 0.4)
    parts.append(Part(g.lathe([(h, 0), (h, r * 1.03), (h + tall, r * 1.02), (h + tall, 0)], 0.05), lid))
    if rng.random() < 0.2:
        parts.append(Part(g.ball(0.12).moved(0, h + tall + 0.1), lid))
    return Thing(parts, standing(rng, 180, 3, 45))


def teapot(rng: Rng) -> Thing:
    """Teapots and coffee pots: belly, spout, handle, lid with a knob."""
    r, h = rng.uniform(0.6, 0.9), rng.uniform(0.8, 1.6)
    skin = painted(rng) if rng.random() < 0.7 else m.metal(rng)
    other = skin if rng.random() < 0.6 else m.any_material(rng)
    solid = (
        other
        if other.texture.size < 20
        else m.Material(m.plain(other.texture.mean(axis=(0, 1))), other.rough, other.shine, other.metal)
    )
    line = g.smooth(
        [(0.0, r * 0.6), (h * 0.3, r), (h * 0.6, r * 0.95), (h * 0.9, r * 0.55), (h, r * 0.5)], 18
    )
    parts = [Part(g.lathe(np.concatenate([[(0, 0)], line, [(h, 0)]]), 0), skin)]
    spout = g.smooth(
        [(-r * 0.8, h * 0.3, 0), (-r * 1.3, h * 0.45, 0), (-r * 1.5, h * 0.8, 0), (-r * 1.8, h * 0.98, 0)], 18
    )
    parts.append(Part(g.tube(spout, np.linspace(0.2, 0.08, 18), 12), solid))
    if rng.random() < 0.7:
        path = [
            (r * 0.75, h * 0.82, 0),
            (r * 1.4, h * 0.85, 0),
            (r * 1.55, h * 0.5, 0),
            (r * 0.9, h * 0.2, 0),
        ]
    else:
        path = [(-r * 0.6, h * 0.8, 0), (-r * 0.5, h * 1.6, 0), (r * 0.5, h * 1.6, 0), (r * 0.6, h * 0.8, 0)]
    parts.append(Part(g.tube(g.smooth(path, 24), rng.uniform(0.05, 0.1), 10), solid))
    lid = [(h, 0), (h, r * 0.52), (h + 0.08, r * 0.45), (h + 0.16, 0.08), (h + 0.3, 0.1), (h + 0.34, 0)]
    parts.append(Part(g.lathe(lid, 0.03), solid))
    return Thing(parts, standing(rng, 35, 5, 30))


def glassware(rng: Rng) -> Thing:
    """Wine glasses, tumblers and carafes, empty or filled."""
    stem = rng.random() < 0.6
    r, h = rng.uniform(0.35, 0.6), rng.uniform(0.6, 1.3)
    base = rng.uniform(0.4, 0.9) if stem else 0.0
    skin = m.glass(rng)
    bowl = g.smooth(
        [
            (base, 0.05),
            (base + h * 0.12, r * 0.7),
            (base + h * 0.45, r * 1.05),
            (base + h, r * rng.uniform(0.75, 1.1)),
        ],
        16,
    )
    if not stem:
        bowl = np.array([(0, 0), (0, r * 0.85), (h * 1.2, r), (h * 1.2, r * 0.96), (0.1, r * 0.8), (0.1, 0)])
    parts = [Part(g.lathe(bowl, 0.02), skin)]
    if stem:
        parts.append(
            Part(g.lathe([(0, 0), (0, r * 0.85), (0.03, r * 0.8), (0.08, 0.06), (base, 0.05)], 0.02), skin)
        )
    if rng.random() < 0.5:
        level = base + h * rng.uniform(0.4, 0.6)
        wine = (
            [(base + 0.05, 0), (base + h * 0.14, r * 0.66), (level, r * 0.98), (level, 0)]
            if stem
            else [(0.11, 0), (0.11, r * 0.8), (h * 0.8, r * 0.9), (h * 0.8, 0)]
        )
        parts.append(
            Part(
                g.lathe(wine, 0.02),
                m.plastic(m.hsv(float(rng.choice([0.97, 0.1, 0.14])), 0.85, rng.uniform(0.25, 0.9)), 0.1),
            )
        )
    return Thing(parts, standing(rng, 30, 2, 30))


def cutlery(rng: Rng) -> Thing:
    """Spoons, forks, spatulas and ladles, lying flat."""
    handle_len, w = rng.uniform(1.4, 2.2), rng.uniform(0.05, 0.1)
    skin = (
        m.metal(rng, int(rng.choice([0, 1, 2, 5])))
        if rng.random() < 0.6
        else (m.wood(rng) if rng.random() < 0.6 else m.plastic(m.colour(rng)))
    )
    path = g.smooth(
        [(0, 0, 0), (0, handle_len * 0.3, 0.06), (0, handle_len * 0.7, 0.02), (0, handle_len, 0.03)], 20
    )
    wide = w * (1 + 0.8 * np.linspace(1, 0, 20) ** 3)
    parts = [Part(g.tube(path, wide, 8, flat=0.45), skin)]
    if rng.random() < 0.5:
        bowl = g.ball(rng.uniform(0.2, 0.32), rng.uniform(0.3, 0.42), 0.1)
        parts.append(Part(bowl.moved(0, handle_len + 0.25, 0.03), skin))
    else:
        tines = int(rng.integers(2, 5))
        span = rng.uniform(0.2, 0.34)
        for k in range(tines):
            x = (k / max(tines - 1, 1) - 0.5) * span
            tine = [
                (x * 0.5, handle_len - 0.03, 0.03),
                (x, handle_len + 0.14, 0.05),
                (x, handle_len + 0.34, 0.0),
                (x, handle_len + 0.6, 0.06),
            ]
            parts.append(Part(g.tube(g.smooth(tine, 12), np.linspace(0.045, 0.025, 12), 6, flat=0.6), skin))
    return Thing(parts, lying(rng))


def pan(rng: Rng) -> Thing:
    """Pans and pots with long or loop handles."""
    r, h = rng.uniform(0.6, 1.0), rng.uniform(0.2, 0.9)
    skin = m.metal(rng) if rng.random() < 0.5 else m.plastic(m.colour(rng), 0.35)
    inside = m.plastic(m.linear((28, 28, 30)), 0.5) if rng.random() < 0.6 else skin
    parts = [
        Part(g.lathe([(0, 0), (0, r * 0.85), (h, r), (h, r * 0.96)], 0.05), skin),
        Part(g.lathe([(h, r * 0.97), (0.06, r * 0.82), (0.06, 0)], 0.05), inside),
    ]
    grip = m.plastic(m.colour(rng), 0.5) if rng.random() < 0.6 else m.wood(rng)
    if rng.random() < 0.65:
        path = [(r * 0.95, h * 0.8, 0), (r * 1.4, h * 0.95, 0), (r * 2.3, h * 1.05, 0)]
        parts.append(Part(g.tube(g.smooth(path, 12), np.linspace(0.06, 0.1, 12), 10, flat=0.7), grip))
    else:
        for s in (1, -1):
            loop = [
                (s * r * 0.96, h * 0.8, 0.25),
                (s * r * 1.25, h * 0.85, 0.22),
                (s * r * 1.25, h * 0.85, -0.22),
                (s * r * 0.96, h * 0.8, -0.25),
            ]
            parts.append(Part(g.tube(g.smooth(loop, 16), 0.05, 8), grip))
    return Thing(parts, standing(rng, 70, 15, 75))


def tube(rng: Rng) -> Thing:
    """A cosmetics tube that stands on its cap, printed."""
    w, h = rng.uniform(0.35, 0.55), rng.uniform(1.3, 2.0)
    rows = []
    for t in np.linspace(0, 1, 10):
        a = np.linspace(0, 2 * np.pi, 41)
        flat = 1 - 0.97 * t**1.3
        rows.append(
            np.column_stack(
                [(w * (1 + 0.12 * t)) * np.sin(a), np.full(41, 0.3 + h * t), w * flat * np.cos(a)]
            )
        )
    body = g.sheet(np.array(rows[::-1], np.float32), wrap=True)
    art = prints.label(rng, 256, 256)
    parts = [Part(body.tiled(2, 1), Material(art, float(rng.uniform(0.15, 0.5)), 0.045))]
    cap = m.metal(rng) if rng.random() < 0.3 else m.plastic(m.colour(rng), 0.3)
    parts.append(Part(g.cylinder(w * rng.uniform(0.7, 1.0), 0.34), cap))
    return Thing(parts, standing(rng, 40, 0, 20) if rng.random() < 0.7 else lying(rng))
