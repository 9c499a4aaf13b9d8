"""Bags: totes, handbags, shopping bags, backpacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_home import cloth
from gpu_worker.training.products_material import Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, standing


def bag(rng: Rng) -> Thing:
    """Totes, handbags, shopping bags and pouches with handles that show what lies behind."""
    w, h, d = rng.uniform(0.6, 1.0), rng.uniform(0.5, 1.0), rng.uniform(0.15, 0.4)
    skin = cloth(rng) if rng.random() < 0.7 else Material(prints.label(rng), 0.6, 0.03)
    trim = m.solid(skin) if rng.random() < 0.5 else m.leather(m.colour(rng), rng)
    rows = []
    flare = rng.uniform(0.8, 1.15)
    for t in np.linspace(0, 1, 9):
        k = (1 + (flare - 1) * t) * (0.97 + 0.05 * np.sin(np.pi * t))
        outline = g.circle(1.0, count=48, power=rng.uniform(3.0, 3.4) if t else 3.2)
        outline = np.concatenate([outline, outline[:1]])
        rows.append(
            np.column_stack(
                [outline[:, 0] * w * k, np.full(49, -h + 2 * h * t), outline[:, 1] * d * (1 - 0.75 * t)]
            )
        )
    base = np.array(rows[0])
    rows.insert(0, base * (0.92, 1, 0.9))
    body = g.sheet(np.array(rows, np.float32)[::-1], wrap=True)
    body = replace(
        body,
        uv=np.column_stack([body.points[:, 0] / (2.4 * w) + 0.5, 0.5 - body.points[:, 1] / (2.2 * h)]).astype(
            np.float32
        ),
    )
    parts = [Part(body, skin)]
    reach, wide, thick = rng.uniform(0.4, 1.1), w * rng.uniform(0.3, 0.65), rng.uniform(0.035, 0.07)
    for z in (d * 0.18, -d * 0.18):
        low = h - rng.uniform(0.05, 0.5)
        path = [
            (-wide, low, z),
            (-wide * 0.95, h + 0.5 * reach, z),
            (0, h + reach, z * 0.6),
            (wide * 0.95, h + 0.5 * reach, z),
            (wide, low, z),
        ]
        parts.append(Part(g.tube(g.smooth(path, 30), thick, 8, flat=rng.uniform(0.3, 1)), trim))
    if rng.random() < 0.35:
        flap = g.box(1.7 * w, h * 0.8, 0.05, 0.03).turned("x", 6).moved(0, h * 0.55, d * 0.7)
        parts += [
            Part(flap, skin),
            Part(g.box(0.18, 0.14, 0.06, 0.02).moved(0, h * 0.2, d * 0.8), m.metal(rng)),
        ]
    return Thing(parts, standing(rng, 40, 0, 25))


def backpack(rng: Rng) -> Thing:
    """Backpacks: body, pocket, straps, top loop."""
    w, h, d = rng.uniform(0.55, 0.75), rng.uniform(0.8, 1.1), rng.uniform(0.25, 0.4)
    skin, other = cloth(rng), m.fabric(m.colour(rng), rng)
    body = g.inflate(
        [
            g.mirrored(
                [(0, h), (w * 0.7, h * 0.85), (w, h * 0.2), (w, -h * 0.7), (w * 0.85, -h), (0, -h)], 110
            )
        ],
        d,
        0.35,
    )
    pocket = g.inflate(
        [
            g.mirrored(
                [(0, -0.05), (w * 0.7, -0.08), (w * 0.78, -h * 0.6), (w * 0.65, -h * 0.88), (0, -h * 0.9)], 80
            )
        ],
        d * 0.5,
        0.35,
    ).moved(0, 0, d * 0.75)
    parts = [Part(body, skin), Part(pocket, skin if rng.random() < 0.5 else other)]
    zips = m.solid(m.plastic(m.colour(rng), 0.4))
    arc = [
        (-w * 0.72, 0.15, d * 0.98),
        (-w * 0.5, h * 0.5, d),
        (0, h * 0.66, d * 0.95),
        (w * 0.5, h * 0.5, d),
        (w * 0.72, 0.15, d * 0.98),
    ]
    parts.append(Part(g.tube(g.smooth(arc, 24), 0.02, 6), zips))
    loop = [(-0.16, h * 0.97, 0), (-0.12, h + 0.2, 0), (0.12, h + 0.2, 0), (0.16, h * 0.97, 0)]
    parts.append(Part(g.tube(g.smooth(loop, 16), 0.04, 8), other))
    for s in (-1, 1):
        strap = [
            (s * 0.3, h * 0.9, -d * 0.6),
            (s * w * 0.9, h * 0.5, -d * 1.3),
            (s * w * 1.15, -0.1, -d),
            (s * w * 0.8, -h * 0.8, -d * 0.6),
        ]
        parts.append(Part(g.tube(g.smooth(strap, 20), 0.09, 8, flat=0.4), other))
    return Thing(parts, standing(rng, 50, 0, 20))
