"""The built-in salient-product network: where its weights are, and how to ask it. Runs on onnxruntime; no torch."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import threads

Rgb = NDArray[np.uint8]
Float = NDArray[np.float32]

LOOK_PX = 256
SECOND_PX = 192
STRIDE = 32
SQUEEZED = 2.0
PATH = Path(__file__).with_name("salient.onnx")


def path() -> Path:
    """The weights file that ships with the worker."""
    return PATH


@cache
def revision(file: Path = PATH) -> str:
    """The beginning of the file's SHA-256; empty where there is no file. Read once per process."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.exists() else ""


def prepared(rgb: Rgb) -> Float:
    """1 × 5 × H × W: the colours from -1 to 1, then the squared distance from the middle, across and down."""
    height_px, width_px = rgb.shape[:2]
    out = np.empty((1, 5, height_px, width_px), np.float32)
    out[0, :3] = rgb.transpose(2, 0, 1)
    out[0, :3] *= 2 / 255
    out[0, :3] -= 1
    out[0, 3] = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :] ** 2
    out[0, 4] = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None] ** 2
    return out


def view(rgb: Rgb, longest_px: int = LOOK_PX) -> Rgb:
    """The photo at the size that the network looks at: sides are multiples of 32, and a square where it is up to twice
    as long as wide. The network learned on squares: squeezed 3:4 photos overlap the truth as well as or better than
    upright ones on every backdrop (by .000 to .012), 3:5 photos by .01 to .06.
    """
    scale = longest_px / max(rgb.shape[:2])
    full = [min(longest_px, SQUEEZED * side * scale) for side in rgb.shape[:2]]
    height_px, width_px = (max(STRIDE, round(side / STRIDE) * STRIDE) for side in full)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width_px, height_px), interpolation=how), np.uint8)


class Salient:
    """Tells for each place how likely the product covers it."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def look(self, rgb: Rgb, longest_px: int = LOOK_PX) -> Float:
        """Probabilities (h × w, half the size of `view(rgb)`) that each place belongs to the product."""
        logits = self._session.run(None, {"photo": prepared(view(rgb, longest_px))})[0][0, 0]
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


@cache
def loaded(file: Path | None = None) -> Salient:
    """The network of `file` (the one that ships, unless told otherwise), once per process and file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    threads.limit_session(options)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file or PATH), options, providers=["CPUExecutionProvider"])
    return Salient(session)
