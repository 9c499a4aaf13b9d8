"""Weights whose licence forbids selling do not load unless the operator says so by name."""

import pytest

from gpu_worker.errors import WeightsRefused
from gpu_worker.models.registry import ACCEPT, WEIGHTS, CommercialUse, Weights, find, require


def weights(use: CommercialUse) -> Weights:
    return Weights("lab/cutter", "a1b2c3", {"model.safetensors": "0" * 64}, "CC-BY-NC-4.0", use, "cut-out")


def test_weights_for_shops_load():
    assert require(weights(CommercialUse.YES), {}).key == "lab/cutter@a1b2c3"


@pytest.mark.parametrize("use", [CommercialUse.NO, CommercialUse.CONDITIONAL])
def test_other_weights_are_refused_and_the_refusal_says_what_to_do(use):
    with pytest.raises(WeightsRefused, match=ACCEPT):
        require(weights(use), {})
    with pytest.raises(WeightsRefused):
        require(weights(use), {ACCEPT: "lab/cutter-2,other"})
    assert require(weights(use), {ACCEPT: "other, lab/cutter"})


def test_weights_that_nobody_listed_have_no_licence():
    with pytest.raises(WeightsRefused, match="not in the registry"):
        find("somebody/else")
    assert find("lab/cutter", (weights(CommercialUse.YES),))


def test_every_listed_weight_is_pinned_by_revision_and_checksum():
    for listed in WEIGHTS:
        assert listed.revision and listed.sha256 and listed.licence
        assert all(len(checksum) == 64 for checksum in listed.sha256.values())
