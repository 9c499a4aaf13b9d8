"""Surfaces as triangles: lathes, tubes, rounded boxes, extruded and inflated outlines, cloth; moved, turned and joined.

Units are free (a product is about 2 high); y is up, z towards the viewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]
Outline = Sequence[Floats]
MASK_PX = 192


def vec(values: ArrayLike) -> Floats:
    """Numbers as a float32 array."""
    return np.asarray(values, np.float32)


@dataclass(frozen=True)
class Mesh:
    """`points`, `normals` N × 3, `uv` N × 2 (a texture repeats every 1), `faces` M × 3 indices.

    `shut`: it has no rim and its normals point outwards, so what faces away is never seen.
    """

    points: Floats
    normals: Floats
    uv: Floats
    faces: Ints
    shut: bool = False

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """The same, elsewhere."""
        return replace(self, points=self.points + vec((x, y, z)))

    def turned(self, axis: str, degrees: float) -> Mesh:
        """The same, turned about `axis` ("x", "y" or "z") through the origin."""
        matrix = rotation(axis, degrees)
        return replace(self, points=self.points @ matrix.T, normals=self.normals @ matrix.T)

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> Mesh:
        """The same, larger or smaller along each axis; one number scales all three."""
        k = vec((x, x if y is None else y, x if z is None else z))
        return replace(self, points=self.points * k, normals=unit(self.normals / k))

    def tiled(self, u: float, v: float) -> Mesh:
        """The same with its texture repeated `u` × `v` times as often."""
        return replace(self, uv=self.uv * vec((u, v)))


def rotation(axis: str, degrees: float) -> Floats:
    """3 × 3 matrix that turns by `degrees` about "x", "y" or "z", anticlockwise seen from the axis' tip."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix.astype(np.float32)


def unit(v: Floats) -> Floats:
    """Vectors of length 1 (… × 3)."""
    length = np.sqrt(np.einsum("...i,...i->...", v, v))
    return np.asarray(v / np.maximum(length, 1e-9)[..., None], np.float32)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several surfaces as one."""
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.points for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        all(mesh.shut for mesh in meshes),
    )


def sheet(points: Floats, wrap: bool = False, uv: Floats | None = None) -> Mesh:
    """A grid of points (R × C × 3) as a surface; with `wrap` the last column equals the first."""
    rows, cols = points.shape[:2]
    down = np.gradient(points, axis=0)
    if wrap:
        ring = points[:, :-1]
        across = np.roll(ring, -1, axis=1) - np.roll(ring, 1, axis=1)
        across = np.concatenate([across, across[:, :1]], axis=1)
    else:
        across = np.gradient(points, axis=1)
    normals = np.cross(across, down)
    # A pole has no direction of its own: it takes that of its neighbours.
    for pole, beside in ((0, 1), (-1, -2)):
        lost = np.einsum("ci,ci->c", normals[pole], normals[pole]) < 1e-14
        normals[pole][lost] = normals[beside].mean(axis=0) if lost.all() else normals[beside][lost]
    if uv is None:
        v, u = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : cols * 1j]
        uv = np.stack([u, v], axis=2)
    index = np.arange(rows * cols).reshape(rows, cols)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        unit(normals.reshape(-1, 3).astype(np.float32)),
        uv.reshape(-1, 2).astype(np.float32),
        faces,
    )


def bevelled(line: ArrayLike, radius: float, closed: bool = False) -> Floats:
    """A polyline (K × D) whose corners are cut by an arc of three points, `radius` or less from the corner."""
    p = np.asarray(line, np.float32)
    before, after = np.roll(p, 1, axis=0), np.roll(p, -1, axis=0)
    back, on = before - p, after - p
    back_len, on_len = np.linalg.norm(back, axis=1), np.linalg.norm(on, axis=1)
    cut_a = (np.minimum(radius, 0.45 * back_len) / np.maximum(back_len, 1e-9))[:, None]
    cut_b = (np.minimum(radius, 0.45 * on_len) / np.maximum(on_len, 1e-9))[:, None]
    a, b = p + back * cut_a, p + on * cut_b
    arc = np.stack([a, 0.25 * a + 0.5 * p + 0.25 * b, b], axis=1)
    if closed:
        return arc.reshape(-1, p.shape[1]).astype(np.float32)
    return np.concatenate([p[:1], arc[1:-1].reshape(-1, p.shape[1]), p[-1:]]).astype(np.float32)


def smooth(line: ArrayLike, count: int = 24, closed: bool = False) -> Floats:
    """A Catmull-Rom spline of `count` points through the given ones (K × D)."""
    p = np.asarray(line, np.float64)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, len(p) - 3, count, endpoint=not closed)
    i = np.minimum(t.astype(int), len(p) - 4)
    f = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    out = 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
    return out.astype(np.float32)


def lathe(profile: ArrayLike, bevel: float = 0.03, sides: int = 40, round_: float = 1.0) -> Mesh:
    """A profile of (height, radius) turned about y; `round_` squeezes it along z (1 = circular)."""
    line = bevelled(profile, bevel) if bevel else np.asarray(profile, np.float32)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    y, r = line[:, :1], line[:, 1:2]
    grid = np.stack([r * np.sin(angle), np.repeat(y, sides + 1, 1), r * np.cos(angle) * round_], axis=2)
    run = np.cumsum(np.concatenate([[0.0], np.hypot(*np.diff(line, axis=0).T)]))
    u = np.repeat(angle[None] / (2 * np.pi) + 0.5, len(line), 0)
    v = np.repeat((1 - run / max(run[-1], 1e-6))[:, None], sides + 1, 1)
    return sheet(grid.astype(np.float32), wrap=True, uv=np.stack([u, v], axis=2).astype(np.float32))


def cylinder(radius: float, height: float, bevel: float = 0.03, sides: int = 32) -> Mesh:
    """A closed cylinder that stands on y = 0."""
    return replace(lathe([(0, 0), (0, radius), (height, radius), (height, 0)], bevel, sides), shut=True)


def ball(rx: float, ry: float | None = None, rz: float | None = None, detail: int = 20) -> Mesh:
    """An ellipsoid about the origin."""
    a = np.linspace(-np.pi / 2, np.pi / 2, detail)
    mesh = lathe(np.stack([np.sin(a), np.maximum(np.cos(a), 0)], axis=1), 0, detail * 2)
    return replace(mesh.scaled(rx, rx if ry is None else ry, rx if rz is None else rz), shut=True)


def tube(
    path: ArrayLike, radius: float | ArrayLike, sides: int = 10, closed: bool = False, flat: float = 1.0
) -> Mesh:
    """A round rope along `path` (K × 3), closed to a ring or with caps; `flat` squeezes its second axis."""
    p = np.asarray(path, np.float32)
    ends = p[-1:] - p[-2:-1], p[:1] - p[1:2]
    along = unit(np.roll(p, -1, axis=0) - np.roll(p, 1, axis=0) if closed else np.gradient(p, axis=0))
    first, second = _frames(along, closed)
    r = np.broadcast_to(np.asarray(radius, np.float32), (len(p),))[:, None, None]
    angle = np.linspace(0, 2 * np.pi, sides + 1).astype(np.float32)[None, :, None]
    ring = first[:, None] * np.cos(angle) + flat * second[:, None] * np.sin(angle)
    grid = p[:, None] + r * ring
    if closed:
        grid = np.concatenate([grid, grid[:1]])
    else:
        half = 0.7 * r[0] * unit(ends[1]), 0.7 * r[-1] * unit(ends[0])
        caps = [np.repeat((p[k] + half[k])[None], sides + 1, 1) for k in (0, -1)]
        mids = [p[k] + 0.75 * half[k] + 0.7 * r[k] * ring[k] for k in (0, -1)]
        grid = np.concatenate([caps[0], mids[0][None], grid, mids[1][None], caps[1]])
    return replace(sheet(grid.astype(np.float32), wrap=True), shut=True)


def _frames(along: Floats, closed: bool) -> tuple[Floats, Floats]:
    """Two directions across each step of a path, carried on without twist (double projection)."""
    first = np.empty_like(along)
    start = vec((0, 1, 0)) if abs(along[0, 1]) < 0.8 else vec((1, 0, 0))
    last = start
    for i, t in enumerate(along):
        last = last - t * float(last @ t)
        last = last / max(float(np.sqrt(last @ last)), 1e-6)
        first[i] = last
    return first, np.cross(along, first).astype(np.float32)


def ring(radius: float, thick: float, flat: float = 1.0, sides: int = 10, count: int = 40) -> Mesh:
    """A torus about y."""
    a = np.linspace(0, 2 * np.pi, count, endpoint=False)
    path = np.stack([radius * np.sin(a), 0 * a, radius * np.cos(a)], axis=1)
    return tube(path, thick, sides, closed=True, flat=flat)


def box(w: float, h: float, d: float, radius: float = 0.04, atlas: bool = False) -> Mesh:
    """A box with rounded edges about the origin, `w` × `h` × `d` large.

    With `atlas` the texture's left third is its front and back, the middle its sides, the right its top and foot.
    """
    half = np.array([w, h, d], np.float32) / 2
    r = float(min(radius, 0.98 * half.min()))
    faces = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            i, j = [(2, 1), (0, 2), (0, 1)][axis]
            a, b = _lines(half[i], r), _lines(half[j], r)
            grid = np.zeros((len(b), len(a), 3), np.float32)
            grid[..., i], grid[..., j], grid[..., axis] = a[None], b[:, None], sign * half[axis]
            inner = np.clip(grid, -(half - r), half - r)
            normal = unit(grid - inner)
            flat_uv = np.stack(
                [
                    np.repeat(a[None], len(b), 0) / (2 * half[i]),
                    np.repeat(b[:, None], len(a), 1) / (2 * half[j]),
                ]
            )
            uv = np.stack([flat_uv[0] * (sign if axis == 2 else -sign) + 0.5, 0.5 - flat_uv[1]], axis=2)
            if atlas:
                uv[..., 0] = (uv[..., 0] + (1, 2, 0)[axis]) / 3
            face = sheet(grid, uv=uv.astype(np.float32))
            faces.append(
                Mesh((inner + r * normal).reshape(-1, 3), normal.reshape(-1, 3), face.uv, face.faces)
            )
    return joined(faces)


def _lines(half: float, r: float) -> Floats:
    """Grid lines over a side: close together where the edge is rounded."""
    flat = half - r
    return np.concatenate(
        [
            [-half, -half + 0.25 * r, -half + 0.6 * r],
            np.linspace(-flat, flat, 5),
            [half - 0.6 * r, half - 0.25 * r, half],
        ]
    ).astype(np.float32)


def extrude(outline: Outline, depth: float, bevel: float = 0.03) -> Mesh:
    """A plate of `depth` about z = 0 from closed outlines (K × 2 each): the first solid, others holes in it."""
    caps, sides = [], []
    flat, faces = _triangulated([bevelled_outline(line, bevel, k > 0) for k, line in enumerate(outline)])
    lo, hi = flat.min(axis=0), flat.max(axis=0)
    uv = (flat - lo) / np.maximum(hi - lo, 1e-6)
    uv[:, 1] = 1 - uv[:, 1]
    for sign in (1.0, -1.0):
        z = np.full(len(flat), sign * depth / 2)
        n = np.repeat(vec([[0, 0, sign]]), len(flat), 0)
        caps.append(Mesh(np.column_stack([flat, z]).astype(np.float32), n, uv.astype(np.float32), faces))
    for k, line in enumerate(outline):
        inner = bevelled_outline(line, bevel, k > 0)
        half = depth / 2
        rings = [(inner, half), (line + 0.3 * (inner - line), half - 0.3 * bevel), (line, half - bevel)]
        rings += [(r, -z) for r, z in reversed(rings)]
        grid = np.stack([np.column_stack([r, np.full(len(r), z)]) for r, z in rings])
        sides.append(sheet(np.concatenate([grid, grid[:, :1]], axis=1).astype(np.float32), wrap=True))
    return joined(caps + sides)


def bevelled_outline(line: Floats, inset: float, hole: bool) -> Floats:
    """A closed outline moved inwards (for a hole: outwards) by about `inset`."""
    edge = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    area = np.sum(line[:, 0] * np.roll(line[:, 1], -1) - np.roll(line[:, 0], -1) * line[:, 1])
    normal = np.column_stack([-edge[:, 1], edge[:, 0]]) * np.sign(area) * (-1 if hole else 1)
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return (line + inset * normal / length).astype(np.float32)


def _mask(outline: Outline, lo: Floats, scale: float) -> NDArray[np.uint8]:
    """The outlines as a picture, even-odd."""
    mask = np.zeros((MASK_PX, MASK_PX), np.uint8)
    polygons = [np.round(((line - lo) * scale + 2) * 16).astype(np.int32) for line in outline]
    cv2.fillPoly(mask, polygons, 255, shift=4)
    return mask


def _triangulated(outline: Outline, inner: Floats | None = None) -> tuple[Floats, Ints]:
    """Triangles over outlines with holes: Delaunay, less what lies outside."""
    points = np.concatenate([*outline, *([] if inner is None else [inner])]).astype(np.float64)
    faces = Delaunay(points, qhull_options="QJ Qbb Qc Pp").simplices.astype(np.intp)
    lo = points.min(axis=0)
    scale = (MASK_PX - 5) / max(float((points.max(axis=0) - lo).max()), 1e-6)
    mask = _mask(outline, lo.astype(np.float32), scale)
    middle = ((points[faces].mean(axis=1) - lo) * scale + 2).round().astype(int)
    return points.astype(np.float32), faces[mask[middle[:, 1], middle[:, 0]] > 0]


def inflate(
    outline: Outline, thick: float, power: float = 0.5, step: float = 0.07, both: bool = True
) -> Mesh:
    """A pillow over outlines with holes: `thick` high at its middle, falling to the edge as distance ** `power`."""
    lo = np.concatenate(list(outline)).min(axis=0)
    span = float((np.concatenate(list(outline)).max(axis=0) - lo).max())
    scale = (MASK_PX - 5) / span
    mask = _mask(outline, lo, scale)
    far = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    pitch = max(step * span * scale, 4.0)
    y, x = np.mgrid[0:MASK_PX:pitch, 0:MASK_PX:pitch]
    x = x + (np.arange(len(x)) % 2)[:, None] * pitch / 2
    grid = np.column_stack([x.ravel(), y.ravel()])
    at = np.minimum(grid.round().astype(int), MASK_PX - 1)
    grid = grid[far[at[:, 1], at[:, 0]] > 0.45 * pitch]
    # Rings near the edge, where the pillow is steepest.
    near = [bevelled_outline(line, d * span, k > 0) for k, line in enumerate(outline) for d in (0.012, 0.03)]
    rings = np.concatenate(near)
    at = np.clip(((rings - lo) * scale + 2).round().astype(int), 0, MASK_PX - 1)
    rings = rings[far[at[:, 1], at[:, 0]] > 0.6]
    flat, faces = _triangulated(outline, np.concatenate([(grid - 2) / scale + lo, rings]).astype(np.float32))
    where = ((flat - lo) * scale + 2).astype(np.float32)
    soft = cv2.GaussianBlur(far, (0, 0), 2.0) * (mask > 0)
    d = cv2.remap(soft, where[:, :1], where[:, 1:], cv2.INTER_LINEAR).ravel()
    d[: sum(len(line) for line in outline)] = 0
    z = thick * (d / max(float(soft.max()), 1e-6)) ** power
    uv = (flat - lo) / span
    uv[:, 1] = 1 - uv[:, 1]
    front = with_normals(np.column_stack([flat, z]).astype(np.float32), uv.astype(np.float32), faces)
    return joined([front, front.scaled(1, 1, -1)]) if both else front


def with_normals(points: Floats, uv: Floats, faces: Ints) -> Mesh:
    """A mesh whose smooth normals are the mean of the faces around each point."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    n = np.cross(b - a, c - a)
    n[n[:, 2] < 0] *= -1
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(n[:, k], 3), minlength=len(points)) for k in range(3)], axis=1
    )
    return Mesh(points, unit(total.astype(np.float32)), uv, faces)


def mirrored(side: ArrayLike, count: int = 120, corner: float = 0.0) -> Floats:
    """A closed outline symmetric about x = 0 from its right half, top to bottom.

    A spline through the points, or, with `corner`, straight lines whose corners are cut by that much.
    """
    right = np.asarray(side, np.float32)
    left = right[::-1] * vec((-1, 1))
    keep = np.abs(left[:, 0]) > 1e-4
    line = np.concatenate([right, left[keep]])
    return dense(bevelled(line, corner, closed=True), count) if corner else smooth(line, count, closed=True)


def dense(line: Floats, count: int) -> Floats:
    """A closed polyline with extra points so that no gap is longer than its whole length / `count`."""
    after = np.roll(line, -1, axis=0)
    length = np.linalg.norm(after - line, axis=1)
    step = max(float(length.sum()) / count, 1e-6)
    pieces = [
        a + (b - a) * np.arange(k)[:, None] / k
        for a, b, k in zip(line, after, np.maximum(1, np.round(length / step)).astype(int), strict=True)
    ]
    return np.concatenate(pieces).astype(np.float32)


def circle(
    radius: float, x: float = 0.0, y: float = 0.0, count: int = 40, tall: float = 1.0, power: float = 2.0
) -> Floats:
    """A closed round outline; `tall` stretches it along y, a `power` over 2 squares it."""
    a = np.linspace(0, 2 * np.pi, count, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    k = radius * (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power)
    return np.column_stack([x + k * c, y + tall * k * s]).astype(np.float32)
