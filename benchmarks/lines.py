"""The door's output: one JSON object per figure on stdout, and nothing else there."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured number under its agreed name. `baseline` is what a yardstick gave in the same run."""

    name: str
    value: float
    unit: str
    baseline: float | None = None

    def shown(self) -> dict[str, Any]:
        """What is printed. The ratio is value to baseline."""
        line: dict[str, Any] = {"name": self.name, "value": _short(self.value), "unit": self.unit}
        if self.baseline is not None:
            line["baseline"] = _short(self.baseline)
            if self.baseline:
                line["ratio"] = _short(self.value / self.baseline)
        return line


def put(figure: Figure) -> None:
    """Prints a figure at once, so that a run that is broken off keeps what it found."""
    sys.stdout.write(json.dumps(figure.shown(), allow_nan=False) + "\n")
    sys.stdout.flush()


def say(words: str) -> None:
    """Tells a person something; stdout is for figures alone."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def _short(value: float) -> float:
    """Five significant digits: more would be noise."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no figure")
    return float(f"{value:.5g}")
