"""The one list of weights that engines may load. Nothing is downloaded here; the licence check is the point."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass

from gpu_worker.errors import WeightsRefused

ACCEPT = "ACCEPT_NONCOMMERCIAL_WEIGHTS"


class CommercialUse(enum.StrEnum):
    """What the licence allows a shop to do."""

    YES = "yes"
    NO = "no"
    CONDITIONAL = "conditional"


@dataclass(frozen=True)
class Weights:
    """One set of weights, pinned: `revision` is a commit, `sha256` the checksum of each file by name."""

    id: str
    revision: str
    sha256: Mapping[str, str]
    licence: str
    commercial_use: CommercialUse
    purpose: str
    conditions: str = ""

    @property
    def key(self) -> str:
        """What the render cache is keyed by."""
        return f"{self.id}@{self.revision}"


# The classic engine needs none. An engine that loads weights adds its line here first.
WEIGHTS: tuple[Weights, ...] = ()


def find(weights_id: str, known: tuple[Weights, ...] = WEIGHTS) -> Weights:
    """The weights of that id. Raises WeightsRefused for weights that nobody listed."""
    for weights in known:
        if weights.id == weights_id:
            return weights
    raise WeightsRefused(
        f"The weights {weights_id!r} are not in the registry, so their licence is not known."
    )


def accepted(environment: Mapping[str, str] = os.environ) -> set[str]:
    """The ids that the operator has accepted by name."""
    return {name.strip() for name in environment.get(ACCEPT, "").split(",") if name.strip()}


def require(weights: Weights, environment: Mapping[str, str] = os.environ) -> Weights:
    """The same weights, if a shop may use them or the operator said by name that it may. Raises WeightsRefused."""
    if weights.commercial_use is CommercialUse.YES or weights.id in accepted(environment):
        return weights
    said = (
        "forbids commercial use"
        if weights.commercial_use is CommercialUse.NO
        else "allows commercial use on conditions"
    )
    raise WeightsRefused(
        f"The licence of {weights.id} ({weights.licence}) {said}"
        f"{': ' + weights.conditions if weights.conditions else ''}. To use it all the same, put its id into {ACCEPT}."
    )
