"""Surface patterns, looked up from one tileable noise picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from gpu_worker.samples.sdf import Floats, Points

TILE_PX = 512


@cache
def _tile(seed: int) -> Floats:
    """Periodic fractal noise, 0 to 1, TILE_PX square: octaves of random lattices, each smoothly enlarged."""
    rng = np.random.default_rng(seed)
    total = np.zeros((TILE_PX, TILE_PX), np.float32)
    for octave, cells in enumerate((4, 8, 16, 32, 64, 128)):
        lattice = rng.random((cells, cells), dtype=np.float32)
        wrapped = np.pad(lattice, 2, mode="wrap")
        step = TILE_PX // cells
        wide = cv2.resize(wrapped, ((cells + 4) * step,) * 2, interpolation=cv2.INTER_CUBIC)
        total += wide[2 * step : -2 * step, 2 * step : -2 * step] * np.float32(0.55**octave)
    total -= total.min()
    return total / total.max()


def noise(u: Floats, v: Floats, scale: float, seed: int = 0) -> Floats:
    """Fractal noise, 0 to 1; one tile spans `scale` units of u and v."""
    return _read(
        _wrapped(seed % 16), u / np.float32(scale) % 1 * TILE_PX, v / np.float32(scale) % 1 * TILE_PX
    )


@cache
def _wrapped(seed: int) -> Floats:
    """The tile with its first row and column repeated at the end, so that reading may run over."""
    return np.pad(_tile(seed), ((0, 1), (0, 1)), mode="wrap")


def _read(table: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear look-up of any number of places. OpenCV's remap is ten times quicker than indexing, but wants a
    picture no wider than 32,767."""
    count = x.size
    columns = min(count, 4096)
    rows = -(-count // columns)
    maps = []
    for axis in (x, y):
        flat = np.zeros(rows * columns, np.float32)
        flat[:count] = axis.ravel()
        maps.append(flat.reshape(rows, columns))
    out = cv2.remap(table, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32).ravel()[:count].reshape(x.shape)


def grain(u: Floats, v: Floats, scale: float, seed: int = 0) -> Floats:
    """Noise from two tiles turned against one another, so that no grid shows."""
    first = noise(
        np.float32(0.80) * u + np.float32(0.60) * v, np.float32(0.80) * v - np.float32(0.60) * u, scale, seed
    )
    second = noise(
        np.float32(0.38) * u - np.float32(0.92) * v,
        np.float32(0.92) * u + np.float32(0.38) * v,
        scale * 0.73,
        seed + 5,
    )
    return np.float32(0.5) * (first + second)


def specks(u: Floats, v: Floats, pitch: float, seed: int = 0) -> Floats:
    """Small round flecks strewn at random: 1 inside, 0 outside. One fleck per cell of `pitch`, most of them tiny."""
    rng = np.random.default_rng(seed)
    lots = rng.random((3, 64, 64), dtype=np.float32)
    a, b = u / np.float32(pitch), v / np.float32(pitch)
    i, j = np.floor(a), np.floor(b)
    cell = i.astype(np.intp) % 64, j.astype(np.intp) % 64
    size = np.float32(0.04) + np.float32(0.22) * lots[2][cell] ** 4
    x, y = size + (1 - 2 * size) * lots[0][cell], size + (1 - 2 * size) * lots[1][cell]
    away = np.hypot(a - i - x, b - j - y)
    return (1 - smoothstep(0.7, 1.1, away / size)).astype(np.float32)


def wrinkle(n: Points, p: Points, scale: float, depth: float, seed: int = 0) -> Points:
    """Normals disturbed by noise, so that leather, clay and paper are not mirrors."""
    dx = grain(p[0] + p[2], p[1], scale, seed) - np.float32(0.5)
    dy = grain(p[1] + p[2], p[0], scale, seed + 1) - np.float32(0.5)
    dz = grain(p[2] + p[1], p[0] - p[1], scale, seed + 2) - np.float32(0.5)
    k = np.float32(depth)
    x, y, z = n[0] + k * dx, n[1] + k * dy, n[2] + k * dz
    length = np.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def weave(u: Floats, v: Floats, pitch: float) -> Floats:
    """Threads over and under one another: -1 to 1."""
    a, b = np.sin(u * np.float32(2 * np.pi / pitch)), np.sin(v * np.float32(2 * np.pi / pitch))
    return (a * b).astype(np.float32)


def wood(u: Floats, v: Floats, seed: int) -> Floats:
    """Grain along u, 0 (pale) to 1 (dark)."""
    bend = noise(u * np.float32(0.18), v, 2.2, seed) * np.float32(2.2)
    rings = 0.5 + 0.5 * np.sin((v * np.float32(5.5) + bend * np.float32(5.0)).astype(np.float32))
    fibre = noise(u * np.float32(0.06), v * np.float32(3.2), 1.0, seed + 1)
    pores = noise(u * np.float32(0.12), v * np.float32(9.0), 1.0, seed + 2)
    return np.clip(0.45 * rings + 0.45 * fibre + 0.25 * pores - 0.1, 0, 1).astype(np.float32)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 under low, 1 over high, smooth between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
