"""The yardstick of every run: a cut-out anybody gets from OpenCV alone, so figures of two machines can be compared."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.metrics import Alpha
from gpu_worker.engines.base import Rgb

NAME = "GrabCut, 5 rounds at 512 px, from a rectangle 4 % inside the frame"
WORK_PX = 512
INSET = 0.04
ROUNDS = 5


def cut_out(rgb: Rgb) -> Alpha:
    """A soft-edged matte (H × W, 0 to 1) by GrabCut (Rother, Kolmogorov and Blake 2004); the same each time."""
    height_px, width_px = rgb.shape[:2]
    scale = min(1.0, WORK_PX / max(height_px, width_px))
    size = max(8, round(width_px * scale)), max(8, round(height_px * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    inset_x, inset_y = max(1, round(INSET * size[0])), max(1, round(INSET * size[1]))
    box = inset_x, inset_y, size[0] - 2 * inset_x, size[1] - 2 * inset_y
    marks = np.zeros(small.shape[:2], np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, marks, box, None, None, ROUNDS, cv2.GC_INIT_WITH_RECT)  # type: ignore[call-overload]
    inside = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(inside, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.float32)
