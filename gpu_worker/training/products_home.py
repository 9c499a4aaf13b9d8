"""Home: chairs, tables, lamps, plants, cushions, candles, baskets."""

from __future__ import annotations

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_kitchen import painted
from gpu_worker.training.products_material import Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def frame_material(rng: Rng) -> Material:
    """Wood, metal or lacquer for legs and frames."""
    kind = rng.random()
    return m.wood(rng) if kind < 0.45 else (m.metal(rng) if kind < 0.7 else m.plastic(m.colour(rng), 0.3))


def cloth(rng: Rng) -> Material:
    """Any textile: plain weave, leather, or a printed pattern."""
    kind = rng.random()
    if kind < 0.5:
        return m.fabric(m.colour(rng), rng)
    if kind < 0.65:
        return m.leather(m.colour(rng), rng)
    weave = m.fabric(m.colour(rng), rng)
    return Material(prints.pattern(rng), 0.95, 0.02, bump=weave.bump, depth=0.25, sheen=0.1)


def legs(rng: Rng, w: float, d: float, h: float, thick: float) -> list[g.Mesh]:
    """Four legs under a board at `h`: straight or splayed, round, square or hairpin."""
    splay, taper = rng.uniform(0, 0.22), rng.uniform(0.45, 1)
    kind = rng.random()
    out = []
    for x in (-w, w):
        for z in (-d, d):
            top, foot = (x, h, z), (x * (1 + splay), 0, z * (1 + splay))
            if kind < 0.55:
                out.append(g.tube(np.linspace(top, foot, 4), thick * np.linspace(1, taper, 4), 8))
            elif kind < 0.8:
                out.append(g.box(thick * 1.8, h, thick * 1.8, 0.01).moved(x, h / 2, z))
            else:
                pin = [(x - 0.1 * np.sign(x), h, z), foot, (x, h, z - 0.15 * np.sign(z))]
                out.append(g.tube(g.bevelled(pin, 0.05), thick * 0.4, 6))
    return out


def chair(rng: Rng) -> Thing:
    """Chairs, stools and armchairs: seat, legs, a back of slats, a panel or a hoop."""
    w, d, seat = rng.uniform(0.42, 0.62), rng.uniform(0.4, 0.58), rng.uniform(0.8, 1.1)
    thick = rng.uniform(0.035, 0.07)
    wood, soft = frame_material(rng), cloth(rng) if rng.random() < 0.5 else m.any_material(rng)
    round_ = rng.random() < 0.25
    plate = (
        g.cylinder(w, 0.1, 0.04).moved(0, seat)
        if round_
        else g.box(2 * w, rng.uniform(0.06, 0.22), 2 * d, 0.05).moved(0, seat + 0.05)
    )
    frame = legs(rng, w * (0.6 if round_ else 0.85), d * (0.6 if round_ else 0.85), seat, thick)
    if rng.random() < 0.4:
        y = seat * rng.uniform(0.25, 0.5)
        frame += [
            g.tube([(s * w * 0.9, y, -d * 0.9), (s * w * 0.9, y, d * 0.9)], thick * 0.6, 6) for s in (-1, 1)
        ]
    if rng.random() < 0.8:
        frame += _back(rng, w, d, seat, thick)
    if rng.random() < 0.25:
        for s in (-1, 1):
            arm = [
                (s * w, seat, d * 0.8),
                (s * w * 1.05, seat + 0.4, d * 0.75),
                (s * w * 1.05, seat + 0.42, -d * 0.85),
            ]
            frame.append(g.tube(g.bevelled(arm, 0.12), thick * 0.9, 8))
    return Thing([Part(plate.tiled(2, 2), soft), Part(g.joined(frame), wood)], standing(rng, 60, 4, 28))


def _back(rng: Rng, w: float, d: float, seat: float, thick: float) -> list[g.Mesh]:
    """A chair's back over its seat."""
    tall, lean = rng.uniform(0.7, 1.2), rng.uniform(0, 0.2)
    posts = [
        g.tube([(s * w * 0.9, seat, -d * 0.88), (s * w * 0.9, seat + tall, -d * 0.9 - lean)], thick, 8)
        for s in (-1, 1)
    ]
    top = (seat + tall, -d * 0.9 - lean)
    kind = rng.random()
    if kind < 0.35:
        rails = []
        for k in range(int(rng.integers(2, 5))):
            t = 0.95 - 0.24 * k
            bow = [
                (-w * 0.9, seat + tall * t, -d * 0.9 - lean * t),
                (0, seat + tall * t, -d - lean * t - 0.05),
                (w * 0.9, seat + tall * t, -d * 0.9 - lean * t),
            ]
            rails.append(g.tube(g.smooth(bow, 9), thick * 1.3, 8, flat=0.5))
        return posts + rails
    if kind < 0.65:
        rods = [
            g.tube([(x, seat, -d * 0.88), (x, *top)], thick * 0.5, 6)
            for x in np.linspace(-w * 0.75, w * 0.75, int(rng.integers(4, 9)))
        ]
        return [*posts, *rods, g.tube([(-w * 0.95, *top), (w * 0.95, *top)], thick * 1.2, 8)]
    panel = g.box(1.8 * w, tall * rng.uniform(0.4, 0.9), 0.08, 0.04).turned(
        "x", -float(np.degrees(lean / tall))
    )
    return [*posts, panel.moved(0, seat + tall * 0.6, -d * 0.9 - lean * 0.6)]


def table(rng: Rng) -> Thing:
    """Tables, desks and side tables: a board on legs or a foot, now and then a shelf or drawers."""
    w, d, h = rng.uniform(0.5, 1.4), rng.uniform(0.4, 0.7), rng.uniform(0.6, 1.2)
    board, frame = m.any_material(rng) if rng.random() < 0.4 else m.wood(rng), frame_material(rng)
    round_ = rng.random() < 0.35
    top = (
        g.cylinder(w * 0.8, 0.07, 0.02, 48).moved(0, h)
        if round_
        else g.box(2 * w, 0.08, 2 * d, 0.02).moved(0, h + 0.03)
    )
    if rng.random() < 0.25:
        foot = g.lathe([(0, 0), (0, 0.4 * w), (0.05, 0.35 * w), (0.12, 0.06), (h, 0.06), (h, 0)], 0.03)
        return Thing([Part(top, board), Part(foot, frame)], standing(rng, 50, 5, 30))
    k = 0.55 if round_ else 0.88
    under = legs(rng, w * k, (w if round_ else d) * k, h, rng.uniform(0.03, 0.07))
    parts = [Part(top.tiled(2, 1), board), Part(g.joined(under), frame)]
    if not round_ and rng.random() < 0.45:
        tall = rng.uniform(0.15, 0.3)
        parts.append(Part(g.box(1.75 * w, tall, 1.7 * d, 0.01).moved(0, h - tall / 2), board))
        parts += [
            Part(g.ball(0.03).moved(x, h - tall / 2, d * 0.87), m.metal(rng)) for x in (-w * 0.4, w * 0.4)
        ]
    if rng.random() < 0.3:
        parts.append(Part(g.box(1.7 * w, 0.04, 1.7 * d, 0.01).moved(0, h * 0.3), board))
    return Thing(parts, standing(rng, 60, 5, 30))


def lamp(rng: Rng) -> Thing:
    """Table, desk and floor lamps."""
    metal = m.metal(rng) if rng.random() < 0.6 else m.any_material(rng)
    shade = m.fabric(m.colour(rng), rng) if rng.random() < 0.5 else m.any_material(rng)
    foot = g.lathe([(0, 0), (0, 0.42), (0.06, 0.38), (0.1, 0.08), (0.1, 0)], 0.03)
    if rng.random() < 0.45:
        elbow, tip = (-0.35, 0.9, 0), (rng.uniform(0.2, 0.7), rng.uniform(1.2, 1.7), 0)
        arm = [
            g.tube([(0, 0.08, 0), elbow], 0.035, 8),
            g.tube([elbow, tip], 0.03, 8),
            g.ball(0.07, detail=10).moved(*elbow),
        ]
        cone = g.lathe([(0.1, 0.08), (0.02, 0.12), (-0.45, 0.38), (-0.45, 0.36), (0.0, 0.1)], 0.02)
        head = cone.turned("z", rng.uniform(-10, 50)).moved(*tip)
        return Thing([Part(g.joined([foot, *arm]), metal), Part(head, shade)], standing(rng, 60, 2, 25))
    h, r, k = rng.uniform(0.7, 2.4), rng.uniform(0.4, 0.75), rng.uniform(0.45, 1.0)
    if rng.random() < 0.5:
        line = g.smooth(
            np.column_stack([np.linspace(0.05, h, 7), [0.2, *rng.uniform(0.06, 0.35, 4), 0.1, 0.05]]), 24
        )
        stem = [Part(g.lathe(line, 0), painted(rng))]
    else:
        stem = [Part(g.tube([(0, 0.05, 0), (0, h, 0)], rng.uniform(0.025, 0.06), 8), metal)]
    tall = rng.uniform(0.5, 0.9)
    drum = g.lathe(
        [(h - 0.15, r), (h - 0.15 + tall, r * k), (h - 0.15 + tall, r * k - 0.02), (h - 0.15, r - 0.02)], 0.01
    )
    return Thing([Part(foot, metal), *stem, Part(drum.tiled(3, 2), shade)], standing(rng, 60, 0, 25))


def plant(rng: Rng) -> Thing:
    """A vase or pot, often with leaves or flowers."""
    h, r = rng.uniform(0.6, 1.5), rng.uniform(0.35, 0.6)
    line = g.smooth(
        np.column_stack(
            [np.linspace(0, h, 5), r * np.array([0.7, *rng.uniform(0.5, 1.3, 3), rng.uniform(0.4, 1.1)])]
        ),
        24,
    )
    pot = m.glass(rng) if rng.random() < 0.15 else painted(rng)
    rim = float(line[-1, 1])
    wall = np.concatenate([[(0, 0)], line, [(h, rim - 0.05), (h * 0.6, rim * 0.7)]])
    parts = [Part(g.lathe(wall, 0), pot)]
    if rng.random() < 0.2:
        return Thing(parts, standing(rng, 180, 0, 25))
    if rng.random() < 0.6:
        parts.append(
            Part(g.lathe([(h * 0.9, 0.0), (h * 0.9, rim - 0.04)], 0), m.matte(m.hsv(0.07, 0.6, 0.25)))
        )
    return Thing([*parts, *_leaves(rng, h, rim)], standing(rng, 180, 0, 30))


def _leaves(rng: Rng, h: float, rim: float) -> list[Part]:
    """Stems with leaves or blossoms out of a pot's mouth."""
    green = m.Material(
        prints.pattern(rng, m.hsv(0.3, 0.6, 0.5))
        if rng.random() < 0.15
        else m.plain(m.hsv(rng.uniform(0.2, 0.42), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.65))),
        0.5,
        0.04,
    )
    broad, long, spread = rng.uniform(0.05, 0.3), rng.uniform(0.4, 1.3), rng.uniform(0.2, 0.9)
    leaves, stems, blooms = [], [], []
    for _ in range(int(rng.integers(5, 18))):
        a, out = rng.uniform(0, 2 * np.pi), spread * rng.uniform(0.3, 1)
        way = np.array([np.cos(a), 0, np.sin(a)])
        top = np.array([0, h + long * rng.uniform(0.5, 1), 0]) + way * out * long
        root = np.array([0, h * 0.85, 0]) + way * rim * 0.3
        bend = g.smooth(
            [root, (root + top) / 2 + np.array([0, 0.2 * long, 0]), top, top + way * 0.2 * long * out], 10
        )
        stems.append(g.tube(bend[:7], 0.015, 5))
        t = np.linspace(0, 1, 10)[:, None]
        wide = broad * np.sin(np.pi * np.clip(t * 1.05 - 0.05, 0, 1)) ** 0.8
        aside = np.array([-np.sin(a), 0.0, np.cos(a)])
        leaves.append(
            g.sheet(
                np.stack(
                    [
                        bend - aside * wide + [0, 0.3, 0] * wide,
                        bend,
                        bend + aside * wide + [0, 0.3, 0] * wide,
                    ],
                    1,
                ).astype(np.float32)
            )
        )
        if rng.random() < 0.5:
            blooms.append(g.ball(0.1, 0.08, detail=8).moved(*bend[-1]))
    parts = [Part(g.joined([*leaves, *stems]), green)]
    if blooms and rng.random() < 0.4:
        parts.append(Part(g.joined(blooms), m.matte(m.colour(rng))))
    return parts


def cushion(rng: Rng) -> Thing:
    """Cushions, pillows and poufs."""
    tall, power = rng.uniform(0.6, 1.0), rng.uniform(2.6, 7)
    outline = g.circle(1.0, count=100, tall=tall, power=power)
    outline *= np.float32(
        1 - 0.1 * np.abs(np.sin(2 * np.arctan2(outline[:, 1], outline[:, 0])))[:, None] * -1
    )
    pillow = g.inflate([outline], rng.uniform(0.2, 0.4), 0.45).tiled(*(rng.uniform(1, 3, 2)))
    parts = [Part(pillow, cloth(rng))]
    if rng.random() < 0.4:
        path = np.column_stack([outline, np.zeros(len(outline))])
        parts.append(Part(g.tube(path, 0.025, 6, closed=True), m.fabric(m.colour(rng), rng)))
    return Thing(parts, lying(rng, 40))


def candle(rng: Rng) -> Thing:
    """Candles: pillars, tapers on sticks, in a glass."""
    wax = m.Material(m.plain(m.colour(rng)), 0.5, 0.04, sheen=0.2)
    r, h = rng.uniform(0.3, 0.6), rng.uniform(0.4, 1.6)
    parts = []
    if rng.random() < 0.4:
        parts = [
            Part(
                g.lathe([(0, 0), (0, r * 1.12), (h * 1.25, r * 1.15), (h * 1.25, r * 1.1)], 0.04),
                m.glass(rng),
            )
        ]
        parts.append(
            Part(
                g.lathe([(h * 0.2, r * 1.13), (h * 0.75, r * 1.145)], 0),
                Material(prints.label(rng, 512, 160), 0.6),
            )
        )
    elif rng.random() < 0.5:
        r = 0.1
        stick = g.smooth(
            np.column_stack(
                [[-0.9, -0.85, -0.6, -0.3, -0.05, 0.02], [0.4, 0.35, 0.06, *rng.uniform(0.05, 0.2, 2), 0.14]]
            ),
            20,
        )
        parts = [Part(g.lathe(stick, 0), m.metal(rng))]
    parts += [
        Part(g.cylinder(r, h, 0.04), wax),
        Part(g.tube([(0, h, 0), (0.01, h + 0.12, 0)], 0.015, 6), m.matte(m.linear((20, 20, 20)))),
    ]
    return Thing(parts, standing(rng, 180, 2, 35))


def basket(rng: Rng) -> Thing:
    """Baskets and bins of wicker or cloth, often with two handles."""
    r, h, flare = rng.uniform(0.6, 0.9), rng.uniform(0.5, 1.2), rng.uniform(1.0, 1.3)
    tint = m.hsv(0.09, rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.9))
    weave = m.fabric(tint, rng) if rng.random() < 0.8 else cloth(rng)
    wall = [(0, 0), (0, r), (h, r * flare), (h, r * flare - 0.06), (0.05, r - 0.06), (0.05, 0)]
    parts = [Part(g.lathe(wall, 0.04).tiled(2, 1), weave)]
    for s in (-1, 1) if rng.random() < 0.7 else ():
        path = [
            (s * r * flare * 0.97, h * 0.9, 0.25),
            (s * r * flare, h * 1.25, 0.2),
            (s * r * flare, h * 1.25, -0.2),
            (s * r * flare * 0.97, h * 0.9, -0.25),
        ]
        parts.append(
            Part(
                g.tube(g.smooth(path, 18), 0.045, 8),
                weave if rng.random() < 0.5 else m.leather(m.colour(rng), rng),
            )
        )
    return Thing(parts, standing(rng, 180, 8, 40))
