"""Small things worn: watches, rings, necklaces, spectacles."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_material import Material, Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def watch(rng: Rng) -> Thing:
    """Wrist watches: case, dial, hands, crown, strap or bracelet; laid out or closed round a wrist that isn't there."""
    metal, band = m.metal(rng), m.leather(m.colour(rng), rng) if rng.random() < 0.6 else m.metal(rng)
    square = 5.0 if rng.random() < 0.25 else 2.0
    w = rng.uniform(0.22, 0.3)
    case = g.extrude([g.circle(0.42, count=56, power=square)], 0.16, 0.04)
    dial = g.extrude([g.circle(0.35, count=48, power=square)], 0.02, 0.004).moved(0, 0, 0.085)
    face = _dial(rng)
    parts = [
        Part(case, metal),
        Part(dial, Material(face, 0.25, 0.05)),
        Part(g.tube([(0.42, 0, 0), (0.5, 0, 0)], 0.05, 8), metal),
    ]
    if rng.random() < 0.5:
        a = np.linspace(0.35, 2 * np.pi - 0.35, 48)
        path = np.column_stack([0 * a, 0.8 * np.sin(a), -0.8 * 1.0 + 0.8 * np.cos(a)])
        strap = np.stack([path + np.array((s * w, 0, 0)) for s in (-1, 1)], axis=1)
        view = standing(rng, 60, 10, 55)
    else:
        long = rng.uniform(1.0, 1.5)
        y = np.concatenate([np.linspace(-long * 1.1, -0.36, 20), np.linspace(0.36, long, 20)])
        taper = w * (1 - 0.25 * (np.abs(y) - 0.36) / long)
        strap = np.stack(
            [np.column_stack([s * taper, y, -0.12 * (np.abs(y) - 0.3) ** 2]) for s in (-1, 1)], axis=1
        )
        strap = np.concatenate([strap[:20], strap[20:]])
        view = lying(rng, 35)
        parts += [Part(_strap(strap[half]), band) for half in (slice(0, 20), slice(20, 40))]
        return Thing(parts, view)
    return Thing([*parts, Part(_strap(strap), band)], view)


def _strap(edges: g.Floats) -> g.Mesh:
    """A band of some thickness between two edges (K × 2 × 3)."""
    middle, half = edges.mean(axis=1), np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1) / 2
    a = np.linspace(0, 2 * np.pi, 17)
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = g.vec((1, 0, 0))
    up = np.cross(across, along)
    c, s = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.4, np.sign(np.sin(a)) * np.abs(np.sin(a)) ** 0.6
    grid = (
        middle[:, None]
        + half[:, None, None] * across * c[None, :, None]
        + 0.035 * up[:, None] * s[None, :, None]
    )
    cap = np.repeat(middle[:, None], 17, axis=1)
    return g.sheet(np.concatenate([cap[:1], grid, cap[-1:]]).astype(np.float32), wrap=True).tiled(2, 4)


def _dial(rng: Rng) -> m.Floats:
    """A watch face with hour marks, hands and a name."""
    face = np.empty((192, 192, 3), np.float32)
    face[:] = m.colour(rng)
    ink = tuple(float(c) for c in prints.contrast(rng, face[0, 0]))
    for k in range(12):
        a = k * np.pi / 6
        one, two = ((round(96 + r * np.sin(a)), round(96 - r * np.cos(a))) for r in (74, 86))
        cv2.line(face, one, two, ink, 4, cv2.LINE_AA)
    for long, thick in ((44, 6), (66, 4)):
        a = rng.uniform(0, 2 * np.pi)
        cv2.line(
            face,
            (96, 96),
            (round(96 + long * np.sin(a)), round(96 - long * np.cos(a))),
            ink,
            thick,
            cv2.LINE_AA,
        )
    if rng.random() < 0.4:
        cv2.circle(face, (96, 134), 16, ink, 2, cv2.LINE_AA)
    return face


def _stone(rng: Rng) -> Material:
    """A cut stone or glass bead."""
    return Material(m.plain(m.hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.5, 1))), 0.0, 0.25)


def ring(rng: Rng) -> Thing:
    """Finger rings and bangles, with or without a stone."""
    metal, r, thick = m.metal(rng, int(rng.integers(5))), 0.7, rng.uniform(0.04, 0.14)
    parts = [Part(g.ring(r, thick, flat=rng.uniform(0.5, 2.2), count=56).turned("x", 90), metal)]
    if rng.random() < 0.65:
        size = rng.uniform(0.12, 0.3)
        cut = [(-size, 0.02), (0, size), (0.4 * size, size * 0.65), (0.42 * size, 0)]
        gem = g.lathe(cut, 0, int(rng.choice([6, 8, 12]))).moved(0, r + size * 0.8)
        seat = g.ring(size * 0.9, 0.03, count=24).moved(0, r + size * 0.7)
        parts += [Part(gem, _stone(rng)), Part(seat, metal)]
    return Thing(parts, standing(rng, 70, 0, 45))


def earrings(rng: Rng) -> Thing:
    """A pair of hoops or drops."""
    metal, tilt = m.metal(rng, int(rng.integers(5))), rng.uniform(-60, 60, 2)
    hook = g.tube(g.smooth([(0, 0.6, 0), (0, 0.8, 0), (0.08, 0.92, 0), (0.16, 0.8, 0)], 12), 0.022, 6)
    hoop = g.ring(0.6, rng.uniform(0.03, 0.12), flat=rng.uniform(0.6, 2)).turned("x", 90)
    tall = rng.uniform(0.3, 0.6)
    drop = g.ball(rng.uniform(0.15, 0.4), tall, 0.12, 12).moved(0, 0.62 - tall)
    hang, skin = (hoop, metal) if rng.random() < 0.6 else (drop, _stone(rng))
    pairs = zip((-0.75, 0.75), tilt, strict=True)
    parts = [
        Part(mesh.turned("y", t).moved(x), s) for x, t in pairs for mesh, s in ((hook, metal), (hang, skin))
    ]
    return Thing(parts, lying(rng, 20))


def necklace(rng: Rng) -> Thing:
    """Chains and strings of beads, often with a pendant."""
    metal, stone = m.metal(rng, int(rng.integers(5))), _stone(rng)
    a = np.linspace(0.15, 2 * np.pi - 0.15, 60)
    drop = rng.uniform(0.8, 1.5)
    path = np.column_stack([0.8 * np.sin(a) * (1 - 0.2 * np.cos(a)), np.cos(a) * drop, 0.04 * np.sin(5 * a)])
    if rng.random() < 0.5:
        chain = g.joined([g.ball(0.07, detail=7).moved(*p) for p in path[:: int(rng.integers(1, 3))]])
        skin = Material(m.plain(m.colour(rng)), 0.15, 0.08) if rng.random() < 0.6 else metal
    else:
        chain, skin = g.tube(path, rng.uniform(0.018, 0.04), 6), metal
    parts = [Part(chain, skin)]
    if rng.random() < 0.7:
        low = path[np.argmin(path[:, 1])]
        pendant = g.ball(0.16, 0.22, 0.08, 12).moved(low[0], low[1] - 0.2, 0)
        parts.append(Part(pendant, stone if rng.random() < 0.5 else metal))
    return Thing(parts, lying(rng, 25))


def spectacles(rng: Rng) -> Thing:
    """Reading glasses, sunglasses and goggles: two rims, lenses, bridge, folded or open temples."""
    w, tall, power = rng.uniform(0.36, 0.46), rng.uniform(0.65, 1.0), rng.choice([2.0, 2.6, 3.5, 5.0])
    gap, thick = rng.uniform(0.08, 0.16), rng.uniform(0.018, 0.065)
    metal = m.metal(rng) if thick < 0.03 else m.plastic(m.colour(rng), float(rng.uniform(0.05, 0.4)))
    dark = rng.random() < 0.55
    lens = (
        Material(
            m.plain(m.hsv(rng.random(), 0.5, rng.uniform(0.05, 0.35))),
            0.02,
            0.1,
            opaque=float(rng.uniform(0.75, 1)),
        )
        if dark
        else Material(m.plain(m.linear((230, 236, 238))), 0.02, 0.06, opaque=float(rng.uniform(0.12, 0.3)))
    )
    frame, panes, goggles = [], [], rng.random() < 0.06
    for s in (-1, 1):
        edge = g.circle(w, s * (w + gap), count=44, tall=tall, power=power)
        edge[:, 1] -= 0.12 * np.float32(np.clip((edge[:, 0] * s - w) / w, -1, 1)) * rng.uniform(-0.5, 1)
        frame.append(g.tube(np.column_stack([edge, 0 * edge[:, 0]]), thick, 8, closed=True))
        panes.append(g.extrude([edge], 0.012, 0.003))
        hinge = (s * (2 * w + gap), 0.15 * tall, 0)
        if not goggles:
            arm = [
                hinge,
                (s * (2 * w + gap + 0.05), 0.16 * tall, -0.1),
                (s * (2 * w + gap), 0.12 * tall, -1.0),
                (s * (2 * w + gap - 0.05), -0.2, -1.35),
            ]
            frame.append(g.tube(g.smooth(arm, 16), max(thick * 0.8, 0.02), 8, flat=1.3))
    bridge = g.smooth([(-gap * 1.1, 0.12, 0), (0, 0.2, 0.04), (gap * 1.1, 0.12, 0)], 9)
    frame.append(g.tube(bridge, thick * 0.9, 8))
    return Thing([Part(g.joined(frame), metal), Part(g.joined(panes), lens)], standing(rng, 50, -5, 35))
