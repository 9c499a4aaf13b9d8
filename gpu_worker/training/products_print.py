"""What is printed on products: stripes, dots, checks, gradients, blotches, labels with text blocks and logos."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from gpu_worker.training.products_material import TILE_PX, Colour, Rng, colour, mixed, noise
from gpu_worker.training.products_mesh import Floats

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWYaeiourstln0123456789"))


def pattern(rng: Rng, ground: Colour | None = None) -> Floats:
    """A repeating print of two to four colours."""
    a = colour(rng) if ground is None else ground
    return PATTERNS[int(rng.integers(len(PATTERNS)))](rng, a, colour(rng))


def _grid() -> tuple[Floats, Floats]:
    v, u = (np.mgrid[0:TILE_PX, 0:TILE_PX].astype(np.float32) + 0.5) / TILE_PX
    return u, v


def _stripes(rng: Rng, a: Colour, b: Colour) -> Floats:
    u, v = _grid()
    count = int(rng.integers(2, 9))
    along = (v, u, u + v)[int(rng.integers(3))] * count % 1
    out = mixed(a, b, (along < rng.uniform(0.15, 0.6)).astype(np.float32))
    if rng.random() < 0.4:
        out[(along > 0.75) & (along < 0.85)] = colour(rng)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), 0.8), np.float32)


def _checks(rng: Rng, a: Colour, b: Colour) -> Floats:
    u, v = _grid()
    count = int(rng.integers(2, 8))
    width = rng.uniform(0.25, 0.6)
    one, two = (u * count % 1 < width).astype(np.float32), (v * count % 1 < width).astype(np.float32)
    share = one * two + (one + two) * 0.5 * (1 - one * two) if rng.random() < 0.6 else np.abs(one - two)
    return np.asarray(cv2.GaussianBlur(mixed(a, b, share), (0, 0), 0.7), np.float32)


def _dots(rng: Rng, a: Colour, b: Colour) -> Floats:
    u, v = _grid()
    count = int(rng.integers(2, 9))
    x, y = u * count % 1 - 0.5, v * count % 1 - 0.5
    r = np.minimum(np.hypot(x, y), np.hypot(np.abs(x) - 0.5, np.abs(y) - 0.5) if rng.random() < 0.5 else 9)
    return mixed(a, b, np.clip((rng.uniform(0.12, 0.3) - r) * TILE_PX / count / 1.5 + 0.5, 0, 1))


def _blotches(rng: Rng, a: Colour, b: Colour) -> Floats:
    field = noise(int(rng.integers(8)), int(rng.choice([2, 4, 8])), 0.4)
    edge = float(rng.uniform(4, 30))
    out = mixed(a, b, np.clip((field - np.median(field)) * edge + 0.5, 0, 1))
    if rng.random() < 0.5:
        other = noise(int(rng.integers(8)) + 8, 4, 0.4)
        out = mixed(out, colour(rng), np.clip((other - np.quantile(other, 0.7)) * edge + 0.5, 0, 1))
    return out


def _fade(rng: Rng, a: Colour, b: Colour) -> Floats:
    u, v = _grid()
    share = v if rng.random() < 0.6 else 0.5 - 0.5 * np.cos(2 * np.pi * u)
    return mixed(a, b, np.clip((share - 0.5) * float(rng.uniform(1, 4)) + 0.5, 0, 1))


def _motifs(rng: Rng, a: Colour, b: Colour) -> Floats:
    """A scatter of flowers, leaves or shapes."""
    out = np.empty((TILE_PX, TILE_PX, 3), np.float32)
    out[:] = a
    shades = [b, colour(rng), colour(rng)]
    petals, size = int(rng.integers(3, 8)), float(rng.uniform(10, 26))
    t = np.linspace(0, 2 * np.pi, 40)
    for _ in range(min(150, int(1.6e4 / size**1.6))):
        x, y = rng.uniform(0, TILE_PX, 2)
        r = size * rng.uniform(0.5, 1) * (0.65 + 0.35 * np.cos(petals * t + rng.uniform(0, 6)))
        line = np.column_stack([x + r * np.cos(t), y + r * np.sin(t)])
        tone = tuple(float(c) for c in shades[int(rng.integers(3))])
        cv2.fillPoly(out, [np.round(line * 16).astype(np.int32)], tone, cv2.LINE_AA, 4)
        cv2.circle(
            out,
            (int(x), int(y)),
            max(1, int(size * 0.15)),
            tuple(float(c) for c in shades[0]),
            -1,
            cv2.LINE_AA,
        )
    return out


PATTERNS: tuple[Callable[[Rng, Colour, Colour], Floats], ...] = (
    _stripes,
    _checks,
    _dots,
    _blotches,
    _fade,
    _motifs,
)


def label(rng: Rng, width: int = 256, height: int = 256, ground: Colour | None = None) -> Floats:
    """A printed face: ground, bands, a logo, a name, blocks of small text (height × width × 3, linear)."""
    page = np.empty((height, width, 3), np.float32)
    base = colour(rng) if ground is None else ground
    page[:] = base
    ink = contrast(rng, base)
    if rng.random() < 0.35:
        page[:] = cv2.resize(pattern(rng, base), (width, height), interpolation=cv2.INTER_AREA)
    for _ in range(int(rng.integers(0, 3))):
        y0, tall = int(rng.uniform(0, height)), int(rng.uniform(0.05, 0.4) * height)
        page[y0 : y0 + tall] = colour(rng)
    if rng.random() < 0.8:
        logo(
            rng,
            page,
            (rng.uniform(0.3, 0.7) * width, rng.uniform(0.15, 0.5) * height),
            rng.uniform(0.1, 0.24) * min(width, height),
        )
    words(rng, page, ink, int(rng.uniform(0.35, 0.65) * height), rng.uniform(0.6, 1.6) * width / 256)
    y = rng.uniform(0.68, 0.8) * height
    for _ in range(int(rng.integers(0, 6))):
        x0, x1 = sorted(rng.uniform(0.1, 0.9, 2) * width)
        cv2.line(page, (int(x0), int(y)), (int(x1), int(y)), tuple(float(c) for c in ink), 2)
        y += 0.035 * height
    return np.clip(page, 0, 1)


def contrast(rng: Rng, base: Colour) -> Colour:
    """An ink that is seen on `base`."""
    for _ in range(6):
        ink = colour(rng)
        if np.abs(ink**0.45 - base**0.45).max() > 0.35:
            return ink
    return np.full(3, 0.02 if base.mean() > 0.2 else 0.9, np.float32)


def words(rng: Rng, page: Floats, ink: Colour, y: int, scale: float) -> None:
    """A name in large letters across the middle, drawn into `page`."""
    text = "".join(rng.choice(LETTERS, int(rng.integers(3, 10))))
    font, thick = FONTS[int(rng.integers(len(FONTS)))], int(rng.integers(1, 5))
    (w, _), _ = cv2.getTextSize(text, font, scale * 1.4, thick)
    fit = min(1.0, 0.85 * page.shape[1] / max(w, 1)) * scale * 1.4
    (w, _), _ = cv2.getTextSize(text, font, fit, thick)
    at = ((page.shape[1] - w) // 2, y)
    mark = np.zeros(page.shape[:2], np.uint8)
    cv2.putText(mark, text, at, font, fit, 255, thick, cv2.LINE_AA)
    page += (ink - page) * (mark[..., None] / np.float32(255))


def logo(rng: Rng, page: Floats, at: tuple[float, float], size: float) -> None:
    """A star, ring, leaf or block mark drawn into `page`."""
    t = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    lobes = int(rng.integers(2, 9))
    r = size * (
        1
        + rng.uniform(0, 0.5) * np.cos(lobes * t)
        + (0.25 * np.sign(np.cos(lobes * t)) if rng.random() < 0.3 else 0)
    )
    line = np.column_stack([at[0] + r * np.cos(t), at[1] + r * np.sin(t) * rng.uniform(0.5, 1)])
    tone = tuple(
        float(c) for c in contrast(rng, page[int(at[1]) % page.shape[0], int(at[0]) % page.shape[1]])
    )
    cv2.fillPoly(page, [np.round(line * 16).astype(np.int32)], tone, cv2.LINE_AA, 4)
    if rng.random() < 0.6:
        inner = tuple(float(c) for c in colour(rng))
        cv2.circle(
            page,
            (int(at[0]), int(at[1])),
            max(1, int(size * rng.uniform(0.3, 0.7))),
            inner,
            int(rng.choice([-1, 2, 4])),
            cv2.LINE_AA,
        )
