"""Amounts of bytes as people write and read them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1}
_STEPS = ("K", "M", "G", "T", "P")
for _power, _letter in enumerate(_STEPS, start=1):
    _UNITS |= {_letter: 1024**_power, f"{_letter}IB": 1024**_power, f"{_letter}B": 1000**_power}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*\Z")


def parsed(text: str) -> int:
    """``500 GB``, ``1.5GiB``, ``200G`` (binary) or plain bytes as a number of bytes. Raises ValueError."""
    found = _SIZE.match(text)
    unit = found.group(2).upper() if found else ""
    if found is None or unit not in _UNITS:
        raise ValueError(f"{text!r} is no amount of bytes such as 500 GB.")
    return int(float(found.group(1)) * _UNITS[unit])


def human(size_bytes: int) -> str:
    """``1.4 GB``: decimal units, as disks are sold."""
    size, unit = float(size_bytes), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
