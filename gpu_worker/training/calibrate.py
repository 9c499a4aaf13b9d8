"""Fits the classic engine's confidence: which evidence goes with being right, on products never trained on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from gpu_worker.engines.classic import certainty
from gpu_worker.training.bank import Bank
from gpu_worker.training.composite import Mix, sample
from gpu_worker.training.gather import CLEAN, one_thread

SIZE_PX = 640
RIGHT = 0.9
SEED = 2_000_003
# No whole photos: their masks are the engine's own, and would only tell that it agrees with itself.
MIX = Mix(whole=0.0, plain=0.38, texture=0.27)
RIDGE = 0.02


@dataclass(frozen=True)
class Seen:
    """What the engine made of one composite: its evidence and its overlap with the truth."""

    notes: dict[str, float]
    iou: float


def look(bank: Bank, count: int, network: Path | None, workers: int) -> Iterator[Seen]:
    """Cuts out `count` composites of the bank, SIZE_PX on each side."""
    parts = [range(first, count, workers * 4) for first in range(workers * 4)]
    with ProcessPoolExecutor(workers, CLEAN, one_thread) as pool:
        for found in pool.map(_look_part, [bank] * len(parts), parts, [network] * len(parts)):
            yield from found


def _look_part(bank: Bank, numbers: range, network: Path | None) -> list[Seen]:
    from gpu_worker.engines.classic.engine import ClassicEngine

    engine = ClassicEngine(network) if network else ClassicEngine()
    out = []
    for number in numbers:
        rgb, truth = sample((SEED, number), bank, SIZE_PX, MIX)
        if (truth > 127).mean() < 0.002:
            continue
        matte = engine.cutout(rgb)
        if "agreement" in matte.notes:
            mine, true = matte.alpha > 0.5, truth > 127
            out.append(Seen(dict(matte.notes), float((mine & true).sum() / (mine | true).sum())))
    return out


def fit(seen: list[Seen]) -> NDArray[np.float64]:
    """Weights of the logistic model: maximum likelihood, a light ridge against overrating rare evidence."""
    x = np.array([certainty.features(certainty.measured(one.notes)) for one in seen])
    y = np.array([one.iou >= RIGHT for one in seen], float)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    mean[0], spread[0] = 0.0, 1.0
    z = (x - mean) / spread

    def cost(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = z @ w
        p = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        value = float(np.mean(np.logaddexp(0, odds) - y * odds) + 0.5 * RIDGE * np.sum(w[1:] ** 2))
        slope = z.T @ (p - y) / len(y)
        slope[1:] += RIDGE * w[1:]
        return value, slope

    found: Any = minimize(cost, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B")
    weights = np.asarray(found.x) / spread
    weights[0] = found.x[0] - float(np.sum(found.x[1:] * mean[1:] / spread[1:]))
    return weights


def report(seen: list[Seen], weights: NDArray[np.float64]) -> dict[str, float | None]:
    """How the fitted confidence does on what it was not fitted to."""
    x = np.array([certainty.features(certainty.measured(one.notes)) for one in seen])
    p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
    right = np.array([one.iou >= RIGHT for one in seen])
    taken = p >= 0.9
    order = p[right][:, None] - p[~right][None, :]
    return {
        "pictures": len(seen),
        "right": float(right.mean()),
        "auroc": float(((order > 0) + 0.5 * (order == 0)).mean())
        if right.any() and not right.all()
        else None,
        "accepted": float(taken.mean()),
        "wrong_among_accepted": float((~right[taken]).mean()) if taken.any() else 0.0,
        "brier": float(np.mean((p - right) ** 2)),
    }
