"""OpenCV's GrabCut (Rother, Kolmogorov, Blake 2004), made deterministic and safe against one-sided input."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb

BACK, FRONT, MAYBE_BACK, MAYBE_FRONT = cv2.GC_BGD, cv2.GC_FGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD
# The colour models need some pixels on each side (five Gaussians each).
LEAST_PX = 50


def cut(rgb: Rgb, labels: NDArray[np.uint8], rounds: int) -> Mask:
    """Front or back for every pixel. `labels` (H × W) holds BACK, FRONT, MAYBE_BACK, MAYBE_FRONT and is not changed.

    Where one side is (almost) empty, there is nothing to tell apart and the labels are taken as they are.
    """
    front = (labels == FRONT) | (labels == MAYBE_FRONT)
    if front.sum() < LEAST_PX or (~front).sum() < LEAST_PX:
        return front
    cv2.setRNGSeed(0)
    work = labels.copy()
    back_model, front_model = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(
            np.ascontiguousarray(rgb[..., ::-1]),
            work,
            (0, 0, 1, 1),  # not looked at where a mask is given
            back_model,
            front_model,
            rounds,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error:
        return front
    return (work == FRONT) | (work == MAYBE_FRONT)
