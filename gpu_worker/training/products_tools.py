"""Tools and frames: hammers, brushes, spanners, keys, scissors, racks, and bodies put together at random."""

from __future__ import annotations

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training.products_home import frame_material
from gpu_worker.training.products_material import Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def hammer(rng: Rng) -> Thing:
    """Hammers, axes, brushes, screwdrivers: a head on a grip."""
    long, kind = rng.uniform(1.2, 1.8), rng.random()
    grip = m.wood(rng) if rng.random() < 0.5 else m.plastic(m.colour(rng), 0.4)
    t = np.linspace(0, 1, 14)
    stick = g.tube(
        np.column_stack([0.03 * np.sin(6 * t), long * t, 0 * t]),
        0.07 * (1.25 - 0.4 * np.sin(np.pi * t)),
        10,
        flat=0.75,
    )
    metal = m.metal(rng, int(rng.choice([0, 1, 4, 5])))
    if kind < 0.35:
        face = g.cylinder(rng.uniform(0.12, 0.18), 0.3, 0.04).turned("z", -90).moved(0.06, long - 0.1)
        claw = [(-0.05, long - 0.1, 0), (-0.3, long - 0.08, 0), (-0.55, long - 0.28, 0)]
        heads = [face, g.box(0.2, 0.22, 0.18, 0.04).moved(0, long - 0.1)]
        heads += [
            g.tube(g.smooth([(x, y, z + s) for x, y, z in claw], 10), np.linspace(0.08, 0.03, 10), 8)
            for s in (-0.06, 0.06)
        ]
        return Thing([Part(stick, grip), Part(g.joined(heads), metal)], lying(rng, 35))
    if kind < 0.55:
        blade = g.tube([(0, long, 0), (0, long + rng.uniform(0.6, 1.2), 0)], rng.uniform(0.03, 0.05), 8)
        return Thing(
            [Part(stick.scaled(1.6, 0.7, 1.6).moved(0, long * 0.3), grip), Part(blade, metal)], lying(rng, 35)
        )
    w, tall = rng.uniform(0.12, 0.45), rng.uniform(0.3, 0.6)
    ferrule = g.box(2 * w, 0.2, 0.2, 0.04).moved(0, long + 0.08)
    hair = m.fur(m.hsv(0.09, rng.uniform(0.1, 0.7), rng.uniform(0.15, 0.95)))
    tuft = g.box(1.9 * w, tall, 0.18, 0.08).moved(0, long + 0.15 + tall / 2).tiled(1.5, 0.2)
    return Thing([Part(stick, grip), Part(ferrule, metal), Part(tuft, hair)], lying(rng, 35))


def wrench(rng: Rng) -> Thing:
    """Spanners: an open jaw at one end, a ring at the other."""
    metal = m.metal(rng) if rng.random() < 0.75 else m.plastic(m.colour(rng), 0.4)
    long, w, r = rng.uniform(0.7, 1.3), rng.uniform(0.07, 0.14), rng.uniform(0.2, 0.32)
    jaw = [
        (0.0, long + 0.02),
        (0.09, long + 0.02),
        (0.13, long + 0.25),
        (r, long + 0.16),
        (r * 1.05, long - 0.1),
    ]
    grip = [(w, long - 0.36), (w, -long + 0.36)]
    ring = [(r, -long + 0.1), (r * 0.9, -long - 0.15), (0, -long - 0.24)]
    hole = g.circle(r * rng.uniform(0.35, 0.6), 0, -long, 24)
    body = g.extrude([g.mirrored([*jaw, *grip, *ring], 150, 0.05), hole], rng.uniform(0.08, 0.18), 0.025)
    return Thing([Part(body, metal)], lying(rng, 35))


def key(rng: Rng) -> Thing:
    """Keys and openers: a bow with a hole, a blade with teeth."""
    metal = m.metal(rng) if rng.random() < 0.75 else m.plastic(m.colour(rng), 0.4)
    r = rng.uniform(0.35, 0.5)
    teeth = np.cumsum(np.full(6, 0.11))
    bow = g.circle(r, 0, 0.75, 40, tall=rng.uniform(0.7, 1))
    hole = g.circle(r * rng.uniform(0.3, 0.65), 0, 0.8, 28, tall=0.7)
    blade = (
        [(-0.1, 0.5), (-0.1, -1.0), (0.0, -1.1)]
        + [(0.08 + (0.1 if k % 2 else 0.0) * rng.uniform(0.4, 1), -1.0 + t) for k, t in enumerate(teeth)]
        + [(0.12, 0.5)]
    )
    parts = [g.extrude([bow, hole], 0.1, 0.02), g.extrude([g.dense(g.vec(blade), 60)], 0.1, 0.02)]
    return Thing([Part(g.joined(parts), metal)], lying(rng, 35))


def scissors(rng: Rng) -> Thing:
    """Scissors, shears and pliers, half open."""
    grips, blades = [], []
    for s in (-1, 1):
        lean = s * rng.uniform(6, 20)
        blade = g.extrude(
            [g.dense(g.vec([(-0.09, 0), (0.09, 0), (0.07, 0.6), (0.0, 1.3), (-0.05, 0.6)]), 50)],
            0.04,
            0.01,
        )
        blades.append(blade.turned("z", lean).moved(0, 0, s * 0.025))
        eye = g.circle(0.24, s * 0.22, -0.85, 30, tall=rng.uniform(1.1, 1.5))
        grips.append(g.tube(np.column_stack([eye, 0 * eye[:, 0]]), 0.06, 8, closed=True))
        grips.append(g.tube([(0, 0, 0), (s * 0.12, -0.56, 0)], 0.06, 8))
    rivet = g.extrude([g.circle(0.05, count=16)], 0.14, 0.02)
    return Thing(
        [
            Part(g.joined([*blades, rivet]), m.metal(rng, 0)),
            Part(g.joined(grips), m.plastic(m.colour(rng), 0.35)),
        ],
        lying(rng, 35),
    )


def composition(rng: Rng) -> Thing:
    """One to eight bodies put together at random: gadgets, toys, machine parts that have no name."""
    skins = [m.any_material(rng) for _ in range(int(rng.integers(1, 4)))]
    parts: list[Part] = []
    for _ in range(int(rng.integers(1, 9))):
        a, b, c = rng.uniform(0.15, 0.8, 3)
        mesh = [
            lambda a=a, b=b, c=c: g.box(2 * a, 2 * b, 2 * c, float(rng.uniform(0.02, 0.2))),
            lambda a=a, b=b, c=c: g.cylinder(a, 2 * b, 0.05).moved(0, -b),
            lambda a=a, b=b, c=c: g.lathe([(-b, 0), (-b, a), (b, a * rng.uniform(0, 0.8)), (b, 0)], 0.04),
            lambda a=a, b=b, c=c: g.ring(a, 0.3 * b + 0.03).turned("x", rng.uniform(0, 90)),
            lambda a=a, b=b, c=c: g.ball(a, b, c),
            lambda a=a, b=b, c=c: g.tube(g.smooth(rng.uniform(-1, 1, (4, 3)), 20), 0.25 * a + 0.02, 8),
            lambda a=a, b=b, c=c: g.extrude([_star(rng, a + 0.2)], 0.5 * b + 0.05, 0.03),
        ][int(rng.integers(7))]()
        mesh = mesh.turned("xyz"[int(rng.integers(3))], float(rng.choice([0, 0, 90, 45, 20])))
        if parts:
            # Its middle goes a little out of some point of what is there, so that they hold together.
            root = parts[int(rng.integers(len(parts)))].mesh
            at = int(rng.integers(len(root.points)))
            out = 0.35 * float(np.abs(mesh.points).max()) * root.normals[at]
            mesh = mesh.moved(*(root.points[at] + out))
        parts.append(Part(mesh, skins[int(rng.integers(len(skins)))]))
    return Thing(parts, standing(rng, 180, 0, 45))


def _star(rng: Rng, r: float) -> g.Floats:
    """A closed outline with lobes, teeth or points."""
    t = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    wave = np.cos(int(rng.integers(2, 13)) * t)
    k = r * (0.75 + rng.uniform(0.05, 0.25) * (wave if rng.random() < 0.5 else np.clip(wave * 3, -1, 1)))
    return np.column_stack([k * np.cos(t), k * np.sin(t)]).astype(np.float32)


def rack(rng: Rng) -> Thing:
    """Wire racks, stands, hangers and bird cages: many thin rods with air between."""
    metal = frame_material(rng) if rng.random() < 0.5 else m.metal(rng)
    thick = rng.uniform(0.015, 0.045)
    w, h, d = rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.3), rng.uniform(0.3, 0.6)
    if rng.random() < 0.3:
        hook = [(0, 0.25, 0), (0.02, 0.4, 0), (0.16, 0.5, 0), (0.1, 0.66, 0), (-0.08, 0.6, 0)]
        bow = g.smooth([(-1.0, -0.25, 0), (-0.5, 0.05, 0), (0, 0.25, 0), (0.5, 0.05, 0), (1.0, -0.25, 0)], 24)
        wires = [
            g.tube(bow, thick * 1.6, 8),
            g.tube(g.smooth(hook, 18), thick, 8),
            g.tube([(-0.95, -0.25, 0), (0.95, -0.25, 0)], thick * 1.2, 8),
        ]
        return Thing([Part(g.joined(wires), metal)], lying(rng, 25))
    wires = [
        g.tube(g.vec([(-w, y, -d), (w, y, -d), (w, y, d), (-w, y, d)]), thick * 1.3, 6, closed=True)
        for y in np.linspace(0, h, int(rng.integers(2, 5)))
    ]
    wires += [
        g.tube([(x, 0, z), (x, h * rng.uniform(1, 1.1), z)], thick, 6) for x in (-w, w) for z in (-d, d)
    ]
    wires += [
        g.tube([(x, 0, -d), (x, 0, d)], thick * 0.7, 5) for x in np.linspace(-w, w, int(rng.integers(4, 10)))
    ]
    if rng.random() < 0.5:
        wires += [
            g.tube([(x, 0, d), (x, h, d)], thick * 0.7, 5)
            for x in np.linspace(-w, w, int(rng.integers(4, 10)))
        ]
    return Thing([Part(g.joined(wires), metal)], standing(rng, 55, 5, 35))
