"""How likely a cut-out that the network began is right: agreement of cues that fail for different reasons, calibrated."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask
from gpu_worker.engines.classic.border import Border, rim_cover
from gpu_worker.engines.classic.confidence import weak_outline
from gpu_worker.engines.classic.prior import Prior

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """`agreement`: overlap of the network's guess with the cut by colour. `mirrored`, `nearer`, `doubt`: see Prior.
    `weak_outline`, `residual`, `rim`, `area`: see `confidence.Evidence`."""

    agreement: float
    mirrored: float
    nearer: float
    doubt: float
    weak_outline: float
    residual: float
    rim: float
    area: float


def gather(lab: Float, mask: Mask, border: Border, seen: Prior) -> Evidence:
    """Takes the measures of a mask at work size."""
    guess = seen.product > 0.5
    union = int((guess | mask).sum())
    return Evidence(
        agreement=float((guess & mask).sum()) / max(1, union),
        mirrored=seen.mirrored,
        nearer=seen.nearer,
        doubt=seen.doubt,
        weak_outline=weak_outline(lab, mask),
        residual=border.residual_p80,
        rim=rim_cover(mask),
        area=float(mask.mean()),
    )


def features(evidence: Evidence) -> NDArray[np.float64]:
    """What the logistic model reads: each measure bent so that the odds of being right change evenly along it."""
    e = evidence
    return np.array(
        [
            1.0,
            np.log(0.005 + 1 - e.agreement),
            np.log(0.005 + 1 - e.mirrored),
            np.log(0.01 + 1 - e.nearer),
            np.log(0.01 + e.doubt),
            e.weak_outline,
            min(e.residual, 30.0) / 10,
            e.rim,
            np.log(max(e.area, 1e-4)),
        ]
    )


# Fitted by `python -m gpu_worker.training calibrate` on composites of products that the network never saw.
WEIGHTS = (-4.0, -1.2, -1.0, -0.4, -0.4, -2.0, -0.4, -4.0, 0.0)


def judge(evidence: Evidence) -> float:
    """The probability (0 to 1) that the cut-out overlaps the truth by at least nine tenths."""
    if evidence.area < 0.0015 or evidence.area > 0.97:
        return 0.0
    odds = float(np.dot(WEIGHTS, features(evidence)))
    return round(float(1 / (1 + np.exp(-np.clip(odds, -30, 30)))), 4)


def measured(notes: dict[str, float]) -> Evidence:
    """The evidence that a matte's notes hold; how calibration reads it back."""
    return Evidence(**{name: notes[name] for name in asdict(Evidence(*[0.0] * 8))})
