"""Printed flat-sided goods: cartons, gift boxes, books, clock faces."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_home import frame_material
from gpu_worker.training.products_material import Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def box(rng: Rng) -> Thing:
    """Cartons, tins, gift boxes and packets, printed on every side."""
    w, h, d = rng.uniform(0.4, 1.4, 3) * (1, 1.2, rng.choice([0.3, 0.8]))
    page = np.concatenate(
        [
            prints.label(rng, 256, 256),
            prints.label(rng, 256, 256, m.colour(rng)),
            np.broadcast_to(m.colour(rng), (256, 256, 3)),
        ],
        1,
    )
    kind = rng.random()
    skin = Material(page.astype(np.float32), float(rng.uniform(0.15, 0.7)), 0.04)
    if kind < 0.15:
        skin = m.matte(m.hsv(0.08, 0.4, rng.uniform(0.55, 0.8)))
    parts = [Part(g.box(w, h, d, rng.uniform(0.01, 0.05), atlas=True), skin)]
    if rng.random() < 0.2:
        band = m.plastic(m.colour(rng), 0.3)
        parts.append(Part(g.box(w * 0.12, h * 1.01, d * 1.02, 0.01), band))
        parts += [
            Part(
                g.tube(
                    g.smooth(
                        [(0, h / 2, 0), (s * 0.25, h / 2 + 0.22, 0.02), (s * 0.3, h / 2 + 0.02, 0.02)],
                        14,
                        closed=True,
                    ),
                    0.035,
                    8,
                    closed=True,
                    flat=2,
                ),
                band,
            )
            for s in (1, -1)
        ]
    return Thing(parts, standing(rng, 55, 3, 45))


def book(rng: Rng) -> Thing:
    """Books and notebooks, standing, lying or stacked."""
    parts, y = [], 0.0
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 4))):
        w, h, d = rng.uniform(0.9, 1.2), rng.uniform(1.3, 1.6), rng.uniform(0.08, 0.3)
        turn, cover = (
            rng.uniform(-14, 14),
            Material(prints.label(rng, 192, 256), float(rng.uniform(0.2, 0.7)), 0.04),
        )
        pages = Material(
            m.mixed(m.linear((235, 230, 215)), m.linear((190, 184, 170)), m.noise(2, 64)), 0.9, 0.02
        )
        for mesh, skin in (
            (g.box(w * 0.97, h * 0.97, d * 0.9, 0.005).moved(0.012), pages),
            (g.box(w, h, 0.02, 0.008).moved(0, 0, d / 2), cover),
            (g.box(w, h, 0.02, 0.008).moved(0, 0, -d / 2), cover),
            (g.box(0.02, h, d, 0.008).moved(-w / 2), cover),
        ):
            parts.append(Part(mesh.turned("z", turn).moved(0, 0, y + d / 2), skin))
        y += d
    aside = lying(rng, 60)
    return Thing(parts, aside)


def clock(rng: Rng) -> Thing:
    """Wall clocks, mirrors, plates: a round face in a rim."""
    face = np.empty((256, 256, 3), np.float32)
    face[:] = m.colour(rng)
    ink = tuple(float(c) for c in prints.contrast(rng, face[0, 0]))
    for k in range(12):
        a = k * np.pi / 6
        one, two = ((int(128 + r * np.sin(a)), int(128 - r * np.cos(a))) for r in (96, 110 if k % 3 else 84))
        cv2.line(face, one, two, ink, 4, cv2.LINE_AA)
    for long, thick in ((55, 6), (85, 4)):
        a = rng.uniform(0, 2 * np.pi)
        cv2.line(
            face,
            (128, 128),
            (int(128 + long * np.sin(a)), int(128 - long * np.cos(a))),
            ink,
            thick,
            cv2.LINE_AA,
        )
    if rng.random() < 0.3:
        face = prints.label(rng)
    round_ = rng.uniform(2, 2.1) if rng.random() < 0.75 else 6.0
    plate = g.extrude([g.circle(1.0, count=72, power=round_)], 0.1, 0.02)
    edge = np.column_stack([g.circle(1.02, count=72, power=round_), np.full(72, 0.03)])
    return Thing(
        [
            Part(plate, Material(face, 0.4, 0.04)),
            Part(g.tube(edge, rng.uniform(0.03, 0.14), 10, closed=True), frame_material(rng)),
        ],
        lying(rng, 35),
    )
