"""Product against a smooth backdrop: what the border reaches without crossing a wall is backdrop or soft shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import grabcut, shapes
from gpu_worker.engines.classic.border import Border, gradients

Float = NDArray[np.float32]
BALL_RADII_PX = (3, 6, 10, 15, 24)
WALLED_SHARE = 0.55
HOLE_SHARE = 0.005
NEAR_PX = 40


@dataclass(frozen=True)
class Cues:
    """Evidence per pixel at work size. `apart`: Lab distance from the backdrop; `unshadowlike`: no shadow
    has this colour;
    `sharp`: an edge too crisp for a shadow; `edges`: fine gradient; `quiet`: gradient that noise alone makes."""

    apart: Float
    unshadowlike: Mask
    sharp: Mask
    edges: Float
    quiet: float


@dataclass(frozen=True)
class Found:
    """`mask` of the product, how much of the walls it explains, and how far the colour model agreed with the walls."""

    mask: Mask
    walls_explained: float
    colour_agreement: float


def segment(rgb: Rgb, lab: Float, border: Border) -> Found:
    """The product at work size. All arrays H × W."""
    cues = read_cues(lab, border)
    walls = shapes.larger_than(cues.sharp | cues.unshadowlike, 12)
    if not walls.any():
        return Found(np.zeros(walls.shape, bool), 0.0, 0.0)
    enclosed, explained = _enclose(walls, cues, border)
    if not enclosed.any():
        return Found(enclosed, 0.0, 0.0)
    enclosed &= ~_paper_inside(enclosed, lab, walls, cues, border)
    by_colour = _recut(rgb, enclosed, cues, border)
    agreement = shapes.overlap(enclosed, by_colour)
    # Colour alone likes to take in a hard contact shadow; what it adds must have an outline of its own.
    by_colour = _with_walled_parts(enclosed & by_colour, by_colour, shapes.grown(walls, 2))
    mask = _settle(by_colour if by_colour.any() else enclosed, enclosed)
    return Found(mask, explained, agreement)


def enclosed(cues: Cues, border: Border) -> Mask:
    """What the walls shut off from the border: the outline that a white sole on white paper has, and no shadow."""
    walls = shapes.larger_than(cues.sharp | cues.unshadowlike, 12)
    if not walls.any():
        return np.zeros(walls.shape, bool)
    return _enclose(walls, cues, border)[0]


def read_cues(lab: Float, border: Border) -> Cues:
    """What each pixel says about being product, shadow or backdrop."""
    difference = lab - border.surface
    apart = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    fine, coarse = gradients(lab)
    rim = shapes.rim(apart.shape, 0.03)
    calm = rim & (apart < 4 * border.noise + 1)
    noise_edge = float(np.percentile(fine[calm], 95)) if calm.any() else 0.5
    quiet = max(0.55, 1.8 * noise_edge)
    crisp = (fine > quiet) & (fine > 1.45 * coarse)
    sharp = crisp | (fine > max(6.0, 4 * noise_edge))
    return Cues(apart, _unshadowlike(difference, lab, border), sharp, fine, quiet)


def _unshadowlike(difference: Float, lab: Float, border: Border) -> Mask:
    """A shadow only darkens: it adds little colour, in proportion to the paper's own, never light, and
    seldom blackness."""
    darker = np.maximum(-difference[..., 0], 0)
    chroma_change = np.hypot(difference[..., 1], difference[..., 2])
    paper_light = np.maximum(border.surface[..., 0], 20)
    paper_chroma = np.hypot(border.surface[..., 1], border.surface[..., 2])
    allowed = (
        max(4.0, 4 * border.noise) + 1.1 * paper_chroma * np.minimum(darker, 60) / paper_light + 0.10 * darker
    )
    brighter = difference[..., 0] > max(4.0, 5 * border.noise)
    # L* back to luminance (CIE 1976): under a fifteenth of the paper's light is more than a contact shadow takes.
    luminance = ((np.maximum(lab[..., 0], 8) + 16) / 116) ** 3
    paper = ((np.maximum(border.surface[..., 0], 8) + 16) / 116) ** 3
    return (chroma_change > allowed) | brighter | (luminance < 0.07 * paper)


def _enclose(walls: Mask, cues: Cues, border: Border) -> tuple[Mask, float]:
    """What the walls shut off from the border. Ever wider gaps in them are bridged, and what that adds is kept,
    part by part, where its own outline lies on walls: a product's side does, a pool of shadow does not.

    Returns (mask, share of the walls that it explains).
    """
    differs = shapes.closed(cues.apart > max(1.6, 3 * border.noise), 2)
    on_walls = shapes.grown(walls, 2)
    mask = np.zeros(walls.shape, bool)
    for radius_px in BALL_RADII_PX:
        # Where a ball of this radius gets to from the border without touching a wall; it fits through no smaller gap.
        reached = shapes.joined_to_border(~shapes.grown(walls, radius_px))
        reached = shapes.grown(reached, radius_px + 1) & ~walls
        shut = ~reached
        if radius_px > BALL_RADII_PX[0]:
            # A large ball does not get into open bays either; only what differs from paper may stay in.
            shut &= differs | shapes.grown(walls, 1)
        shut = shapes.opened(shut, 3) | shapes.opened(cues.unshadowlike & ~reached, 1)
        mask = _with_walled_parts(mask, shut, on_walls) if mask.any() else shut
    mask = shapes.main_parts(mask, 0.03)
    return mask, float((walls & shapes.grown(mask, 4)).sum()) / max(1, int(walls.sum()))


def _with_walled_parts(mask: Mask, candidate: Mask, on_walls: Mask) -> Mask:
    """The mask plus those new parts of the candidate whose free outline is mostly wall."""
    count, labels, area = shapes.components(candidate & ~mask)
    out = mask.copy()
    for index in range(1, count):
        if area[index] < 6:
            continue
        part = labels == index
        free = shapes.grown(part, 1) & ~part & ~mask
        if not free.any() or on_walls[free].mean() > WALLED_SHARE:
            out |= part
    return out


def _paper_inside(mask: Mask, lab: Float, walls: Mask, cues: Cues, border: Border) -> Mask:
    """Backdrop seen through a handle: large, smooth, and of the hue and lightness that the paper has nearby.

    On composites every true hole was within 0.2 Lab of the paper's hue and all prints and labels but pure
    white ones were
    not; small pure white prints are why a hole must have half a percent of the photo.
    """
    paper = _paper_nearby(lab, mask, cues, border)
    calm = mask & ~shapes.grown(walls, 1)
    seeds = shapes.opened(calm & (cues.edges < 1.5 * cues.quiet), 2)
    count, labels, area = shapes.components(seeds)
    _, rooms, room_area = shapes.components(shapes.opened(calm, 2))
    out = np.zeros(mask.shape, bool)
    for index in range(1, count):
        if area[index] < HOLE_SHARE * mask.size:
            continue
        here = labels == index
        off = np.median((lab - paper)[here], axis=0)
        same_hue = float(np.hypot(off[1], off[2])) < 0.3
        smooth = (
            float(np.median(cues.edges[here])) < 0.3 * cues.quiet and float(lab[..., 0][here].std()) < 1.8
        )
        if not (same_hue and smooth and abs(float(off[0])) < 1.5):
            continue
        # A shadow falls through the handle too: the whole room between the walls goes, if paper is a good part of it.
        room = int(np.bincount(rooms[here]).argmax())
        whole = rooms == room if room and area[index] > 0.3 * room_area[room] else here
        out |= shapes.grown(whole | here, 2)
    return out & mask


def _paper_nearby(lab: Float, mask: Mask, cues: Cues, border: Border) -> Float:
    """The paper's colour at every place, averaged over the unshadowed backdrop around it (H × W × 3)."""
    clean = (~shapes.grown(mask, 3) & (cues.apart < 4 * border.noise + 1.5)).astype(np.float32)
    # So wide a blur can be had at a quarter of the size.
    size = max(1, mask.shape[1] // 4), max(1, mask.shape[0] // 4)
    weight = cv2.resize(clean, size, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(lab * clean[..., None], size, interpolation=cv2.INTER_AREA)
    reach_px = max(size) / 16
    total = np.maximum(cv2.GaussianBlur(weight, (0, 0), reach_px), 1e-4)
    mean = cv2.GaussianBlur(colours, (0, 0), reach_px) / total[..., None]
    return np.asarray(cv2.resize(mean, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _recut(rgb: Rgb, mask: Mask, cues: Cues, border: Border) -> Mask:
    """GrabCut between sure paper, shadow-or-paper, enclosed, and surely product."""
    paper = shapes.joined_to_border(cues.apart < 1.5 * border.noise + 0.4)
    labels = np.full(mask.shape, grabcut.MAYBE_BACK, np.uint8)
    labels[mask] = grabcut.MAYBE_FRONT
    labels[shapes.shrunk(mask, 5)] = grabcut.FRONT
    labels[cues.unshadowlike & shapes.shrunk(mask, 2)] = grabcut.FRONT
    labels[paper & ~mask] = grabcut.BACK
    labels[shapes.rim(mask.shape, 0.01) & ~mask] = grabcut.BACK
    # The paper far from the product teaches nothing more and would cost half the time.
    rows, columns = np.nonzero(mask)
    near = np.s_[
        max(0, rows.min() - NEAR_PX) : rows.max() + NEAR_PX,
        max(0, columns.min() - NEAR_PX) : columns.max() + NEAR_PX,
    ]
    out = np.zeros(mask.shape, bool)
    out[near] = grabcut.cut(rgb[near], labels[near], rounds=2)
    return out


def _settle(cut: Mask, enclosed: Mask) -> Mask:
    """Specks go, small holes close; a larger hole stays only where the walls did not enclose it either."""
    mask = shapes.main_parts(shapes.opened(cut, 1), 0.03)
    count, labels, area = shapes.components(shapes.holes(mask))
    for index in range(1, count):
        here = labels == index
        if area[index] < 0.0008 * mask.size or (enclosed & here).sum() > 0.5 * area[index]:
            mask |= here
    return mask
