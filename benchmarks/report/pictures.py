"""The pictures of the report: photo, cut-out on a checkerboard, error map. Small JPEGs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import Alpha
from gpu_worker.engines.base import Rgb

LONGEST_PX = 420
QUALITY = 82
CHECK_PX = 12
PARTS = ("photo", "cutout", "error")
# Red: backdrop that stayed. Blue: product that is gone. Safe for the colour-blind, and readable on the darkened photo.
KEPT, LOST = (235, 64, 52), (60, 130, 246)


def file_name(name: str, part: str) -> str:
    """Where `save` puts a part of a photo."""
    return f"{name}.{part}.jpg"


def save(folder: Path, name: str, rgb: Rgb, found: Alpha, truth: Alpha) -> None:
    """Writes the three pictures of one photo into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rgb, found, truth = _small(rgb), _small(found), _small(truth)
    write(folder / file_name(name, "photo"), rgb)
    write(folder / file_name(name, "cutout"), on_checks(rgb, found))
    write(folder / file_name(name, "error"), error_map(rgb, found, truth))


def on_checks(rgb: Rgb, alpha: Alpha, check_px: int = CHECK_PX) -> Rgb:
    """The product over light grey checks, as image editors show what is transparent."""
    y, x = np.indices(alpha.shape)
    checks = np.where((y // check_px + x // check_px) % 2, 205, 245).astype(np.float32)[..., None]
    cover = alpha[..., None]
    return np.round(rgb * cover + checks * (1 - cover)).astype(np.uint8)


def error_map(rgb: Rgb, found: Alpha, truth: Alpha) -> Rgb:
    """The photo, dark and grey, under the signed error: red where backdrop stayed, blue where product is gone."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] * 0.35 + 20
    error = (found - truth)[..., None]
    colour = np.where(error > 0, np.asarray(KEPT, np.float32), np.asarray(LOST, np.float32))
    # The square root lifts small errors: a matte that is 4 % off all over is worth seeing.
    weight = np.sqrt(np.abs(error))
    return np.clip(grey * (1 - weight) + colour * weight, 0, 255).astype(np.uint8)


def write(file: Path, rgb: Rgb, quality: int = QUALITY) -> None:
    """One JPEG. Raises OSError where the folder can't be written to."""
    ok, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    file.write_bytes(data.tobytes())


def _small(picture: NDArray) -> NDArray:
    scale = LONGEST_PX / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
