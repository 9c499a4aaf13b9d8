"""Sport and play: balls, dumb-bells, guitars, rackets, wheels, bicycles, soft toys."""

from __future__ import annotations

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_material import BLACK, Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def ball(rng: Rng) -> Thing:
    """Balls, fruit, dumb-bells, baubles."""
    kind = rng.random()
    skin = (
        Material(prints.pattern(rng), float(rng.uniform(0.1, 0.8)), 0.045)
        if rng.random() < 0.5
        else m.any_material(rng)
    )
    if kind < 0.2:
        r, bar = rng.uniform(0.3, 0.5), m.metal(rng)
        sides = int(rng.choice([6, 8, 32]))
        ends = [g.cylinder(r, 0.4, 0.06, sides).turned("z", -90).moved(x) for x in (-0.95, 0.55)]
        return Thing(
            [
                Part(g.tube([(-0.7, 0, 0), (0.7, 0, 0)], 0.09, 10), bar),
                Part(g.joined(ends), m.any_material(rng)),
            ],
            standing(rng, 70, 5, 40),
        )
    tall = rng.uniform(0.75, 1.2) if kind < 0.6 else 1.0
    orb = g.ball(1.0, tall, detail=26).turned("x", rng.uniform(0, 360)).turned("z", rng.uniform(0, 360))
    parts = [Part(orb.tiled(2, 1), skin)]
    if kind < 0.45:
        stem = [(0, tall * 0.95, 0), (0.03, tall + 0.18, 0), (0.1, tall + 0.3, 0)]
        parts = [
            Part(g.ball(1.0, tall, detail=26).tiled(2, 1), skin),
            Part(g.tube(g.smooth(stem, 8), 0.05, 8), m.wood(rng)),
        ]
    return Thing(parts, standing(rng, 90, 5, 40))


def guitar(rng: Rng) -> Thing:
    """Guitars, violins and ukuleles; rackets and bats share their shape."""
    wood, dark = m.wood(rng), m.wood(rng)
    waist, lower = rng.uniform(0.3, 0.5), rng.uniform(0.55, 0.75)
    upper = lower * rng.uniform(0.7, 0.95)
    side = [
        (0, 0.6),
        (upper * 0.75, 0.5),
        (upper, 0.2),
        (waist, -0.15),
        (lower, -0.6),
        (lower * 0.7, -1.05),
        (0, -1.15),
    ]
    outline = g.mirrored(side, 120)
    skin = wood if rng.random() < 0.65 else m.plastic(m.colour(rng), 0.1)
    parts = [Part(g.extrude([outline], rng.uniform(0.1, 0.35), 0.05), skin)]
    parts.append(
        Part(g.extrude([g.circle(0.18, 0, -0.15, 32)], 0.02, 0.004).moved(0, 0, 0.19), m.matte(BLACK))
    )
    parts.append(Part(g.box(0.14, 1.9, 0.08, 0.02).moved(0, 0.9, 0.16), dark))
    parts.append(Part(g.box(0.26, 0.4, 0.07, 0.02).moved(0, 2.0, 0.14), dark))
    parts.append(Part(g.box(0.4, 0.07, 0.06, 0.02).moved(0, -0.7, 0.19), dark))
    pegs = [
        g.tube([(s * 0.13, y, 0.14), (s * 0.22, y, 0.14)], 0.03, 6)
        for s in (-1, 1)
        for y in (1.88, 2.0, 2.12)
    ]
    strings = [g.tube([(x, -0.7, 0.23), (x, 1.9, 0.22)], 0.007, 4) for x in np.linspace(-0.05, 0.05, 4)]
    parts.append(Part(g.joined(pegs + strings), m.metal(rng, 0)))
    return Thing(parts, lying(rng, 25))


def racket(rng: Rng) -> Thing:
    """Rackets: a strung hoop on a grip."""
    frame = g.tube(np.column_stack([g.circle(0.6, 0, 0, 50, tall=1.25), np.zeros(50)]), 0.05, 8, closed=True)
    strings = [
        g.tube(
            [(x, -np.sqrt(1 - (x / 0.6) ** 2) * 0.75, 0), (x, np.sqrt(1 - (x / 0.6) ** 2) * 0.75, 0)],
            0.008,
            4,
        )
        for x in np.linspace(-0.5, 0.5, 11)
    ]
    strings += [
        g.tube(
            [(-np.sqrt(1 - (y / 0.75) ** 2) * 0.6, y, 0), (np.sqrt(1 - (y / 0.75) ** 2) * 0.6, y, 0)],
            0.008,
            4,
        )
        for y in np.linspace(-0.6, 0.6, 13)
    ]
    grip = g.tube([(0, -0.75, 0), (0, -2.0, 0)], 0.07, 10)
    return Thing(
        [
            Part(frame, m.plastic(m.colour(rng), 0.2)),
            Part(g.joined(strings), m.plastic(m.colour(rng))),
            Part(grip, m.leather(m.colour(rng), rng)),
        ],
        lying(rng, 30),
    )


def wheels(rng: Rng) -> Thing:
    """Bicycles and single spoked wheels."""
    tyre, metal, paint = m.matte(BLACK), m.metal(rng, 0), m.plastic(m.colour(rng), 0.1)
    r, spokes = 0.62, int(rng.integers(8, 20))

    def wheel(x: float) -> list[Part]:
        around = g.ring(r, rng.uniform(0.025, 0.06), count=48).turned("x", 90)
        rods = [
            g.tube([(0, 0, 0), (r * np.cos(a), r * np.sin(a), 0)], 0.008, 4)
            for a in np.linspace(0, 2 * np.pi, spokes, endpoint=False)
        ]
        hub = g.cylinder(0.06, 0.16, 0.02, 12).turned("x", 90).moved(0, 0, -0.08)
        rim = g.ring(r - 0.06, 0.02, count=48, sides=6).turned("x", 90)
        return [Part(around.moved(x), tyre), Part(g.joined([*rods, hub, rim]).moved(x), metal)]

    if rng.random() < 0.25:
        return Thing(wheel(0.0), standing(rng, 70, 0, 20))
    parts = wheel(-1.0) + wheel(1.0)
    seat, head, crank = (-0.45, 0.75, 0), (0.7, 0.8, 0), (-0.15, -0.05, 0)
    bars = [
        (seat, head),
        (seat, crank),
        (crank, (0.74, 0.68, 0)),
        (crank, (-1, 0, 0)),
        ((-0.42, 0.68, 0), (-1, 0, 0)),
        ((0.66, 0.95, 0), (1.0, 0, 0)),
        (seat, (-0.5, 0.92, 0)),
    ]
    parts.append(Part(g.joined([g.tube([a, b], 0.035, 8) for a, b in bars]), paint))
    saddle = g.ball(0.22, 0.05, 0.09, 10).moved(-0.5, 0.95)
    bar = g.tube(
        g.smooth([(0.75, 0.98, -0.3), (0.62, 1.02, -0.1), (0.62, 1.02, 0.1), (0.75, 0.98, 0.3)], 14), 0.028, 8
    )
    pedals = [
        g.tube([crank, (-0.15 + dx, -0.05 + dy, z)], 0.025, 6)
        for dx, dy, z in ((0.15, -0.15, 0.12), (-0.15, 0.15, -0.12))
    ]
    parts += [
        Part(saddle, m.leather(BLACK, rng)),
        Part(g.joined([bar, *pedals, g.ring(0.14, 0.02, count=24).turned("x", 90).moved(*crank)]), metal),
    ]
    return Thing(parts, standing(rng, 45, 0, 18))


def plush(rng: Rng) -> Thing:
    """Soft toys: head, body, ears, limbs, eyes, snout."""
    fur = m.fur(m.colour(rng))
    pale = m.fur(m.colour(rng))
    r = rng.uniform(0.45, 0.65)
    body = g.ball(r, r * rng.uniform(0.9, 1.3), r * 0.85).moved(0, 0)
    head_y = r * rng.uniform(1.3, 1.7)
    head = g.ball(r * rng.uniform(0.75, 1.0)).moved(0, head_y, 0.05)
    limbs = [
        g.ball(r * 0.32, r * rng.uniform(0.5, 0.8), r * 0.32, 12)
        .turned("z", s * rng.uniform(30, 70))
        .moved(s * r * 0.95, r * 0.35, 0.1)
        for s in (-1, 1)
    ]
    limbs += [
        g.ball(r * 0.35, r * 0.35, r * rng.uniform(0.5, 0.8), 12).moved(s * r * 0.6, -r * 0.85, r * 0.5)
        for s in (-1, 1)
    ]
    tall = rng.uniform(0.3, 1.1)
    ears = [
        g.ball(r * 0.28, r * tall * 0.7, r * 0.12, 12)
        .turned("z", -s * rng.uniform(5, 35))
        .moved(s * r * 0.55, head_y + r * (0.6 + 0.35 * tall), 0)
        for s in (-1, 1)
    ]
    face = [g.ball(r * 0.38, r * 0.3, r * 0.3, 12).moved(0, head_y - r * 0.25, r * 0.75)]
    eyes = [g.ball(r * 0.1, detail=10).moved(s * r * 0.33, head_y + r * 0.15, r * 0.78) for s in (-1, 1)]
    eyes.append(g.ball(r * 0.13, r * 0.09, r * 0.1, 10).moved(0, head_y - r * 0.12, r * 1.02))
    return Thing(
        [
            Part(g.joined([body, head, *limbs, *ears]).tiled(2, 1), fur),
            Part(g.joined(face).tiled(1, 1), pale),
            Part(g.joined(eyes), m.plastic(BLACK, 0.05)),
        ],
        standing(rng, 50, 0, 25),
    )
