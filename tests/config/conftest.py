"""Data roots outside pytest's own folders, which are closed to `nobody`, the account that root's servers run as."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.config import embedded

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Iterator[Path]:
    """A data root of this test's own; whatever runs there is stopped and deleted afterwards."""
    place = Path(tempfile.gettempdir()) / f"vitrine-root-{os.urandom(4).hex()}"
    yield place
    embedded.Services(place).forget()


@pytest.fixture
def environment(root: Path) -> dict[str, str]:
    """The environment of a command that works on `root`."""
    return {**os.environ, "VITRINE_DATA": str(root), "PYTHONPATH": str(CHECKOUT)}
