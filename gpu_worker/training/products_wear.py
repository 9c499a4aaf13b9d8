"""Textiles worn or folded: shirts, trousers, hats, towels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_print as prints
from gpu_worker.training.products_home import cloth
from gpu_worker.training.products_material import Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, lying, standing


def _garment(rng: Rng, outline: list[g.Floats], thick: float) -> list[Part]:
    """A flat garment with creases and, often, a print on its chest."""
    mesh = g.inflate(outline, thick, 0.3, step=0.045)
    folds = m.noise(int(rng.integers(8)), int(rng.choice([2, 4])), 0.45)
    at = ((mesh.points[:, :2] * 45 + 128) % 255).astype(int)
    z = mesh.points[:, 2] * (1 + rng.uniform(0.2, 1.0) * (folds[at[:, 1], at[:, 0]] - 0.5) * 2)
    bent = g.with_normals(np.column_stack([mesh.points[:, :2], z]).astype(np.float32), mesh.uv, mesh.faces)
    turned = np.where((z < 0)[:, None], bent.normals * (1, 1, -1), bent.normals).astype(np.float32)
    skin = cloth(rng)
    if skin.texture.size > 12 and rng.random() < 0.6:
        skin = replace(skin, texture=np.clip(skin.texture, 0, 1))
        big = np.tile(skin.texture, (2, 2, 1)).copy()
        if rng.random() < 0.6:
            prints.logo(rng, big, (256, 210), float(rng.uniform(30, 80)))
        if rng.random() < 0.5:
            prints.words(
                rng, big, prints.contrast(rng, big.mean(axis=(0, 1))), 290, float(rng.uniform(0.6, 1.4))
            )
        skin = replace(skin, texture=big)
    return [Part(replace(bent, normals=turned), skin)]


def shirt(rng: Rng) -> Thing:
    """T-shirts, jumpers and dresses laid flat."""
    hem, sleeve, w = rng.uniform(0.9, 1.8), rng.uniform(0.3, 1.3), rng.uniform(0.5, 0.62)
    drop = rng.uniform(0.35, 0.75) * sleeve
    neck = rng.uniform(0.12, 0.26)
    side = [
        (0, 0.86 - neck * rng.uniform(0.2, 1.2)),
        (neck, 0.88),
        (w * 0.95, 0.78),
        (w + sleeve * 0.75, 0.78 - drop),
        (w + sleeve * 0.6 - 0.05, 0.5 - drop),
        (w, 0.42),
        (w * rng.uniform(0.9, 1.3), -hem + 0.86),
        (0, -hem + 0.84),
    ]
    return Thing(_garment(rng, [g.mirrored(side, 140, 0.06)], 0.1), lying(rng, 25))


def trousers(rng: Rng) -> Thing:
    """Trousers, shorts and skirts laid flat."""
    leg, w = rng.uniform(0.5, 2.0), rng.uniform(0.4, 0.55)
    cuff = w * rng.uniform(0.6, 1.05)
    side = [
        (0, 0.5),
        (w * 0.9, 0.5),
        (w, 0.0),
        (w * 0.75 + cuff * 0.45, -leg),
        (w * 0.75 - cuff * 0.45, -leg),
        (0.03, -0.08),
        (0, -0.06),
    ]
    if rng.random() < 0.2:
        side = [(0, 0.5), (w * 0.8, 0.5), (w * 1.7, -leg), (0, -leg - 0.08)]
    parts = _garment(rng, [g.mirrored(side, 140, 0.05)], 0.09)
    belt = g.box(1.75 * w, 0.12, 0.14, 0.04).moved(0, 0.44)
    return Thing([*parts, Part(belt, parts[0].material)], lying(rng, 20))


def hat(rng: Rng) -> Thing:
    """Caps, sun hats and beanies."""
    skin, r = cloth(rng), rng.uniform(0.55, 0.7)
    kind = rng.random()
    tall = rng.uniform(0.45, 0.75)
    crown = g.lathe(
        g.smooth([(0, r), (tall * 0.5, r * 0.97), (tall * 0.85, r * 0.7), (tall, 0.02)], 16), 0
    ).tiled(3, 1)
    if kind < 0.45:
        a = np.linspace(-1.25, 1.25, 20)
        inner = np.column_stack([r * np.sin(a), 0.06 - 0.0 * a, r * np.cos(a)])
        out = r + rng.uniform(0.5, 0.75) * np.cos(a * 1.2) ** 0.8
        outer = np.column_stack([out * np.sin(a) * 0.95, -0.08 - 0.1 * np.sin(a) ** 2, out * np.cos(a)])
        brim = g.sheet(np.stack([inner, (inner + outer) / 2 + [0, 0.05, 0], outer]).astype(np.float32))
        return Thing(
            [
                Part(crown, skin),
                Part(brim, m.solid(skin)),
                Part(g.ball(0.05, detail=8).moved(0, tall), m.solid(skin)),
            ],
            standing(rng, 60, 5, 35),
        )
    if kind < 0.75:
        wide = rng.uniform(1.0, 1.7)
        brim = g.lathe([(0, r), (-0.05, r * 1.2), (rng.uniform(-0.2, 0.1), r * wide + 0.2)], 0).tiled(4, 1)
        band = g.lathe([(0.02, r * 1.01), (0.18, r * 1.0)], 0)
        return Thing(
            [Part(crown, skin), Part(brim, skin), Part(band, m.fabric(m.colour(rng), rng))],
            standing(rng, 60, 5, 45),
        )
    cuff = g.lathe([(-0.1, r * 1.0), (-0.1, r * 1.08), (0.2, r * 1.08), (0.2, r)], 0.05).tiled(3, 0.5)
    parts = [Part(crown, skin), Part(cuff, skin)]
    if rng.random() < 0.6:
        parts.append(
            Part(g.ball(rng.uniform(0.15, 0.25)).moved(0, tall + 0.08).tiled(2, 2), m.fur(m.colour(rng)))
        )
    return Thing(parts, standing(rng, 60, 3, 25))


def towel(rng: Rng) -> Thing:
    """Folded towels, blankets and stacks of linen."""
    parts, y = [], 0.0
    w, d = rng.uniform(0.7, 1.0), rng.uniform(0.5, 0.7)
    for _ in range(int(rng.integers(1, 5))):
        skin, folds = cloth(rng), int(rng.integers(2, 5))
        for _ in range(folds):
            t = rng.uniform(0.07, 0.13)
            dx, dz = rng.normal(0, 0.012, 2)
            slab = g.box(2 * w * rng.uniform(0.97, 1.02), t, 2 * d * rng.uniform(0.97, 1.02), t * 0.49)
            parts.append(Part(slab.tiled(2, 2).moved(dx, y + t / 2, dz), skin))
            y += t * 0.97
    return Thing(parts, standing(rng, 50, 8, 45))
