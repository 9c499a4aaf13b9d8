"""Whether a secret stands in a text, in any spelling in which it travels: as it is, in an address, in base64, in hex."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

# What WooCommerce and Shopify stores, and our sandboxes, give out as a secret: it is known wherever it shows up.
GIVEN_OUT = re.compile(rb"(?:cs_[0-9a-f]{40}|shp(?:ss|at|ua)_[0-9a-f]{32}|shprt_[0-9a-f]{48})(?![0-9a-f])")
SHORTEST = 8


def spellings(secret: str) -> set[bytes]:
    """Base64 wherever the secret stands in what was encoded, so that ``user:password`` is found whoever the user is."""
    raw = secret.encode()
    found = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        raw.hex(),
    }
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        # The first characters and the last share bits with what stands before and after.
        inner = encoded[[0, 2, 3][before] :].rstrip("=")
        inner = inner if (before + len(raw)) % 3 == 0 else inner[:-1]
        found |= {inner, inner.replace("+", "-").replace("/", "_"), quote(inner, safe="")}
    return {spelling.encode() for spelling in found if len(spelling) >= SHORTEST}


def shown(secrets: Iterable[str], written: bytes | str) -> set[str]:
    """Those of `secrets` that stand in what was written, each with its first letters only."""
    data = written.encode(errors="replace") if isinstance(written, str) else written
    return {f"{secret[:6]}…" for secret in secrets for spelling in spellings(secret) if spelling in data}


def given_out(written: bytes | str) -> set[str]:
    """Secrets of stores and of apps that nobody planted."""
    data = written.encode(errors="replace") if isinstance(written, str) else written
    return {found.decode()[:9] + "…" for found in GIVEN_OUT.findall(data)}


# What fixtures give to stores in memory, and how it travels.
GIVEN = ("fake-secret", "fake-password")


def leaked(written: bytes | str) -> set[str]:
    """Secrets of any test's store that stand in what was written."""
    return shown(GIVEN, written) | given_out(written)


def leaked_into(folder: Path) -> dict[str, set[str]]:
    """The same of every log file below a folder, by name."""
    files = [file for file in folder.rglob("*") if file.is_file() and ".log" in file.name]
    return {file.name: found for file in files if (found := leaked(file.read_bytes()))}
