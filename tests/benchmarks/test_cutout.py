"""What is printed of confidences and of each kind, counted by hand."""

from __future__ import annotations

import pytest

from benchmarks import cutout
from benchmarks.quality import Measured, Score


def photo(
    kind: str,
    iou: float,
    confidence: float,
    *,
    mae: float = 0.01,
    edge: float | None = 0.1,
    yardstick: float | None = None,
):
    reference = None if yardstick is None else Score(yardstick, 0.2, 0.4)
    return Measured(
        f"{kind}-{iou}-{confidence}", kind, "mug", (64, 64), Score(iou, mae, edge), confidence, 0.1, reference
    )


def test_means_are_taken_per_kind_beside_the_yardstick():
    results = [
        photo("white", 0.98, 0.9, mae=0.01, yardstick=0.6),
        photo("white", 0.94, 0.9, mae=0.03, edge=None, yardstick=0.8),
        photo("room", 0.5, 0.2, yardstick=0.25),
    ]
    figures = {f.name: f.shown() for f in cutout.quality_figures(results)}
    assert set(figures) == {f"cutout.{m}.{k}" for m in ("iou", "mae", "edge_mae") for k in ("white", "room")}
    assert figures["cutout.iou.white"] == {
        "name": "cutout.iou.white", "value": 0.96, "unit": "IoU", "baseline": 0.7, "ratio": pytest.approx(0.96 / 0.7, rel=1e-4),
    }  # fmt: skip
    assert figures["cutout.mae.white"]["value"] == pytest.approx(0.02)
    assert figures["cutout.edge_mae.white"]["value"] == pytest.approx(0.1), (
        "a photo without an edge has no edge error"
    )
    assert figures["cutout.iou.room"]["ratio"] == pytest.approx(2)


def test_a_run_without_yardstick_prints_no_baseline():
    (figure, *_) = cutout.quality_figures([photo("white", 0.98, 0.9)])
    assert figure.shown() == {"name": "cutout.iou.white", "value": 0.98, "unit": "IoU"}


def test_acceptance_is_counted_at_the_threshold_itself():
    trust = cutout.confidence(
        [
            photo("white", 0.99, 0.9),  # accepted: 0.9 is enough
            photo("grey", 0.89, 0.95),  # accepted and wrong
            photo("paper", 0.9, 0.899),  # good, and a person looks
            photo("room", 0.99, 0.99),  # accepted, not plain
            photo("texture", 0.2, 0.1),
        ]
    )
    assert (trust.accepted, trust.bad) == (3, 1)
    assert trust.accepted_bad_share == pytest.approx(1 / 3)
    assert trust.accepted_share_plain == pytest.approx(2 / 3)
    # Bad are .95 and .1; good .9, .899, .99. Of six pairs the good one is surer in 1 + 3.
    assert trust.auroc == pytest.approx(4 / 6)
    assert {f.name for f in cutout.confidence_figures(trust)} == {
        "cutout.confidence_auroc", "cutout.accepted_bad_share", "cutout.accepted_share_plain",
    }  # fmt: skip


def test_nothing_accepted_has_no_bad_share():
    trust = cutout.confidence([photo("room", 0.99, 0.5), photo("room", 0.5, 0.5)])
    assert trust.accepted_bad_share is None and trust.accepted_share_plain is None
    assert trust.auroc == 0.5
    assert [f.name for f in cutout.confidence_figures(trust)] == ["cutout.confidence_auroc"]
