"""A studio in two small pictures: what a surface facing each way receives, and what it mirrors (matcaps)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker.training.products_material import Rng
from gpu_worker.training.products_mesh import Floats, vec

CAP_PX = 96
BLURS = (0.0, 2.5, 7.0, 16.0)


@dataclass(frozen=True)
class Studio:
    """`diffuse`: CAP_PX² × 3 over the view-space normal's x and y; `mirrors`: one such picture per blur, stacked."""

    diffuse: Floats
    mirrors: Floats


def studio(rng: Rng) -> Studio:
    """A random set: a key softbox, a strip or window, fill, a floor that throws light back."""
    v, u = np.mgrid[1 : -1 : CAP_PX * 1j, -1 : 1 : CAP_PX * 1j].astype(np.float32)
    inside = np.maximum(u * u + v * v, 1e-6)
    n = np.stack([u, v, np.sqrt(np.maximum(1 - inside, 0))], axis=2)
    n /= np.linalg.norm(n, axis=2, keepdims=True)
    key = _direction(rng)
    warm = np.float32(1 + rng.normal(0, 0.03, 3))
    wrap = float(rng.uniform(0.15, 0.6))
    strength = float(rng.uniform(0.45, 0.95))
    floor, sky = float(rng.uniform(0.15, 0.5)), float(rng.uniform(0.35, 0.65))
    lambert = np.clip((n @ key + wrap) / (1 + wrap), 0, None)
    ambient = floor + (sky - floor) * (0.5 + 0.5 * n[..., 1])
    side = vec((-key[0], 0.2, 0.7))
    fill = np.clip(n @ (side / np.linalg.norm(side)), 0, None) * float(rng.uniform(0.0, 0.35))
    diffuse = (strength * lambert + ambient + fill)[..., None] * warm
    return Studio(diffuse.astype(np.float32), _mirrored(rng, n, key, floor))


def _direction(rng: Rng) -> Floats:
    """Where the key light stands: above, to a side, in front or a little behind."""
    side, high, front = rng.uniform(-1, 1), rng.uniform(0.35, 1.2), rng.uniform(-0.15, 1.0)
    v = np.array([side, high, front], np.float32)
    return v / np.float32(np.linalg.norm(v))


def _mirrored(rng: Rng, n: Floats, key: Floats, floor: float) -> Floats:
    """What a mirror facing each way shows: a room gradient, softboxes and dark flags, at four blurs."""
    r = 2 * n[..., 2:] * n - vec((0, 0, 1))
    sky = float(rng.uniform(0.3, 0.9))
    room = floor + (sky - floor) / (1 + np.exp(-r[..., 1] * float(rng.uniform(3, 14))))
    for k in range(int(rng.integers(1, 4))):
        toward = key if k == 0 else _direction(rng)
        right = np.cross(vec((0, 1, 0)), toward)
        right /= max(float(np.linalg.norm(right)), 1e-6)
        up = np.cross(toward, right)
        a, b, ahead = r @ right, r @ up, r @ toward
        w, h = (0.3, 0.3) if k == 0 else (float(rng.uniform(0.06, 0.2)), float(rng.uniform(0.3, 0.9)))
        soft = np.clip((w - np.abs(a)) * 14 + 0.5, 0, 1) * np.clip((h - np.abs(b)) * 14 + 0.5, 0, 1)
        room = room + soft * (ahead > 0) * float(rng.uniform(0.8, 3.5))
    if rng.random() < 0.6:
        flag = np.clip((0.12 - np.abs(r[..., 0] - rng.uniform(-0.9, 0.9))) * 12, 0, 1)
        room = room * (1 - 0.8 * flag)
    base = np.repeat(room[..., None], 3, axis=2).astype(np.float32)
    return np.concatenate([base if s == 0 else cv2.GaussianBlur(base, (0, 0), s) for s in BLURS])
