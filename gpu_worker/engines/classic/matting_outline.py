"""The outline of a mask as a signed distance and as ordered points with normals, and what lies across it.

All that the soft edge needs is read on short lines across the outline: its cost grows with the outline, not the photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import shapes

Float = NDArray[np.float32]

REACH_PX = 9
# Each outline is carried on past its start by this many points, so that smoothing along it needs no wrap and no
# outline touches the next; it must exceed the sum of the radii of all smoothing done on a block.
MARGIN_POINTS = 48
BLOCK_POINTS = 4096
REMAP_ROWS = 8192
# Luminance and two colour differences, orthonormal: JPEG and sensors hold luminance far better than colour.
OPPONENT = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32) / np.sqrt(
    np.array([[3], [2], [6]], np.float32)
)


@dataclass(frozen=True)
class Block:
    """Neighbouring outline points: `points` (N × 2, x and y), `normals` (N × 2, outwards), `offset_px` (N, how far
    outside the outline each point lies) and which of them are not margin (`core`)."""

    points: Float
    normals: Float
    offset_px: Float
    core: Mask


@dataclass(frozen=True)
class Profiles:
    """What lies across the outline: `colours` (N × T × 3, opponent), `distance_px` (N × T, signed, of the place itself)
    at `steps_px` (T) along each normal."""

    colours: Float
    distance_px: Float
    steps_px: Float


def signed_distance(mask: Mask, size: tuple[int, int]) -> Float:
    """Distance from the outline of `mask` at `size` (width, height), in pixels of that size; negative inside.

    The staircase is rounded off, lines and gaps of one pixel are not.
    """
    wide = np.pad(mask.astype(np.uint8), 1, mode="edge")
    inner = cv2.distanceTransform(wide, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - wide, cv2.DIST_L2, 5)
    sharp = (outer - inner + np.where(wide > 0, np.float32(0.5), np.float32(-0.5)))[1:-1, 1:-1]
    smooth = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.0), np.float32)
    thin_line, thin_gap = mask & ~shapes.opened(mask, 1), ~mask & ~shapes.opened(~mask, 1)
    # A line that steps diagonally would come apart when enlarged: its neighbours are drawn towards it.
    smooth -= np.float32(0.4) * shapes.grown(thin_line, 1)
    smooth += np.float32(0.4) * shapes.grown(thin_gap, 1)
    smooth[thin_line] = np.minimum(smooth[thin_line], -0.5)
    smooth[thin_gap] = np.maximum(smooth[thin_gap], 0.5)
    if mask.shape[::-1] == size:
        return smooth
    enlarged = cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float32) * np.float32(max(size) / max(mask.shape))


def outline_blocks(distance_px: Float) -> Iterator[Block]:
    """All outline points of a signed distance, in order along each outline, at most BLOCK_POINTS at a time."""
    contours, _ = cv2.findContours((distance_px < 0).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    pieces, cores, held = [], [], 0
    for contour in contours:
        points = contour[:, 0]
        # Along the edge of the photo there is no outline: the product goes on.
        points = points[distance_px[points[:, 1], points[:, 0]] > -1.5]
        for start in range(0, len(points), BLOCK_POINTS):
            count = min(BLOCK_POINTS, len(points) - start)
            at = np.arange(start - MARGIN_POINTS, start + count + MARGIN_POINTS)
            pieces.append(points[at % len(points)])
            cores.append((at >= start) & (at < start + count))
            held += len(at)
            if held >= BLOCK_POINTS:
                yield _block(distance_px, np.concatenate(pieces), np.concatenate(cores))
                pieces, cores, held = [], [], 0
    if pieces:
        yield _block(distance_px, np.concatenate(pieces), np.concatenate(cores))


def _block(distance_px: Float, at: NDArray[np.int32], core: Mask) -> Block:
    points = at.astype(np.float32)
    x, y = points[:, :1], points[:, 1:]
    step = np.float32(1.5)
    slope = np.concatenate(
        [
            read(distance_px, x + step, y) - read(distance_px, x - step, y),
            read(distance_px, x, y + step) - read(distance_px, x, y - step),
        ],
        axis=1,
    )
    normals = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), np.float32(1e-3))
    return Block(points, normals, distance_px[at[:, 1], at[:, 0]], core)


def read(picture: NDArray, x: Float, y: Float) -> NDArray:
    """`picture` between its pixels at `x`, `y` (N × T each); beyond its edge the edge itself."""
    parts = [
        cv2.remap(
            picture,
            x[row : row + REMAP_ROWS],
            y[row : row + REMAP_ROWS],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for row in range(0, len(x), REMAP_ROWS)
    ]
    return np.concatenate(parts)


def profiles(rgb: Rgb, distance_px: Float, block: Block) -> Profiles:
    """Colours and distances along the normals of a block, every pixel from REACH_PX inside to REACH_PX outside."""
    steps = np.arange(-REACH_PX, REACH_PX + 1, dtype=np.float32)
    along = steps[None] - block.offset_px[:, None]
    x = block.points[:, :1] + along * block.normals[:, :1]
    y = block.points[:, 1:] + along * block.normals[:, 1:]
    return Profiles(opponent(read(rgb, x, y)), read(distance_px, x, y), steps)


def opponent(rgb: NDArray[np.uint8]) -> Float:
    """Luminance and two colour differences (… × 3) of 8-bit colours, on the scale where white is √3."""
    mixed: Float = rgb.astype(np.float32) @ (OPPONENT.T / np.float32(255)).astype(np.float32)
    return mixed


def smoothed(values: Float, sigma_points: float) -> Float:
    """N × K values smoothed along the outline."""
    radius = round(3 * sigma_points)
    return np.asarray(
        cv2.GaussianBlur(
            values,
            (1, 2 * radius + 1),
            sigmaX=sigma_points,
            sigmaY=sigma_points,
            borderType=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
