"""What the command line asks of a part, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.folder import KINDS


@dataclass(frozen=True)
class Asked:
    """`data` is a bench folder, None draws one into `cache`. `limit` and `kinds` choose photos.

    `report` gets the pages. `quality_only` leaves out the yardstick and everything that is timed. `sizes_mp` are the
    megapixels to time. `quick` runs the parts of the house at toy size: a check that they run, no measurement.
    """

    report: Path
    cache: Path
    data: Path | None = None
    kinds: tuple[str, ...] = KINDS
    limit: int | None = None
    workers: int | None = None
    engine: str = "classic"
    seed: int = 0
    size_px: int = 1024
    sizes_mp: tuple[float, ...] = (1, 4, 12, 25)
    quality_only: bool = False
    quick: bool = False
