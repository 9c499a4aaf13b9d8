"""The network alone, without refinement, on pictures whose truth is known: tells designs apart in seconds."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from gpu_worker.models import salient


def evaluate(
    data: Path, network: Path | None = None, size_px: int = salient.LOOK_PX
) -> Iterator[dict[str, Any]]:
    """Per kind of backdrop: mean overlap at one half, share over 0.9, mean absolute error, seconds per look."""
    eye = salient.loaded(network)
    taken: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for entry in json.loads((data / "index.json").read_text()):
        rgb = np.asarray(Image.open(data / f"{entry['name']}.jpg").convert("RGB"))
        truth = np.asarray(Image.open(data / f"{entry['name']}.gt.png").convert("L"), np.float32) / 255
        started = time.perf_counter()
        seen = eye.look(rgb, size_px)
        seconds = time.perf_counter() - started
        alpha = cv2.resize(seen, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        both = ((alpha > 0.5) & (truth > 0.5)).sum()
        either = max(1, int(((alpha > 0.5) | (truth > 0.5)).sum()))
        taken[entry["kind"]].append((float(both / either), float(np.abs(alpha - truth).mean()), seconds))
    for kind, rows in taken.items():
        overlaps, errors, times = (np.array(column) for column in zip(*rows, strict=True))
        yield {
            "kind": kind,
            "iou": round(float(overlaps.mean()), 4),
            "share_over_90": round(float((overlaps > 0.9).mean()), 3),
            "mae": round(float(errors.mean()), 4),
            "seconds": round(float(np.median(times)), 4),
        }
