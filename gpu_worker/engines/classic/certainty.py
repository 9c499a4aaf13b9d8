"""How likely a cut-out that the network began is right, from cues that fail for different reasons, calibrated."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Rgb
from gpu_worker.engines.classic.border import Border, rim_cover
from gpu_worker.engines.classic.confidence import weak_outline
from gpu_worker.engines.classic.fused import Cut, by_colour_alone
from gpu_worker.engines.classic.prior import Prior

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """`agreement`: overlap of the network's guess with the cut by colour. `mirrored`, `nearer`, `doubt`: see Prior.
    `plain`: whether the backdrop is one smooth surface; `walls`: then, the overlap with what crisp edges shut off.
    `boxed`: else, the overlap with a cut that knows only a box.
    `weak_outline`, `residual`, `rim`, `area`: see `confidence.Evidence`."""

    agreement: float
    mirrored: float
    nearer: float
    doubt: float
    plain: float
    walls: float
    boxed: float
    weak_outline: float
    residual: float
    rim: float
    area: float


def gather(rgb: Rgb, lab: Float, cut: Cut, border: Border, seen: Prior) -> Evidence:
    """Takes the measures of a cut at work size."""
    mask = cut.mask
    guess = seen.product > 0.5
    union = int((guess | mask).sum())
    return Evidence(
        agreement=float((guess & mask).sum()) / max(1, union),
        mirrored=seen.mirrored,
        nearer=seen.nearer,
        doubt=seen.doubt,
        plain=float(cut.walls is not None),
        walls=cut.walls or 0.0,
        boxed=by_colour_alone(rgb, mask) if cut.walls is None else 0.0,
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
            e.plain,
            e.plain * np.log(0.02 + 1 - e.walls),
            (1 - e.plain) * np.log(0.03 + 1 - e.boxed),
            e.weak_outline,
            min(e.residual, 30.0) / 10,
            e.rim,
            np.log(max(e.area, 1e-4)),
        ]
    )


# Fitted by `python -m gpu_worker.training calibrate` on composites of products that the network never saw.
WEIGHTS = (-3.394, -1.001, -0.466, 0.13, -0.523, 0.068, -0.205, -0.237, 0.608, -0.081, 0.598, -0.17)


# Where the backdrop is not plain, held-out composites that were accepted were wrong in 4 to 8 of 100, measured with an
# earlier network: a cut-out there has to be surer to go unseen.
OFF_PLAIN = 0.93
# Share of the photo's edge that the product covers, and what is left of the confidence: the cut-out of a product
# that the photo cuts off may be exact, and is still nothing to publish unseen.
CUT_OFF, SEEN = (0.01, 0.06, 0.3), (1.0, 0.85, 0.6)


def judge(evidence: Evidence) -> float:
    """The probability (0 to 1) that the cut-out overlaps the truth by at least nine tenths."""
    if evidence.area < 0.0015 or evidence.area > 0.97:
        return 0.0
    odds = float(np.dot(WEIGHTS, features(evidence)))
    right = float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))
    if not evidence.plain:
        right *= OFF_PLAIN
    return round(right * float(np.interp(evidence.rim, CUT_OFF, SEEN)), 4)


def measured(notes: dict[str, float]) -> Evidence:
    """The evidence that a matte's notes hold; how calibration reads it back."""
    return Evidence(**{name: notes[name] for name in asdict(Evidence(*[0.0] * 11))})
