"""What the backdrop would look like without the product: a smooth colour surface fitted to the border of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import shapes

Float = NDArray[np.float32]
BAND_SHARE = 0.04
# 80 % of the border within this distance (Lab) of the surface: a studio, paper or a wall. Found on composites.
PLAIN_RESIDUAL = 4.5


def to_lab(rgb: Rgb) -> Float:
    """CIELAB, float32, L from 0 to 100."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)


@dataclass(frozen=True)
class Border:
    """`surface`: the backdrop everywhere (H × W × 3, Lab). `residual_p50`, `residual_p80`: how far the
    border strays from it."""

    surface: Float
    residual_p50: float
    residual_p80: float

    @property
    def noise(self) -> float:
        """Standard deviation of the backdrop per channel, within sane bounds."""
        return float(np.clip(self.residual_p50, 0.4, 4.0))

    @property
    def plain(self) -> bool:
        """Whether the backdrop is one smooth surface."""
        return self.residual_p80 < PLAIN_RESIDUAL


def fit(lab: Float) -> Border:
    """Fits a quadratic surface per Lab channel to the border by iteratively reweighted least squares.

    Tukey's biweight lets a product that crosses the border, or a stain, drop out of the fit.
    """
    height_px, width_px = lab.shape[:2]
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0), np.float32)
    terms = _terms(height_px, width_px)
    band = shapes.rim((height_px, width_px), BAND_SHARE, least_px=4)
    design, values = _thinned(terms[band], smooth[band])
    weight = np.ones(len(design))
    coefficients: NDArray[np.float64] = np.zeros((terms.shape[-1], 3))
    distance = np.zeros(len(design))
    for _ in range(8):
        # Six terms of about one: the normal equations are sound and far cheaper than the tall system. `lstsq` and not
        # `solve`, for a photo of one column has no slope.
        weighted = (design * weight[:, None]).T
        coefficients = np.asarray(np.linalg.lstsq(weighted @ design, weighted @ values, rcond=None)[0])
        distance = np.linalg.norm(values - design @ coefficients, axis=1)
        scale = max(0.5, 1.4826 * float(np.median(distance)))
        weight = np.clip(1 - (distance / (4 * scale)) ** 2, 0, None) ** 2
    surface = (terms.reshape(-1, terms.shape[-1]) @ coefficients.astype(np.float32)).reshape(lab.shape)
    p50, p80 = np.percentile(distance, [50, 80])
    return Border(_within_seen(surface, values, weight), float(p50), float(p80))


def _terms(height_px: int, width_px: int) -> Float:
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    x, y = x / max(1, width_px - 1) * 2 - 1, y / max(1, height_px - 1) * 2 - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _thinned(design: Float, values: Float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = max(1, len(design) // 12_000)
    return design[::step].astype(np.float64), values[::step].astype(np.float64)


def _within_seen(surface: Float, values: NDArray[np.float64], weight: NDArray[np.float64]) -> Float:
    """A quadratic may bulge in the middle, where nothing was seen; the range met at the border bounds it."""
    trusted = values[weight > 0.1] if (weight > 0.1).any() else values
    slack = 4.0
    low, high = trusted.min(axis=0) - slack, trusted.max(axis=0) + slack
    return np.clip(surface, low, high).astype(np.float32)


def gradients(lab: Float) -> tuple[Float, Float]:
    """Strength of fine (σ 1) and coarse (σ 3) edges, Lab units per pixel: a shadow's edge is weak where
    fine is asked."""
    return _gradient(lab, 1.0), _gradient(lab, 3.0)


def _gradient(lab: Float, sigma_px: float) -> Float:
    smooth = cv2.GaussianBlur(lab, (0, 0), sigma_px)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    return np.sqrt(np.einsum("ijk,ijk->ij", dx, dx) + np.einsum("ijk,ijk->ij", dy, dy))


def rim_cover(mask: Mask) -> float:
    """Share of the photo's outermost pixels that the mask covers."""
    frame = shapes.rim(mask.shape, 0.01)
    return float(mask[frame].mean())
