"""Where a product stands, read from its matte: what shadow and reflection begin at. Not a stage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha

# A column touches the floor where the outline is this near to its lower hull (of the product's height) ...
NEAR_SHARE = 0.03
# ... and the hull no steeper than this: a base seen from its corner slopes so, a side does not.
FLAT_DEGREES, STEEP_DEGREES = 16.0, 32.0


@dataclass(frozen=True)
class Foot:
    """For each of a product's `columns`: its lowest place (`bottoms`), the `floor` under it and how surely it stands
    there (`touch`, 0 to 1). Height and width are the product's."""

    columns: NDArray[np.intp]
    bottoms: NDArray[np.float32]
    floor: NDArray[np.float32]
    touch: NDArray[np.float32]
    height_px: int
    width_px: int

    @property
    def lowest(self) -> float:
        """The lowest place of all."""
        return float(self.bottoms.max())

    @property
    def size_px(self) -> float:
        """The side of a square with the area of the product's box."""
        return float((self.height_px * self.width_px) ** 0.5)


def foot_of(alpha: Alpha) -> Foot | None:
    """Where the product (alpha ≥ 0.5) stands, or None where there is nothing.

    The floor is the lower convex hull of the outline: whatever stands on a plane touches it there, on two feet, on a
    curved base, or on a base that perspective tilts.
    """
    inside = alpha >= 0.5
    columns = np.flatnonzero(inside.any(axis=0))
    if not columns.size:
        return None
    bottoms = alpha.shape[0] - np.argmax(inside[::-1, columns], axis=0).astype(np.float32)
    rows = np.flatnonzero(inside.any(axis=1))
    height_px = int(rows[-1] - rows[0] + 1)
    hull = _lower_hull(np.stack([columns, bottoms], axis=1).astype(np.float32))
    floor = np.interp(columns, hull[:, 0], hull[:, 1]).astype(np.float32)
    return Foot(
        columns,
        bottoms,
        floor,
        _touch(bottoms, floor, height_px),
        height_px,
        int(columns[-1] - columns[0] + 1),
    )


def _touch(bottoms: NDArray[np.float32], floor: NDArray[np.float32], height_px: int) -> NDArray[np.float32]:
    # One pixel of distance is how a slope looks on a grid.
    near = np.clip(1 - (floor - bottoms - 1) / max(1.5, NEAR_SHARE * height_px), 0, 1)
    # The slope over a few columns: pixel steps are no slope.
    reach = max(1, len(floor) // 24)
    wide = np.pad(floor, reach, mode="reflect", reflect_type="odd") if len(floor) > reach else floor
    rise = (
        (wide[2 * reach :] - wide[: -2 * reach]) / (2 * reach) if len(floor) > reach else np.zeros_like(floor)
    )
    degrees = np.degrees(np.arctan(np.abs(rise)))
    flat = np.clip((STEEP_DEGREES - degrees) / (STEEP_DEGREES - FLAT_DEGREES), 0, 1)
    return (near * flat).astype(np.float32)


def _lower_hull(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The chain of the convex hull that lies lowest on the picture, left to right (A. Andrew, 1979)."""
    hull = cv2.convexHull(points).reshape(-1, 2)
    chain: list[NDArray[np.float32]] = []
    for point in hull[np.argsort(hull[:, 0], kind="stable")]:
        while len(chain) > 1 and _not_below(chain[-2], chain[-1], point):
            chain.pop()
        chain.append(point)
    return np.array(chain)


def _not_below(a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32]) -> bool:
    """Whether b lies on or above the line from a to c, rows counting downwards."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) >= 0
