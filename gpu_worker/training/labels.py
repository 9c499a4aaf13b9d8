"""Pseudo-labels: photos with no mask are cut out in ways that share nothing, and kept where these agree.

First the weight-free engine, right on plain backdrops only; later, for busy ones, a network that learned from those
together with a cut by colour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Engine, Mask, Matte, Rgb
from gpu_worker.engines.classic import shapes
from gpu_worker.errors import WorkerError
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

FREE_LICENCES = ("CC0", "CC BY", "CC-BY", "BSD", "MIT", "Apache")
NOT_FREE = ("CC BY-NC", "CC-BY-NC", "CC BY-ND", "CC-BY-ND", "CC BY-SA", "CC-BY-SA")
PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp"})
PHOTO_PX = 400
LEAST_CONFIDENCE = 0.9
LEAST_AGREEMENT = 0.93
STRINGS_SHARE, STRING_LENGTH = 0.01, 0.08

Rgba = NDArray[np.uint8]  # H × W × 4, straight alpha


@dataclass(frozen=True)
class Listed:
    """One photo of a folder and what its manifest says of it."""

    path: Path
    licence: str
    kind: str


def free(licence: str) -> bool:
    """Whether weights may be trained on pictures under `licence`: CC0, CC BY, BSD, MIT or Apache."""
    return any(word in licence for word in FREE_LICENCES) and not any(word in licence for word in NOT_FREE)


def listed(folder: Path) -> list[Listed]:
    """The photos in and under `folder` that may be trained on, in a fixed order.

    A ``MANIFEST.json`` (a list, or ``{"files": [...]}``, of ``{"file", "licence", "kind"}``) there or one folder
    above says what each is; what is not listed or not free is left out. Without a manifest the
    operator answers for the folder, and everything in it is taken.
    """
    folder = folder.resolve()
    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    manifest = next((p for p in (folder, folder.parent) if (p / "MANIFEST.json").is_file()), None)
    if manifest is None:
        return [Listed(p, "the operator's own", "") for p in photos]
    raw: Any = json.loads((manifest / "MANIFEST.json").read_text())
    entries = {entry["file"]: entry for entry in (raw["files"] if isinstance(raw, dict) else raw)}
    found = []
    for photo in photos:
        entry = entries.get(photo.relative_to(manifest).as_posix())
        if entry is not None and free(str(entry.get("licence", ""))):
            found.append(Listed(photo, entry["licence"], str(entry.get("kind", ""))))
    return found


def label(photos: list[Listed], engine: Engine) -> Iterator[tuple[Listed, Rgba | None]]:
    """Each photo, made small, with its mask as alpha; None where that was not trusted."""
    for photo in photos:
        try:
            rgb, own_alpha, _ = normalise(open_photo(photo.path.read_bytes()))
        except WorkerError:  # a broken file in a pool of thousands is no reason to stop
            yield photo, None
            continue
        if own_alpha is not None:
            yield photo, small(rgb, own_alpha)
            continue
        matte = engine.cutout(rgb)
        rgba = small(rgb, matte.alpha) if trusted(matte) else None
        yield photo, None if rgba is None or stringy(rgba[..., 3] > 127) else rgba


def trusted(matte: Matte) -> bool:
    """Whether cues that share nothing agree: walls, colours and mirror, or a network, its mirror and colours."""
    if "mirrored" not in matte.notes:
        return matte.confidence >= LEAST_CONFIDENCE
    return min(matte.notes["agreement"], matte.notes["mirrored"], matte.notes["nearer"]) >= LEAST_AGREEMENT


def stringy(mask: Mask) -> bool:
    """Whether long thin lines hang on the mask: the joints of a tiled floor, taken for part of what lies on it."""
    thin = mask & ~shapes.opened(mask, 2)
    if thin.sum() < STRINGS_SHARE * mask.sum():
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8), connectivity=8)
    longest = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(initial=0)
    return bool(longest > STRING_LENGTH * max(mask.shape))


def small(rgb: Rgb, alpha: NDArray[np.float32]) -> Rgba | None:
    """The whole photo, longest side at most PHOTO_PX, with the matte as its alpha; None where nothing was found."""
    if not (alpha > 0.5).any():
        return None
    scale = min(1.0, PHOTO_PX / max(alpha.shape))
    size = max(2, round(alpha.shape[1] * scale)), max(2, round(alpha.shape[0] * scale))
    picture = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    matte = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return np.dstack([picture, np.round(np.clip(matte, 0, 1) * 255).astype(np.uint8)])
