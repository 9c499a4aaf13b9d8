"""Shoes: an upper built from sections along a last, over a sole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training.products_home import cloth
from gpu_worker.training.products_material import Rng
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing, standing


def shoe(rng: Rng) -> Thing:
    """Sneakers, boots, pumps and slippers: an upper over a sole; one or a pair."""
    boot, heel = rng.random() < 0.3, rng.random() < 0.22
    last = _last(rng, boot, heel)
    upper = _upper(last)
    skin = cloth(rng) if rng.random() < 0.6 else m.leather(m.colour(rng), rng)
    thick = float(rng.uniform(0.06, 0.24))
    edge = np.column_stack(
        [np.concatenate([last.t, last.t[::-1]]), np.concatenate([last.half, -last.half[::-1]]) * 1.05]
    )
    sole = g.extrude([g.dense(edge.astype(np.float32), 90)], thick, 0.03).turned("x", 90)
    bent = sole.points.copy()
    bent[:, 1] += np.interp(bent[:, 0], last.t, last.lift) - thick * 0.4
    base = m.plastic(m.colour(rng), 0.6) if rng.random() < 0.5 else m.matte(m.linear((240, 240, 236)))
    parts = [Part(upper, skin), Part(replace(sole, points=bent), base)]
    if heel:
        tall = float(last.lift[1])
        stud = g.lathe([(0, rng.uniform(0.04, 0.2)), (tall, 0.24)], 0).moved(-0.72, -thick * 0.9, 0)
        parts.append(Part(stud, base))
    else:
        parts += _laces(rng, last)
    if rng.random() < 0.5 and not heel:
        x = np.linspace(-0.7, 0.35, 14)
        share = rng.uniform(0.25, 0.4) + rng.uniform(-0.1, 0.35) * (x - 0.1) ** 2
        for side in (-1, 1):
            parts.append(
                Part(
                    g.tube(last.on(g.vec(x), g.vec(share), side), 0.045, 6, flat=0.5),
                    m.plastic(m.colour(rng), 0.4),
                )
            )
    return Thing(_pair(rng, parts, float(last.half.max())), standing(rng, 75, 5, 45))


@dataclass(frozen=True)
class Last:
    """A shoe's form by place `t` from heel (-1) to toe (1): half its width, height, lift of its foot, collar or not."""

    t: g.Floats
    half: g.Floats
    top: g.Floats
    lift: g.Floats
    collar: g.Floats

    def on(self, t: g.Floats, share: g.Floats, side: float) -> g.Floats:
        """Points on the upper's side (K × 3) at `share` of its height."""
        up = share ** (1 / 0.6)
        z = np.interp(t, self.t, self.half) * (1 - 0.3 * up) * (1 - up * up) ** 0.35
        y = np.interp(t, self.t, self.lift) + np.interp(t, self.t, self.top) * share
        return np.column_stack([t, y, side * z * 1.01]).astype(np.float32)


def _last(rng: Rng, boot: bool, heel: bool) -> Last:
    t = np.sin(np.linspace(-1, 1, 36) * np.pi / 2)
    t = 0.6 * t + 0.4 * np.linspace(-1, 1, 36)
    lift = (rng.uniform(0.3, 0.7) if heel else rng.uniform(0, 0.06)) * np.clip(-t + 0.1, 0, 1) ** 1.4
    round_ = np.sqrt(np.clip(1 - np.abs(t) ** rng.uniform(4, 7), 0.02, 1))
    half = rng.uniform(0.3, 0.38) * (0.82 + 0.18 * np.sin((t - 0.05) * 2.6)) * round_
    toe, throat = rng.uniform(0.22, 0.34), rng.uniform(0.4, 0.55) if heel else rng.uniform(0.6, 0.8)
    shaft = rng.uniform(1.1, 1.9) if boot else 0.0
    ankle = throat + shaft
    if boot:
        at, high = (
            [-1, -0.93, -0.3, -0.14, 0.05, 0.4, 0.8, 0.97, 1],
            [ankle, ankle, ankle, throat + 0.35 * shaft, throat, toe * 1.4, toe * 1.1, toe, toe * 0.5],
        )
    else:
        dip = throat * rng.uniform(0.65, 0.95)
        at, high = (
            [-1, -0.93, -0.5, -0.12, 0.05, 0.4, 0.8, 0.97, 1],
            [throat, throat * 1.05, dip, throat, throat * 0.85, toe * 1.4, toe * 1.1, toe, toe * 0.5],
        )
    top = np.interp(t, at, high)
    # The counter rounds off towards its end, so that no fin stands up behind the heel.
    top[0] *= 0.7
    collar = (t > -0.985) & (t < -0.22)
    return Last(g.vec(t), g.vec(half), g.vec(top), g.vec(lift), g.vec(collar))


def _upper(last: Last) -> g.Mesh:
    """A shoe's skin: boxy sections along it, hollow inside the collar."""
    a = np.linspace(0, 2 * np.pi, 41)
    c, s = np.cos(a), np.sin(a)
    up = np.clip(s, 0, 1)
    inside = (s > 0) & (np.abs(c) < 0.6)
    rows = []
    for t, half, top, lift, collar in zip(last.t, last.half, last.top, last.lift, last.collar, strict=True):
        z = half * (1 - 0.3 * up) * np.sign(c) * np.abs(c) ** 0.7
        y = lift + np.where(s > 0, top * up**0.6, 0.04 * s)
        if collar:
            y = np.where(inside, lift + 0.12, y)
        rows.append(np.column_stack([np.full(41, t), y, z]))
    mesh = g.sheet(np.array(rows, np.float32), wrap=True)
    uv = np.column_stack([mesh.points[:, 0] * 0.7, -mesh.points[:, 1] * 0.7])
    return replace(mesh, uv=uv.astype(np.float32))


def _laces(rng: Rng, last: Last) -> list[Part]:
    """Rows of laces over the instep."""
    skin, bows = m.solid(m.fabric(m.colour(rng), rng)), []
    for x in np.linspace(-0.08, 0.36, int(rng.integers(3, 7))):
        y, z = float(np.interp(x, last.t, last.top)), float(np.interp(x, last.t, last.half)) * 0.55
        bows.append(
            g.tube(g.smooth([(x - 0.04, y * 0.9, -z), (x, y * 1.03, 0), (x - 0.04, y * 0.9, z)], 8), 0.025, 6)
        )
    return [Part(g.joined(bows), skin)]


def _pair(rng: Rng, parts: list[Part], wide: float) -> list[Part]:
    """Often two of them, side by side."""
    if rng.random() < 0.5:
        return parts
    x, z, turn = rng.uniform(-0.3, 0.3), wide * rng.uniform(2.2, 3), rng.uniform(-12, 12)
    return parts + [Part(p.mesh.turned("y", turn).moved(x, 0, z), p.material) for p in parts]
