"""Devices: phones, laptops, cameras, headphones, cables, toy cars."""

from __future__ import annotations

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_material import BLACK, Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def shell(rng: Rng) -> Material:
    """A device's case."""
    kind = rng.random()
    c = m.linear((235, 235, 233)) if kind < 0.25 else (BLACK if kind < 0.6 else m.colour(rng))
    return m.metal(rng) if rng.random() < 0.2 else m.plastic(c, float(rng.uniform(0.1, 0.6)))


def screen(rng: Rng) -> Material:
    """A display: dark, or lit with a picture."""
    page = m.plain(BLACK * 0.5) if rng.random() < 0.4 else prints.label(rng, 256, 256)
    return Material(page, 0.03, 0.08)


def phone(rng: Rng) -> Thing:
    """Phones, tablets and laptops."""
    kind = rng.random()
    body = shell(rng)
    if kind < 0.35:
        w, d, open_ = 1.0, 0.7, rng.uniform(65, 85)
        base = g.box(2 * w, 0.06, 2 * d, 0.03)
        keys = [
            g.box(0.12, 0.03, 0.1, 0.01).moved(x, 0.035, z)
            for x in np.linspace(-0.8, 0.8, 11)
            for z in np.linspace(-0.5, -0.05, 4)
        ]
        pad = g.box(0.6, 0.01, 0.36, 0.005).moved(0, 0.032, 0.36)
        lid = g.box(2 * w, 2 * d, 0.04, 0.02).moved(0, d).turned("x", open_ - 90).moved(0, 0, -d)
        glass = (
            g.box(1.9 * w, 1.86 * d, 0.01, 0.004).moved(0, d, 0.022).turned("x", open_ - 90).moved(0, 0, -d)
        )
        parts = [
            Part(g.joined([base, lid]), body),
            Part(g.joined(keys), m.plastic(BLACK, 0.5)),
            Part(pad, body),
            Part(glass, screen(rng)),
        ]
        return Thing(parts, standing(rng, 40, 8, 35))
    w, h = (0.48, 1.0) if kind < 0.8 else (0.75, 1.0)
    slab = g.extrude([_rounded(w, h)], 0.1, 0.03)
    glass = g.extrude([_rounded(0.93 * w, 0.95 * h)], 0.01, 0.004).moved(0, 0, 0.05)
    parts = [Part(slab, body), Part(glass, screen(rng))]
    if rng.random() < 0.5:
        plate = g.box(0.36, 0.4, 0.06, 0.03).moved(-w * 0.5, h * 0.72, -0.07)
        lenses = [
            g.extrude([g.circle(0.08, x, y, 24)], 0.1, 0.01).moved(0, 0, -0.08)
            for x, y in ((-w * 0.7, h * 0.8), (-w * 0.3, h * 0.64))
        ]
        parts += [Part(plate, body), Part(g.joined(lenses), m.plastic(BLACK, 0.02))]
        return Thing(
            [Part(p.mesh.turned("y", 180 if rng.random() < 0 else 0), p.material) for p in parts],
            standing(rng, 180, 0, 25),
        )
    return Thing(parts, lying(rng, 50))


def _rounded(w: float, h: float) -> g.Floats:
    """A rectangle's outline, 2 w × 2 h, with round corners."""
    once = g.bevelled([(-w, -h), (w, -h), (w, h), (-w, h)], 0.2, True)
    return g.dense(g.bevelled(once, 0.06, True), 90)


def camera(rng: Rng) -> Thing:
    """Cameras, projectors, speakers and radios: a box with a round front and buttons."""
    w, h, d = rng.uniform(0.7, 1.1), rng.uniform(0.45, 0.8), rng.uniform(0.25, 0.5)
    body, trim = shell(rng), m.leather(BLACK, rng) if rng.random() < 0.5 else m.metal(rng)
    parts = [Part(g.box(2 * w, 2 * h, 2 * d, rng.uniform(0.04, 0.2)), body)]
    if rng.random() < 0.6:
        parts.append(Part(g.box(2.02 * w, h * 1.1, 2.02 * d, 0.05).moved(0, -0.1), trim))
    r, out = min(h * rng.uniform(0.6, 0.95), 0.6), rng.uniform(0.1, 0.8)
    x = rng.uniform(-0.3, 0.3) * w
    rings = [
        (0, 0),
        (0, r),
        (out * 0.4, r),
        (out * 0.42, r * 0.93),
        (out, r * 0.93),
        (out, r * 0.75),
        (out * 0.85, r * 0.7),
    ]
    parts.append(
        Part(
            g.lathe(rings, 0.02).turned("x", 90).moved(x, 0, d),
            m.plastic(BLACK, 0.35) if rng.random() < 0.7 else m.metal(rng),
        )
    )
    parts.append(
        Part(
            g.ball(r * 0.72, r * 0.72, 0.08).moved(x, 0, d + out * 0.85),
            Material(m.plain(m.hsv(0.65, 0.5, 0.12)), 0.02, 0.12),
        )
    )
    if rng.random() < 0.6:
        parts.append(Part(g.box(0.6, 0.3, 0.5, 0.08).moved(x, h + 0.1, 0), body))
    parts += [
        Part(g.cylinder(rng.uniform(0.06, 0.16), 0.1).moved(k * w, h), m.metal(rng)) for k in (-0.7, 0.6)
    ]
    if rng.random() < 0.3:
        strap = [
            (-w, h * 0.7, 0),
            (-w * 1.3, h * 1.5, -0.2),
            (0, h * 2.6, -0.3),
            (w * 1.3, h * 1.5, -0.2),
            (w, h * 0.7, 0),
        ]
        parts.append(Part(g.tube(g.smooth(strap, 36), 0.06, 6, flat=0.3), m.leather(m.colour(rng), rng)))
    return Thing(parts, standing(rng, 50, 0, 25))


def headphones(rng: Rng) -> Thing:
    """Headphones and headsets: two cups on a bow."""
    body, pads = shell(rng), m.leather(m.colour(rng) if rng.random() < 0.3 else BLACK, rng)
    r, w = rng.uniform(0.3, 0.45), rng.uniform(0.75, 0.95)
    a = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 36)
    tall = rng.uniform(0.9, 1.2)
    bow = np.column_stack([w * np.sin(a), tall * np.cos(a), 0 * a])
    parts = [Part(g.tube(bow, rng.uniform(0.04, 0.1), 10, flat=rng.uniform(0.5, 1.8)), body)]
    for s in (-1, 1):
        cup = (
            g.lathe([(0, 0), (0, r), (0.18, r * 0.85), (0.22, 0)], 0.05)
            .turned("z", -90 * s)
            .scaled(1, 1.2, 1)
        )
        pad = g.ring(r * 0.8, 0.13, count=32).turned("z", 90).scaled(1, 1.2, 1)
        lean = rng.uniform(-6, 6)
        parts.append(Part(cup.moved(s * 0.06).turned("z", lean).moved(s * w, -0.15), body))
        parts.append(Part(pad.moved(-s * 0.05).turned("z", lean).moved(s * w, -0.15), pads))
    if rng.random() < 0.4:
        mic = [(-w, -0.2, 0.1), (-w * 0.9, -0.6, 0.5), (-w * 0.5, -0.75, 0.75)]
        parts.append(Part(g.tube(g.smooth(mic, 14), 0.025, 6), body))
    return Thing(parts, standing(rng, 65, -5, 30))


def cable(rng: Rng) -> Thing:
    """Cables, ropes and hoses: coiled or tangled, with plugs."""
    n, turns = 150, rng.uniform(1.5, 4)
    t = np.linspace(0, 1, n)
    a = 2 * np.pi * turns * t
    r = (
        rng.uniform(0.55, 0.8)
        + 0.13 * np.sin(a * rng.uniform(0.2, 0.7) + rng.uniform(0, 6))
        + rng.uniform(-0.1, 0.2) * t
    )
    path = np.column_stack([r * np.cos(a), r * np.sin(a) * rng.uniform(0.6, 1), 0.12 * np.sin(a * 1.3)])
    tail = path[-1] + np.outer(np.linspace(0.05, 1, 12), [rng.uniform(-0.6, 0.6), -rng.uniform(0.3, 1.0), 0])
    path = np.concatenate([path, tail])
    skin = m.plastic(m.colour(rng), 0.4) if rng.random() < 0.7 else m.fabric(m.colour(rng), rng)
    thick = rng.uniform(0.015, 0.06)
    parts = [Part(g.tube(path, thick, 6).tiled(1, 40), skin)]
    for end, before in ((path[-1], path[-3]), (path[0], path[2])):
        way = (end - before) / max(np.linalg.norm(end - before), 1e-6)
        parts.append(
            Part(g.tube([end, end + way * 0.16], thick * 2.4, 8, flat=0.6), m.plastic(m.colour(rng), 0.4))
        )
        parts.append(
            Part(g.tube([end + way * 0.16, end + way * 0.26], thick * 1.5, 6, flat=0.5), m.metal(rng, 0))
        )
    return Thing(parts, lying(rng, 50))


def car(rng: Rng) -> Thing:
    """Toy cars, vans and trains: a body, a cabin, wheels."""
    skin = m.plastic(m.colour(rng), 0.12) if rng.random() < 0.7 else m.wood(rng)
    long, h, d = rng.uniform(0.9, 1.3), rng.uniform(0.25, 0.4), rng.uniform(0.35, 0.5)
    nose, tail, roof = rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.95), h * rng.uniform(1.7, 2.6)
    side = [
        (-long, 0.1),
        (long, 0.1),
        (long, h),
        (long * nose, h * 1.1),
        (long * nose * 0.5, roof),
        (-long * tail * 0.8, roof),
        (-long * tail, h * 1.1),
        (-long, h),
    ]
    body = g.extrude([g.dense(g.bevelled(side, 0.12, True), 110)], 2 * d, 0.08)
    glass = [
        (long * nose * 0.82, h * 1.15),
        (long * nose * 0.45, roof * 0.94),
        (-long * tail * 0.74, roof * 0.94),
        (-long * tail * 0.86, h * 1.15),
    ]
    panes = g.extrude([g.dense(g.bevelled(glass, 0.06, True), 60)], 2 * d + 0.02, 0.01)
    parts = [Part(body, skin), Part(panes, Material(m.plain(m.linear((40, 48, 58))), 0.03, 0.1))]
    r = rng.uniform(0.2, 0.32)
    tyre, hub = m.matte(BLACK), m.metal(rng) if rng.random() < 0.6 else m.plastic(m.colour(rng))
    for x in (-long * 0.6, long * 0.62):
        for z in (-d, d):
            parts.append(
                Part(g.ring(r * 0.72, r * 0.3, flat=1.2, count=28).turned("x", 90).moved(x, 0.08, z), tyre)
            )
            parts.append(
                Part(g.cylinder(r * 0.6, 0.12, 0.02, 20).turned("x", 90).moved(x, 0.08, z - 0.06), hub)
            )
    lights = [g.ball(0.07, detail=8).moved(long, h * 0.75, s * d * 0.7) for s in (-1, 1)]
    parts.append(Part(g.joined(lights), m.plastic(m.linear((250, 240, 190)), 0.05)))
    return Thing(parts, standing(rng, 80, 5, 35))
