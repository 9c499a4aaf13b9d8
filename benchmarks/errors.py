"""What can be wrong with the way a benchmark is asked for."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark can't run as asked; the message says what to change."""
