"""The bench's own photos: every sample before five kinds of backdrop, with the exact matte. Drawn once, then kept.

Samples carry real shadows and bounced light. Here each is placed off the middle, now and then mirrored, and given a
camera's colour cast, grain and JPEG 90, all from one seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.folder import KINDS
from benchmarks.hands import mapped
from benchmarks.lines import say
from benchmarks.metrics import Alpha
from benchmarks.progress import followed
from gpu_worker import samples
from gpu_worker.engines.base import Rgb
from gpu_worker.samples import texture

Pair = tuple[str, str]  # sample, kind

SIZE_PX = 1024
# Drawn wider than needed: the window that is cut from it decides where the product stands.
ROOM = 1.18
MARGIN = 0.03
JPEG_QUALITY = 90
SCENES = {
    "white": ("white",),
    "grey": ("grey",),
    "paper": ("paper-teal", "paper-sand"),
    "texture": ("wood", "linen", "stone"),
    "room": ("shelf",),
}


def folder(
    cache: Path,
    *,
    kinds: Sequence[str] = KINDS,
    limit: int | None = None,
    seed: int = 0,
    size_px: int = SIZE_PX,
    workers: int | None = None,
) -> Path:
    """A bench folder under `cache`, drawn where it isn't there yet.

    Its name tells the drawing code, seed and size, so changed samples are drawn anew.
    """
    wanted = [(name, kind) for name in samples.NAMES for kind in KINDS if kind in kinds][:limit]
    target = cache / f"drawn-{size_px}px-{seed}-{_code()}"
    target.mkdir(parents=True, exist_ok=True)
    missing = [pair for pair in wanted if not (target / f"{_stem(*pair)}.gt.png").is_file()]
    if missing:
        say(f"drawing {len(missing)} photos; they are kept in {target}")
        one = partial(_draw, target, seed, size_px)
        for _ in followed(mapped(one, missing, workers), "drawing photos", len(missing)):
            pass
    index = [{"name": _stem(name, kind), "kind": kind, "cut": name} for name, kind in wanted]
    _replace(target / "index.json", json.dumps(index, indent=1).encode())
    return target


def enlarged(
    cache: Path, name: str, kind: str, size_px: tuple[int, int], *, seed: int = 0, drawn_px: int = SIZE_PX
) -> Path:
    """One photo drawn at `drawn_px`, resized to `size_px` (width, height), with fresh grain there, kept in `cache`.

    Tracing 25 megapixels would take minutes; enlarged with fresh grain they cost an engine the same work.
    """
    file = cache / f"speed-{_code()}" / f"{kind}-{name}-{drawn_px}-{size_px[0]}x{size_px[1]}-{seed}.jpg"
    if file.is_file():
        return file
    source = _photo(cache, name, kind, seed, drawn_px)
    wide = cv2.resize(source, size_px, interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng([seed, size_px[0]])
    for row in range(0, wide.shape[0], 512):
        part = wide[row : row + 512]
        grain = rng.standard_normal(part.shape[:2], np.float32)[..., None] * np.float32(2.0)
        wide[row : row + 512] = np.clip(part + grain, 0, 255).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, _encoded(".jpg", wide[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]))
    return file


def _photo(cache: Path, name: str, kind: str, seed: int, size_px: int) -> Rgb:
    """One photo of the drawn set, drawn where it isn't there yet."""
    target = cache / f"drawn-{size_px}px-{seed}-{_code()}"
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"{_stem(name, kind)}.jpg"
    if not file.is_file():
        _draw(target, seed, size_px, (name, kind))
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture[..., ::-1], np.uint8)


def _stem(name: str, kind: str) -> str:
    return f"{kind}_{name}"


def _code() -> str:
    """Changes when what draws changes."""
    digest = hashlib.sha256()
    for file in [Path(__file__), *sorted(Path(samples.__file__).parent.glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def _draw(target: Path, seed: int, size_px: int, pair: Pair) -> None:
    name, kind = pair
    # Not hash(): that differs from process to process.
    rng = np.random.default_rng([seed, zlib.crc32(_stem(name, kind).encode())])
    scenes = SCENES[kind]
    scene = scenes[(samples.NAMES.index(name) + seed) % len(scenes)]
    sample_seed = int(rng.integers(2**16))
    traced = scene if scene not in TEXTURES else "grey"
    sample = samples.draw(name, round(size_px * ROOM), sample_seed, traced)
    rgb, alpha = sample.rgb, sample.alpha
    if scene in TEXTURES:
        rgb = _papered(rgb, alpha, TEXTURES[scene](alpha.shape[0], sample_seed))
    rgb, alpha = _placed(rgb, alpha, size_px, rng)
    rgb = _as_shot(rgb, rng)
    stem = _stem(name, kind)
    _replace(
        target / f"{stem}.jpg", _encoded(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    )
    # Last: where the truth lies, the photo is complete.
    _replace(target / f"{stem}.gt.png", _encoded(".png", np.round(alpha * 255).astype(np.uint8)))


def _placed(rgb: Rgb, alpha: Alpha, size_px: int, rng: np.random.Generator) -> tuple[Rgb, Alpha]:
    """A square window with the whole product in it, anywhere; both pictures through the same resampling."""
    if rng.random() < 0.5:
        rgb, alpha = rgb[:, ::-1], alpha[:, ::-1]
    full = alpha.shape[0]
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    margin = round(MARGIN * full)
    spans = [(int(line[0]) - margin, int(line[-1]) + 1 + margin) for line in (rows, columns)]
    needed = max(high - low for low, high in spans)
    side = min(full, max(needed, round(full * rng.uniform(0.85, 1.0))))
    starts = []
    for low, high in spans:
        first, last = max(0, high - side), min(full - side, low)
        starts.append(int(rng.integers(first, last + 1)) if last > first else max(0, min(first, full - side)))
    top, left = starts
    window = np.s_[top : top + side, left : left + side]
    size = (size_px, size_px)
    smaller = cv2.INTER_AREA if side >= size_px else cv2.INTER_LINEAR
    cut, cover = np.ascontiguousarray(rgb[window]), np.ascontiguousarray(alpha[window])
    return (
        np.asarray(cv2.resize(cut, size, interpolation=smaller), np.uint8),
        np.clip(cv2.resize(cover, size, interpolation=smaller), 0, 1),
    )


def _as_shot(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """A slight colour cast, and grain that is stronger in some photos than in others."""
    cast = np.float32(1) + rng.uniform(-0.025, 0.025, 3).astype(np.float32)
    grain = rng.standard_normal(rgb.shape[:2], np.float32) * np.float32(rng.uniform(0.5, 3.5))
    return np.clip(np.round(rgb * cast + grain[..., None]), 0, 255).astype(np.uint8)


def _papered(rgb: Rgb, alpha: Alpha, pattern: np.ndarray) -> Rgb:
    """The backdrop times `pattern` (H × W × 3, about 1), its light and shadow kept, the product untouched.

    Half-covered pixels take half of the pattern: off by at most a sixteenth of its contrast with the product.
    """
    weight = 1 + (1 - alpha[..., None]) * (pattern - 1)
    return np.clip(np.round(rgb * weight), 0, 255).astype(np.uint8)


def _linen(size_px: int, seed: int) -> np.ndarray:
    """Coarse cloth: threads over and under, uneven dye, a soft crease."""
    v, u = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / np.float32(size_px)
    threads = texture.weave(u, v, 1 / 150)
    uneven = texture.noise(u, v, 1.3, seed) + np.float32(0.5) * texture.grain(u, v, 0.2, seed + 1)
    tone = np.float32(0.72) + np.float32(0.25) * threads + np.float32(0.22) * uneven
    dye = np.random.default_rng(seed).uniform(0.75, 1.1, 3).astype(np.float32)
    return tone[..., None] * dye


def _stone(size_px: int, seed: int) -> np.ndarray:
    """A slab: clouds of several sizes, specks, and a tint."""
    v, u = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / np.float32(size_px)
    clouds = texture.noise(u, v, 1.6, seed) + np.float32(0.6) * texture.grain(u, v, 0.35, seed + 1)
    tone = np.float32(0.5) + np.float32(0.5) * clouds - np.float32(0.25) * texture.specks(u, v, 1 / 90, seed)
    tint = np.random.default_rng(seed).uniform(0.88, 1.08, 3).astype(np.float32)
    return tone[..., None] * tint


TEXTURES: dict[str, Callable[[int, int], np.ndarray]] = {"linen": _linen, "stone": _stone}


def _encoded(suffix: str, picture: np.ndarray, options: Sequence[int] = ()) -> bytes:
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(picture), list(options))
    assert ok
    return data.tobytes()


def _replace(file: Path, data: bytes) -> None:
    """Whole or not at all: a run that is broken off must not leave half a picture for the next."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(file)
