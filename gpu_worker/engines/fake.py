"""The twin in memory: cuts out whatever differs from the mean border colour. Quick, deterministic, good
enough for tests."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from gpu_worker.engines.base import NO_HINTS, Hints, Matte, Rgb

DIFFERS_LEVELS = 24.0


class FakeEngine:
    """Thresholds the distance from the border's median colour; confidence is high where exactly one thing
    stands out."""

    name = "fake"
    versions: Mapping[str, str] = {"cutout": "1"}
    weights: Mapping[str, str] = {}

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb: Rgb, hints: Hints = NO_HINTS) -> Matte:
        """See Engine.cutout."""
        border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).astype(np.float32)
        ground = np.median(border, axis=0)
        distance = np.abs(rgb.astype(np.float32) - ground).max(axis=2)
        mask = (distance > DIFFERS_LEVELS).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        alpha = np.clip((distance - DIFFERS_LEVELS / 2) / DIFFERS_LEVELS, 0, 1).astype(np.float32)
        if count < 2:
            return Matte(np.zeros_like(alpha), 0.0)
        largest_share = float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum())
        return Matte(alpha, 0.95 * largest_share, {"largest_share": largest_share})
